"""The tables of what a failure does, for docs/failures.md: `failures_page.py [--check]`.

Writes them anew; with `--check` it only says, by its exit code, whether they are fresh.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from sidehook._types import FailureClass, OnError
from sidehook_server.modes import PHASES, Schedule
from sidehook_server.policy import CLASSES, consequence

PAGE = Path(__file__).resolve().parent.parent / "docs" / "failures.md"

_GENERATED = re.compile(r"(<!-- generated: begin -->\n).*?(<!-- generated: end -->)", re.DOTALL)


def page(text: str) -> str:
    """Return the page with its generated part made anew."""
    made = "\n".join((*_consequences(), "", *_classes(), ""))
    return _GENERATED.sub(lambda found: found[1] + made + found[2], text)


def _consequences() -> list[str]:
    names = [f"{row.name} (default `{row.default_on_error}`)" for row in PHASES]
    return [
        f"| failure | `on_error` | {' | '.join(names)} | in shadow |",
        f"|---|---|{'---|' * (len(names) + 1)}",
        *(
            f"| `{kind}` | `{action}` | {' | '.join(_cells(kind, action))} |"
            for kind in FailureClass
            for action in OnError
        ),
    ]


def _cells(kind: FailureClass, action: OnError) -> list[str]:
    in_phases = [row.schedule is not Schedule.DETACHED for row in PHASES]
    return [_cell(kind, action, may_end_call=it) for it in (*in_phases, False)]


def _cell(kind: FailureClass, action: OnError, *, may_end_call: bool) -> str:
    follows = consequence(kind, action, may_end_call=may_end_call)
    words = [f"`{follows.outcome}`"]
    if follows.ends_call:
        words.append("ends the call")
    if follows.opens_circuit:
        words.append("hook left out")
    return ", ".join(words)


def _classes() -> list[str]:
    return [
        "| failure | counts for the breaker | a worker may claim it |",
        "|---|---|---|",
        *(
            f"| `{kind}` | {_yes(it=row.feeds_breaker)} | {_yes(it=row.workers_own)} |"
            for kind, row in CLASSES.items()
        ),
    ]


def _yes(*, it: bool) -> str:
    return "yes" if it else "no"


def main() -> int:
    """Write or check the page."""
    before = PAGE.read_text()
    after = page(before)
    if "--check" in sys.argv[1:]:
        return int(before != after)
    PAGE.write_text(after)
    return 0


if __name__ == "__main__":
    sys.exit(main())
