"""`python -m tests.chaos --rounds 50 [--seed N]`: kill -9 under load, and account for it all.

Runs the same script twice, with a journal of detached work and without. The exit code is 1
when a law did not hold; the records are then left in a folder that is named.
"""

import argparse
import secrets
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.chaos.accounting import Evidence, account_for
from tests.chaos.report import Result, longest_outage, table
from tests.chaos.script import script
from tests.chaos.stage import PRELOAD, VICTIMS, Stage, StageError
from tests.supervised import Nursery, nursery

JOURNAL: Final = "journal"
MODES: Final = (JOURNAL, "memory")
"""The two runs: with a journal of detached work, and without."""

ROUND_SECONDS: Final = 8.0
"""What a round may take at most, on average; a run that takes more is given up."""

SPARE_SECONDS: Final = 120.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run both, print the table, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=1000, help="of each run (default: 1000)")
    parser.add_argument("--seed", type=int, help="of an earlier run, to kill as it did")
    parser.add_argument("--only", choices=MODES, help="one of the two runs, to look at it closer")
    options = parser.parse_args(arguments)
    seed = secrets.randbelow(2**32) if options.seed is None else options.seed
    print(f"chaos: {options.rounds} rounds of each run; --seed {seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="sh", dir="/tmp"))
    environment = {"GRPC_EXPERIMENTS": "-event_engine_client,-event_engine_listener"}
    results: dict[str, Result] = {}
    with nursery(folder, preload=PRELOAD, environment=environment) as children:
        for name in MODES if options.only is None else (options.only,):
            children.folder = folder / name
            children.folder.mkdir()
            results[name] = run(children, seed, options.rounds, has_journal=name == JOURNAL)
    print(table(results))
    for name, result in results.items():
        print(f"longest outage, {name}: {longest_outage(result)}")
    problems = [f"{name}: {it}" for name, result in results.items() for it in result.problems]
    for problem in problems:
        print(f"BROKEN {problem}")
    if problems:
        print(
            f"chaos: {len(problems)} laws or bounds did not hold with --seed {seed}; see {folder}"
        )
        return 1
    shutil.rmtree(folder)
    print("chaos: every law held")
    return 0


def run(children: Nursery, seed: int, rounds: int, *, has_journal: bool) -> Result:
    """All rounds of the script, then the healing and the account."""
    stage = Stage(children, seed=seed, has_journal=has_journal)
    kills: Counter[str] = Counter()
    problems: list[str] = []
    healed_in, began = 0.0, time.monotonic()
    try:
        stage.start()
        began = time.monotonic()
        play(stage, seed, rounds, kills, problems)
        healed_in = stage.heal()
        problems.extend(stage.died())
        problems.extend(stage.stop())
    except StageError as error:
        problems.append(str(error))
    finally:
        children.end()
    seconds = time.monotonic() - began
    account = account_for(
        Evidence(
            calls=stage.calls(),
            runs=stage.runs(),
            counted=stage.counted(),
            kills=stage.kills,
            has_journal=has_journal,
        )
    )
    return Result(
        account=account,
        kills=kills,
        killed=stage.killed,
        seconds=seconds,
        healed_in=healed_in,
        problems=(*problems, *account.problems),
    )


def play(stage: Stage, seed: int, rounds: int, kills: Counter[str], problems: list[str]) -> None:
    """Kill as the script says. Raises StageError when it takes too long."""
    deadline = time.monotonic() + SPARE_SECONDS + rounds * ROUND_SECONDS
    for each in script(seed, rounds, VICTIMS):
        if time.monotonic() > deadline:
            raise StageError(f"round {each.number} of {rounds} is not over in time")
        if each.settle:
            stage.settle()
        time.sleep(each.wait)
        problems.extend(stage.died())
        stage.kill(each.victim)
        kills[each.kind] += 1
        if sys.stdout.isatty() or each.number % 100 == 0:
            print(f"round {each.number} of {rounds}: killed {each.victim}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
