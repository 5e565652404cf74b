"""Projections of errors of the application."""

from __future__ import annotations

from sidehook._payload import FrozenDict
from sidehook.integrations.mellea_worker._projection import Projection, loaded_exception, shaped


class ExceptionProjection(Projection):
    """An error: its class and its text. It cannot be raised here."""

    __slots__ = ()

    # Logging one must work, as it does in the application.
    __traceback__ = None
    __cause__ = None
    __context__ = None
    __suppress_context__ = False

    def __str__(self) -> str:
        return str(self._members["message"])

    def __repr__(self) -> str:
        return f"{self._members['type']}({self._members['message']!r})"


def exception(members: FrozenDict, path: str) -> Projection:
    """Return the projection of an error."""
    name = str(members["type"])
    real = loaded_exception(str(members.get("module")), name) or Exception
    return shaped(ExceptionProjection, name, real)(members, path)
