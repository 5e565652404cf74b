"""The benchmark: `python -m bench quick|full|guard|plots`. `make bench` and its like call it."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence

from bench import guard
from bench.experiments.every import EVERY, PARTS
from bench.experiments.model import Experiment
from bench.processes import ProcessError
from bench.results import FULL, LATEST, SELECTION, document, write
from bench.run import idle_mebibytes, run
from bench.stage import LegError
from bench.tables import targets_table
from bench.targets import TARGETS, idle_memory, judge

_MINUTES = {"quick": 4.75, "full": 25.0}


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says; the exit code. A target that does not hold is no failure."""
    options = _parser().parse_args(argv)
    if options.command == "guard":
        return guard.main(writes=options.write)
    if options.command == "plots":
        return _draw()
    try:
        return _measure(options)
    except (LegError, ProcessError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1


def _measure(options: argparse.Namespace) -> int:
    minutes = _MINUTES[options.command] if options.minutes is None else options.minutes
    idle = idle_memory(idle_mebibytes())
    done = run(_selected(options), seconds=minutes * 60, say=lambda text: print(text, flush=True))
    outcomes = [judge(target, done.measured) for target in (*TARGETS, idle)]
    print(targets_table(outcome.as_json() for outcome in outcomes))
    for name, why in done.not_run.items():
        print(f"not measured: {name}: {why}")
    found = document(done.measured, outcomes, kind=options.command, not_run=done.not_run)
    is_full = options.command == "full"
    files = [SELECTION] if options.only else [LATEST, FULL] if is_full else [LATEST]
    for file in files:
        write(found, file)
        print(f"written: {file}")
    return _draw() if FULL in files else 0


def _selected(options: argparse.Namespace) -> tuple[Experiment, ...]:
    parts = ("targets",) if options.command == "quick" else PARTS
    wanted = [each for each in EVERY if each.part in parts]
    if options.only is not None:
        wanted = [each for each in wanted if options.only.search(f"{each.part}/{each.name}")]
    return tuple(wanted)


def _draw() -> int:
    # Only now: the guard runs where there is no matplotlib.
    from bench.page import PAGE, write_page
    from bench.plots import draw

    for file in draw():
        print(f"drawn: {file}")
    write_page()
    print(f"written: {PAGE}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for command, about in (
        ("quick", "the targets alone, in under 5 minutes"),
        ("full", "targets, floors, peers, ladder, growth, and plots"),
    ):
        one = commands.add_parser(command, help=about)
        one.add_argument("--minutes", type=float, help="stop after so many")
        one.add_argument(
            "--only",
            type=re.compile,
            metavar="PATTERN",
            help=f"only what matches PART/EXPERIMENT; the parts are {', '.join(PARTS)}",
        )
    one = commands.add_parser("guard", help="compare CPU with the baseline")
    one.add_argument("--write", action="store_true", help="write the baseline instead")
    commands.add_parser("plots", help="draw the plots and write the page of the last full run anew")
    return parser


if __name__ == "__main__":
    sys.exit(main())
