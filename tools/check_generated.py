"""Fail unless the generated code is what the contract generates, and is in git.

The contract is compiled into a scratch folder and compared, so that a check changes nothing.
"""

import difflib
import subprocess
import sys
import tempfile
from pathlib import Path

from generate_proto import PACKAGE, ROOT, generate, generated_files

MAX_DIFF_LINES = 40


def main() -> int:
    """Print what differs; return the exit code."""
    with tempfile.TemporaryDirectory() as scratch:
        generate(Path(scratch))
        fresh = _texts(Path(scratch))
    problems = _differences(_texts(ROOT / "client"), fresh) + _unknown_to_git()
    if problems:
        print(*problems, "make proto writes the generated code anew.", sep="\n", file=sys.stderr)
    return 1 if problems else 0


def _texts(output: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in generated_files(output)}


def _differences(present: dict[str, str], fresh: dict[str, str]) -> list[str]:
    diffs: list[str] = []
    for name in sorted(present.keys() | fresh.keys()):
        lines = difflib.unified_diff(
            present.get(name, "").splitlines(),
            fresh.get(name, "").splitlines(),
            fromfile=f"client/{PACKAGE / name}",
            tofile="what the contract generates",
            lineterm="",
        )
        diffs += list(lines)[:MAX_DIFF_LINES]
    return diffs


def _unknown_to_git() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--others", "--exclude-standard", "--", f"client/{PACKAGE}"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [f"{name} is not in git: git add it" for name in listed.stdout.split()]


if __name__ == "__main__":
    sys.exit(main())
