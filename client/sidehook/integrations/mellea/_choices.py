"""What hooks may choose by name, because the object itself cannot cross."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

T = TypeVar("T")


class Choices:
    """What hooks may put in the place of what the application uses, each by its name.

    Args:
        formats: Pydantic models that outputs may have to follow; their class names.
        strategies: Sampling strategies; their class names.
        tools: Tools that may be called instead of the one the model asked for; their
            `name`. A tool that is listed here is called itself; mellea's plugins hand
            on a deep copy of any other when a hook changes its arguments.

    Raises ValueError for two with one name.
    """

    def __init__(
        self,
        *,
        formats: Iterable[type] = (),
        strategies: Iterable[object] = (),
        tools: Iterable[Any] = (),
    ) -> None:
        self.formats = _by_name("formats", ((one.__name__, one) for one in formats))
        self.strategies = _by_name("strategies", ((type(one).__name__, one) for one in strategies))
        self.tools = _by_name("tools", ((str(one.name), one) for one in tools))


def _by_name(what: str, named: Iterable[tuple[str, T]]) -> Mapping[str, T]:
    found: dict[str, T] = {}
    for name, one in named:
        if name in found:
            raise ValueError(f"two of the {what} are called {name}; a hook could not choose")
        found[name] = one
    return MappingProxyType(found)
