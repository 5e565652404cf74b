"""What the demo prints: headings, the lines of hooks, receipts, violations."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from examples.demo.processes import Child
    from sidehook import Receipt
    from sidehook.integrations.mellea import RemoteViolation

COLUMNS = ("mode", "worker", "hook", "process", "outcome", "time", "what")


def heading(text: str) -> None:
    """Print the heading of a part of the account."""
    print(f"\n{text}\n{'─' * len(text)}", flush=True)


def say(text: str) -> None:
    """Print a sentence of the account at once."""
    print(f"  {text}", flush=True)


def processes(children: Iterable[Child]) -> None:
    """Print which processes there are and what they serve."""
    rows = [(child.name, f"pid {child.pid}", child.serves) for child in children]
    _table(("process", "", "serves"), rows)


def hook_lines(worker: Child, lines: Iterable[str]) -> None:
    """Print the lines that hooks wrote, with the process that each ran in."""
    for line in lines:
        say(f"{worker.name}, pid {worker.pid} │ {line}")


def receipt(given: Receipt) -> None:
    """Print what happened to every hook of a call."""
    say(f"receipt of call {given.call_id}, {given.duration * 1000:.1f} ms in the sidecar")
    _table(
        COLUMNS,
        [
            (
                str(line.mode),
                line.worker,
                line.hook,
                line.instance,
                str(line.outcome),
                "" if line.duration is None else f"{line.duration * 1000:.1f} ms",
                line.code or ", ".join(line.changed_fields),
            )
            for line in given.lines
        ],
    )


def violation(given: RemoteViolation) -> None:
    """Print why a call was blocked."""
    _table(
        ("blocked by", given.name),
        [
            ("hook type", given.hook_type),
            ("code", given.code),
            ("reason", given.reason),
            ("description", given.description),
            ("details", json.dumps(given.details)),
        ],
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    columns = zip(head, *rows, strict=True)
    widths = [max(len(cell) for cell in column) for column in columns]
    for row in (head, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        say("  ".join(cells).rstrip())
