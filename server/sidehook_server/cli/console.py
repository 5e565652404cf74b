"""Where tables go: as wide as the terminal, and wide enough for a line of a log elsewhere."""

from __future__ import annotations

import sys
from typing import Final

from rich.console import Console

_WIDTH_OF_A_PIPE: Final = 160


def console() -> Console:
    """Standard output."""
    return Console(width=None if sys.stdout.isatty() else _WIDTH_OF_A_PIPE, highlight=False)
