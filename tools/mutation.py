"""Mutation testing of the sidecar's core, bounded in time: `make mutation`.

mutmut changes one thing at a time in the functions of the core and runs the tests that
reach it. It wants the package below `src`, so it works on a copy, in `.mutation`. What it
does not change are tables, properties and other code outside plain functions: faults in
those are in tests/laws/test_mutants.py.

Prints the share of mutants that a test noticed, and every one that none did: a mutant
that was not tried, or that no test reaches, counts as one that nobody noticed. Fails when
one has no reason in tests/mutation/survivors.yaml, or a reason there has no survivor.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / ".mutation"
REASONS = ROOT / "tests" / "mutation" / "survivors.yaml"

MUTMUT = (sys.executable, "-m", "mutmut")
NOTICED = {"killed", "timeout", "segfault", "caught by type check"}
COPIED = {
    "server/sidehook_server": "src/sidehook_server",
    **{name: name for name in ("tests", "docs", "tools", "proto")},
}


@dataclass(frozen=True, slots=True)
class Change:
    """What a mutant changes, told so that it can be found again when the code moves."""

    where: str
    old: str
    new: str


def main(argv: Sequence[str] | None = None) -> int:
    """Return 0 when every survivor has a reason and every reason a survivor."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="the time limit")
    parser.add_argument("--children", type=int, default=os.cpu_count() or 1, help="at once")
    parser.add_argument("--report", action="store_true", help="on the last run, without a new one")
    parser.add_argument("only", nargs="*", help="patterns of mutants, as mutmut takes them")
    args = parser.parse_args(argv)
    if not args.report:
        prepare()
        run(args.only, minutes=args.minutes, children=args.children)
    return report(dict(fates()), reasons())


def prepare() -> None:
    """Make the copy that is mutated, with what the tests read."""
    shutil.rmtree(WORK, ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__")
    for source, target in COPIED.items():
        shutil.copytree(ROOT / source, WORK / target, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", WORK)


def run(only: Sequence[str], *, minutes: float, children: int) -> None:
    """Let mutmut work until it is done or its time is over."""
    command = [*MUTMUT, "run", "--max-children", str(children), *only]
    # A group of its own, so that nothing of it outlives the time limit, or an end by force.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    process = subprocess.Popen(command, cwd=WORK, start_new_session=True)
    try:
        process.wait(60 * minutes)
    except subprocess.TimeoutExpired:
        print(f"\n{minutes:g} minutes are over")
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def fates() -> Iterator[tuple[str, str]]:
    """Every mutant by name, and what became of it."""
    for line in _mutmut("results", "--all", "true").splitlines():
        name, _, fate = line.strip().rpartition(": ")
        yield name, fate


def change_of(mutant: str) -> Change:
    """What this mutant changes."""
    lines = [
        line for line in _mutmut("show", mutant).splitlines() if line[:3] not in ("---", "+++")
    ]
    old, new = ("\n".join(it[1:].strip() for it in lines if it[:1] == sign) for sign in "-+")
    module, _, function = mutant.rpartition(".")
    where = function.partition("__mutmut_")[0].removeprefix("x_").removeprefix("xǁ")
    return Change(f"{module}.{where.replace('ǁ', '.')}", old, new)


def reasons() -> dict[Change, str]:
    """Why some mutants may survive."""
    entries = yaml.safe_load(REASONS.read_text()) or []
    return {Change(it["where"], it["old"], it["new"]): it["why"] for it in entries}


def report(mutants: Mapping[str, str], why: Mapping[Change, str]) -> int:
    """Print what became of the mutants, and which survivors nobody gave a reason for."""
    survivors = {name: fate for name, fate in mutants.items() if fate not in NOTICED}
    changes = {change_of(name): fate for name, fate in survivors.items() if fate != "not checked"}
    killed = len(mutants) - len(survivors)
    print(", ".join(f"{count} {fate}" for fate, count in Counter(mutants.values()).most_common()))
    print(f"{killed} of {len(mutants)} mutants were noticed: {killed / max(1, len(mutants)):.1%}")
    for change, fate in changes.items():
        print(f"- where: {change.where}  # {fate}\n  old: {change.old!r}\n  new: {change.new!r}")
        print(f"  why: {why.get(change, 'NO REASON GIVEN')}")
    untried = "not checked" in survivors.values()
    stale = set() if untried else set(why) - set(changes)
    for change in stale:
        print(f"{change.where}: has a reason in {REASONS.name}, and does not survive: {change.new}")
    unexplained = set(changes) - set(why)
    return int(bool(stale or unexplained or untried or not mutants))


def _mutmut(*command: str) -> str:
    done = subprocess.run(
        [*MUTMUT, *command], cwd=WORK, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
