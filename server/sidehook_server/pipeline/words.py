"""What workers say, short enough for receipts and log lines.

A worker may write a text as long as a message. The violation that its caller gets keeps
its words whole; what is repeated in receipts, notices and the log is cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

MAX_CODE: Final = 128
"""The characters of a code, of a violation or a failure."""

MAX_SENTENCE: Final = 1024
"""The characters of a reason or message in a receipt."""

_NAMED: Final = 20


def cut(text: str, most: int) -> str:
    """The text, or its beginning with an ellipsis, in at most so many characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def named(names: Sequence[str]) -> str:
    """The names in one line; of very many the first twenty and the number of the others."""
    more = len(names) - _NAMED
    listed = ",".join(names[:_NAMED])
    return f"{listed} and {more} more" if more > 0 else listed
