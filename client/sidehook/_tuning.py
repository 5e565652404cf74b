"""How a process is set up that does Sidehook's work and nothing else. Pure data.

For the sidecar and for `sidehook worker`; an application's own process is never touched.
What each setting does and what it is worth is in docs/process-settings.md.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """Which settings a process is to have; all of them unless its operator says otherwise."""

    uvloop: bool = True
    grpc: bool = True
    malloc: bool = True
    gc: bool = True


SETTINGS: Final = tuple(field.name for field in fields(Tuning))
"""The names of the settings."""
