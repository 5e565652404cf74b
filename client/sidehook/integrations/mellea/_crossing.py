"""What the projections of one call share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from sidehook.integrations.mellea._opaque import Opaques

DEFAULT_ENTRIES: Final = 20
"""How many of the newest entries of a context cross when nobody says otherwise."""

_MAX_DEPTH: Final = 8


class ProjectionError(ValueError):
    """A payload of mellea that cannot cross. The message holds no payload text."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """One payload on its way to the sidecar and back.

    Attributes:
        entries: How many of the newest entries of a context cross.
        opaques: The values of the payload that cannot cross, by their handles.
        depth: How many components may still be nested in one another.

    """

    entries: int = DEFAULT_ENTRIES
    opaques: Opaques = field(default_factory=Opaques)
    depth: int = _MAX_DEPTH

    def deeper(self) -> Crossing:
        """Return the same one for what is inside a component."""
        return Crossing(self.entries, self.opaques, self.depth - 1)
