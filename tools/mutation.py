"""Mutation testing of the sidecar's core, bounded in time: `make mutation`.

mutmut changes one thing at a time in the functions of the core and runs the tests that
reach it, until one fails: those that noticed the mutant before first, then the quick
ones (tests/mutation/likely_first.py). It wants the package below `src`, so it works on a
copy, in `.mutation`. What it does not change are tables, properties and other code
outside plain functions: faults in those are in tests/laws/test_mutants.py.

Prints the share of mutants that a test noticed, and every one that none did: a mutant
that was not tried, or that no test reaches, counts as one that nobody noticed. Fails when
the share is too small, when a survivor has no reason in tests/mutation/survivors.yaml, or
a reason there no survivor.

`--retry` tries again, with the tests as they are now, the mutants that nobody noticed in
the last run, and those that ran out of time.
"""

from __future__ import annotations

import argparse
import filecmp
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import yaml

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / ".mutation"
STATS = WORK / "mutants" / "mutmut-stats.json"
REASONS = ROOT / "tests" / "mutation" / "survivors.yaml"

SHARE = 0.85
MUTMUT = (sys.executable, "-m", "mutmut")
KILLED = {"killed", "segfault"}
NOTICED = {*KILLED, "timeout"}
UNTRIED = "not checked"
SOURCE = ("server/sidehook_server", "src/sidehook_server")
TESTS = ("tests", "docs", "tools", "proto", "pyproject.toml")
# A mutant may gather things without end.
MEMORY = 4 << 30


@dataclass(frozen=True, slots=True)
class Change:
    """What a mutant changes, told so that it can be found again when the code moves.

    `where` is the function, without its module.
    """

    where: str
    old: str
    new: str


def main(argv: Sequence[str] | None = None) -> int:
    """Return 0 when enough was noticed, every survivor has a reason, and every reason one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="the time limit")
    parser.add_argument("--children", type=int, default=os.cpu_count() or 1, help="at once")
    parser.add_argument("--retry", action="store_true", help="those that nobody noticed, again")
    parser.add_argument("--report", action="store_true", help="on the last run, without a new one")
    parser.add_argument("only", nargs="*", help="patterns of mutants, as mutmut takes them")
    args = parser.parse_args(argv)
    if not args.report:
        if args.retry:
            forget_survivors()
        prepare(anew=not args.retry)
        run(args.only, minutes=args.minutes, children=args.children)
    mutants = dict(fates())
    return report(mutants, changes(survivors(mutants)), reasons())


def forget_survivors() -> None:
    """Forget what became of the mutants of the last run that nobody noticed."""
    # Only the environment of mutation testing has it.
    from mutmut.mutation.data import SourceFileMutationData
    from mutmut.stats import status_by_exit_code
    from mutmut.utils.file_utils import walk_mutatable_files

    if not (WORK / "mutants").exists():
        sys.exit("there is no last run whose mutants could be tried again")
    if differs(filecmp.dircmp(ROOT / SOURCE[0], WORK / SOURCE[1])):
        sys.exit("the code is not the one whose mutants were tried; start anew without a retry")
    with chdir(WORK):
        for path in walk_mutatable_files():
            file = SourceFileMutationData(path=path)
            file.load()
            file.exit_code_by_key = {
                name: code if status_by_exit_code[code] in KILLED else None
                for name, code in file.exit_code_by_key.items()
            }
            file.save()


def differs(folders: filecmp.dircmp[str]) -> bool:
    """Whether a file is in one of two folders alone, or not the same in both."""
    alone = {*folders.left_only, *folders.right_only} - {"__pycache__"}
    return bool(alone or folders.diff_files or any(map(differs, folders.subdirs.values())))


def prepare(*, anew: bool) -> None:
    """Make the copy that is mutated, or only bring its tests and what they read up to date."""
    if anew:
        shutil.rmtree(WORK, ignore_errors=True)
        copy(*SOURCE)
    for name in TESTS:
        copy(name, name)
    # Which tests reach what is found out anew; what became of the mutants is kept elsewhere.
    STATS.unlink(missing_ok=True)


def copy(source: str, target: str) -> None:
    """Put a file or folder of the repository in the copy, in place of what is there."""
    if (ROOT / source).is_file():
        shutil.copy(ROOT / source, WORK / target)
        return
    for there in (WORK, WORK / "mutants"):
        shutil.rmtree(there / target, ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / source, WORK / target, ignore=ignored)


def run(only: Sequence[str], *, minutes: float, children: int) -> None:
    """Let mutmut work until it is done or its time is over."""
    command = [*MUTMUT, "run", "--max-children", str(children), *only]
    # A group of its own, so that nothing of it outlives the time limit, or an end by force.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.RLIM_INFINITY))
    start = monotonic()
    process = subprocess.Popen(command, cwd=WORK, start_new_session=True)
    try:
        process.wait(60 * minutes)
    except subprocess.TimeoutExpired:
        print(f"\n{minutes:g} minutes are over")
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.returncode > 0:
        sys.exit(f"mutmut failed with {process.returncode}; what it says is above")
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    load = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    print(
        f"\n{(monotonic() - start) / 60:.1f} minutes, of the processors' "
        f"{(spent.ru_utime + spent.ru_stime) / 60:.1f}; load averages {load} "
        f"on {os.cpu_count()} processors"
    )


def fates() -> Iterator[tuple[str, str]]:
    """Every mutant by name, and what became of it."""
    done = subprocess.run(
        [*MUTMUT, "results", "--all", "true"],
        cwd=WORK,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    for line in done.stdout.splitlines():
        name, _, fate = line.strip().rpartition(": ")
        yield name, fate


def survivors(mutants: Mapping[str, str]) -> dict[str, str]:
    """Those that nobody noticed."""
    return {name: fate for name, fate in mutants.items() if fate not in NOTICED}


def changes(mutants: Mapping[str, str]) -> dict[str, Change]:
    """What each of these changes, those aside that were not tried."""
    with chdir(WORK):
        return {name: change_of(name) for name, fate in mutants.items() if fate != UNTRIED}


def change_of(mutant: str) -> Change:
    """What this mutant changes. Works in the copy."""
    # Only the environment of mutation testing has it.
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    lines = get_diff_for_mutant(mutant).splitlines()[2:]
    old, new = ("\n".join(it[1:].strip() for it in lines if it[:1] == sign) for sign in "-+")
    function = mutant.rpartition(".")[2].partition("__mutmut_")[0]
    return Change(function.removeprefix("x_").removeprefix("xǁ").replace("ǁ", "."), old, new)


def reasons() -> dict[Change, str]:
    """Why some mutants may survive. `new` is what one of them changes a line to, or a list."""
    entries = yaml.safe_load(REASONS.read_text()) or []
    return {
        Change(it["where"], it["old"], new): it["why"]
        for it in entries
        for new in (it["new"] if isinstance(it["new"], list) else [it["new"]])
    }


def report(
    mutants: Mapping[str, str], changes: Mapping[str, Change], why: Mapping[Change, str]
) -> int:
    """Print what became of the mutants, and which survivors nobody gave a reason for."""
    for name, change in changes.items():
        print(f"- where: {change.where}  # {name}: {mutants[name]}")
        print(f"  old: {change.old!r}\n  new: {change.new!r}")
        print(f"  why: {why.get(change, 'NO REASON GIVEN')}")
    alive = survivors(mutants)
    untried = len(alive) - len(changes)
    nobody = sum(change not in why for change in changes.values())
    stale = set() if untried else set(why) - set(changes.values())
    for change in stale:
        print(f"{change.where}: has a reason in {REASONS.name}, and does not survive: {change.new}")
    share = 1 - len(alive) / max(1, len(mutants))
    print(", ".join(f"{count} {fate}" for fate, count in Counter(mutants.values()).most_common()))
    print(f"{len(mutants) - len(alive)} of {len(mutants)} mutants were noticed: {share:.1%}")
    print(
        f"{len(alive)} survive: {len(changes) - nobody} with a reason, {nobody} without one, "
        f"{untried} that were not tried"
    )
    return int(bool(stale or nobody or untried or not mutants or share < SHARE))


if __name__ == "__main__":
    sys.exit(main())
