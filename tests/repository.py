"""The repository that the tests stand in, as git sees it."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def repository_files() -> list[Path]:
    """Return what is or could be committed, relative to ROOT: changed and new files included."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    names = sorted(set(filter(None, listed.stdout.split("\0"))))
    # What was deleted and not committed yet is still listed.
    return [Path(name) for name in names if (ROOT / name).is_file()]
