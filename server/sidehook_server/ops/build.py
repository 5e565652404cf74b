"""How this installation was built."""

from __future__ import annotations

from typing import Final

from sidehook import _frames
from sidehook_server.pipeline import run

COMPILED: Final = all(not (each.__file__ or "").endswith(".py") for each in (_frames, run))
"""Whether both distributions have their hot modules compiled (docs/compiled.md)."""
