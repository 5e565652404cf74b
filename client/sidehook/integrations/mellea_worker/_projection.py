"""What a hook gets in the place of a live object of the application.

A projection reads like the object it stands for, as far as that crossed, and
`isinstance` takes it for one: a guard that looks at messages only must not pass over
one because it is in another process. All of it is read-only.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NoReturn, Self, TypeVar, cast

from sidehook.integrations.mellea_worker._errors import NotProjectedError, refuse_change

ShapeT = TypeVar("ShapeT", bound="Projection")

_MAX_CLASSES = 512


class Projection:
    """Stands for one live object: its members as they crossed, and where it is in the payload."""

    __slots__ = ("_members", "_path")

    _members: Mapping[str, Any]
    _path: str

    def __init__(self, members: Mapping[str, Any], path: str) -> None:
        # The one place that writes these: assigning to an attribute is refused below.
        object.__setattr__(self, "_members", members)
        object.__setattr__(self, "_path", path)

    def __getattr__(self, name: str) -> Any:
        # Protocols that Python looks for (`__len__`, `__deepcopy__`) are no parts of the object.
        if name.startswith("__"):
            raise AttributeError(name)
        if name not in self._members:
            raise self._not_there(name)
        return self._members[name]

    def __setattr__(self, name: str, value: object) -> NoReturn:
        refuse_change(f"payload.{self._path}.{name}")

    def __delattr__(self, name: str) -> NoReturn:
        refuse_change(f"payload.{self._path}.{name}")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at payload.{self._path}, a projection>"

    def _below(self, name: str) -> str:
        return f"{self._path}.{name}"

    def _not_there(self, name: str) -> NotProjectedError:
        return NotProjectedError.part(self._below(name), self._members)


def members_of(projection: Projection) -> Mapping[str, Any]:
    """Return what crossed, as it crossed."""
    members: Mapping[str, Any] = object.__getattribute__(projection, "_members")
    return members


def shaped(shape: type[ShapeT], name: str, stands_for: type | None) -> type[ShapeT]:
    """Return `shape` under the class name `name`; `isinstance` takes it for `stands_for`."""
    return cast("type[ShapeT]", _shaped(cast("type", shape), name, stands_for))


@lru_cache(_MAX_CLASSES)
def _shaped(shape: type, name: str, stands_for: type | None) -> type:
    namespace: dict[str, object] = {"__slots__": ()}
    if stands_for is not None:
        # `isinstance` asks the object for its class when the type alone does not satisfy it.
        namespace["__class__"] = property(lambda _: stands_for)
    return type(name, (shape,), namespace)


def loaded_class(name: str, roots: Iterable[type]) -> type | None:
    """Return the class called `name` at or below `roots`, as far as this process knows it.

    Of several, mellea's own. None when there is none, or when it cannot be told which.
    """
    found = {kind for kind in _below(roots) if kind.__name__ == name}
    own = {kind for kind in found if kind.__module__.startswith("mellea.")}
    candidates = own or found
    return candidates.pop() if len(candidates) == 1 else None


def loaded_exception(module: str, name: str) -> type[BaseException] | None:
    """Return an exception class that is loaded here. Nothing is imported by a name from afar."""
    found = getattr(sys.modules.get(module), name, None)
    return found if isinstance(found, type) and issubclass(found, BaseException) else None


def _below(roots: Iterable[type]) -> Iterator[type]:
    seen: set[type] = set()
    waiting = list(roots)
    while waiting:
        kind = waiting.pop()
        if kind not in seen:
            seen.add(kind)
            waiting.extend(type.__subclasses__(kind))
            yield kind
