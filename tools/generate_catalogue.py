"""Write what is generated from the catalogue of hook types; with `--check`, only compare.

Generated are the Python catalogue, the typed views of payloads, and the table in the docs.
"""

import difflib
import subprocess
import sys
from pathlib import Path

from catalogue import ORIGIN, ROOT, Catalogue, load
from catalogue_page import page
from catalogue_python import catalogue_module, views_module

MAX_DIFF_LINES = 40


def main(arguments: list[str]) -> int:
    """Write or check every output; return the exit code."""
    fresh = outputs(load())
    if "--check" not in arguments:
        for path, text in fresh.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return 0
    stale = [line for path, text in fresh.items() for line in _difference(path, text)]
    if stale:
        print(*stale, "make proto writes the generated files anew.", sep="\n", file=sys.stderr)
    return 1 if stale else 0


def outputs(catalogue: Catalogue) -> dict[Path, str]:
    """Return each generated file with its text."""
    package = ROOT / "client" / "sidehook"
    return {
        package / "_catalogue.py": _formatted(catalogue_module(catalogue)),
        package / "views.py": _formatted(views_module(catalogue)),
        ROOT / "docs" / "hook-types.md": page(catalogue),
    }


def _difference(path: Path, fresh: str) -> list[str]:
    present = path.read_text(encoding="utf-8") if path.exists() else ""
    lines = difflib.unified_diff(
        present.splitlines(),
        fresh.splitlines(),
        fromfile=str(path.relative_to(ROOT)),
        tofile=f"what {ORIGIN} generates",
        lineterm="",
    )
    return list(lines)[:MAX_DIFF_LINES]


def _formatted(source: str) -> str:
    """Return source as `ruff format` leaves it, so that the formatter has nothing to say to it."""
    ruff = Path(sys.executable).with_name("ruff")
    formatted = subprocess.run(
        [ruff, "format", "--config", ROOT / "pyproject.toml", "-"],
        input=source,
        check=True,
        capture_output=True,
        text=True,
    )
    return formatted.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
