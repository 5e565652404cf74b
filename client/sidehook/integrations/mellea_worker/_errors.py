"""What a hook written for mellea meets when it uses more than what crosses.

::

    NotProjectedError (AttributeError)   a part of a live object that stays in the application
    ReadOnlyError (TypeError)            a payload, or something in it, was to be changed in place
    CannotCrossError (TypeError)         a value that a hook hands back and that JSON cannot carry

They are raised inside the hook, so an uncaught one is a failure of that hook.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

PROJECTIONS_PAGE = "docs/mellea.md#projections"
"""Where it says what crosses of each live object."""


class NotProjectedError(AttributeError):
    """A hook used a part of a live object that does not cross to another process.

    `path` leads to it from the payload: `action.parts`.
    """

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"payload.{path} {problem}; see {PROJECTIONS_PAGE}")
        self.path = path

    @classmethod
    def part(cls, path: str, crossing: Iterable[str]) -> NotProjectedError:
        """Say that the part at `path` stayed behind, and which parts are there."""
        there = ", ".join(crossing) or "nothing"
        return cls(
            path,
            "is not there: the object itself is in the application, and what crosses of it "
            f"is {there}",
        )


class ReadOnlyError(TypeError):
    """A payload, or something in it, was to be changed in place."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"{path} cannot be changed in place, nobody would see it; "
            "return modify(payload, field=new_value) instead"
        )
        self.path = path


class CannotCrossError(TypeError):
    """A hook hands back a value that cannot go to the application."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}; see {PROJECTIONS_PAGE}")
        self.path = path


def refuse_change(path: str) -> NoReturn:
    """Raise ReadOnlyError for `path`."""
    raise ReadOnlyError(path)
