"""Run make targets one after the other and print how long each took: `run_suites.py TARGET…`.

A target may come with variables for make behind colons: `chaos:ROUNDS=50`. Stops at the
first that fails; the table is printed all the same.
"""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main(targets: Sequence[str]) -> int:
    """Return the exit code of the first target that failed, or 0."""
    rows: list[tuple[str, float, int]] = []
    for target in targets:
        words = target.split(":")
        print(f"\n=== make {' '.join(words)}", flush=True)
        start = time.monotonic()
        code = subprocess.run(["make", *words], cwd=ROOT, check=False).returncode
        rows.append((target, (time.monotonic() - start) / 60, code))
        if code != 0:
            break
    _print_table(rows, not_run=targets[len(rows) :])
    return rows[-1][2] if rows else 0


def _print_table(rows: Sequence[tuple[str, float, int]], *, not_run: Sequence[str]) -> None:
    print(f"\n{'suite':<24} {'minutes':>8}  result")
    for target, minutes, code in rows:
        print(f"{target:<24} {minutes:>8.1f}  {'passed' if code == 0 else f'failed ({code})'}")
    for target in not_run:
        print(f"{target:<24} {'':>8}  not run")
    print(f"{'all':<24} {sum(minutes for _, minutes, _ in rows):>8.1f}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
