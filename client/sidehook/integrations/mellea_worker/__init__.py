"""Serves hooks that were written for mellea from a worker, without a change to them.

`sidehook worker --mellea file.py` is this; what runs as it is and what cannot is in
docs/mellea.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType
from typing import TYPE_CHECKING

from sidehook._errors import DefinitionError
from sidehook.integrations.mellea_worker._errors import (
    PROJECTIONS_PAGE,
    CannotCrossError,
    NotProjectedError,
    ReadOnlyError,
)

if TYPE_CHECKING:
    from sidehook.worker._collect import Hook

__all__ = [
    "PROJECTIONS_PAGE",
    "CannotCrossError",
    "NotProjectedError",
    "ReadOnlyError",
    "mellea_hooks",
]

_NEEDED = ("mellea", "cpex")


def mellea_hooks(sources: Iterable[str | ModuleType], *, fails_open: bool = False) -> list[Hook]:
    """Return the hooks that files and modules hold for mellea, for `serve` to serve.

    A file is named by its path, a module by its dotted name. `fails_open`: what a hook
    that fails does is what it does in mellea, where decorated hooks are ignored; else the
    default of its mode holds.

    Raises DefinitionError when mellea is not installed, for a source without such a hook
    and for a hook that cannot be served. Imports mellea, which takes seconds, and the
    sources.
    """
    try:
        from sidehook.integrations.mellea_worker import _collect
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in _NEEDED:
            raise
        raise DefinitionError(
            "hooks written for mellea need mellea: pip install 'sidehook[mellea]'"
        ) from error
    return _collect.mellea_hooks(sources, fails_open=fails_open)
