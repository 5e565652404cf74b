"""Values that cannot cross, as a hook meets them: to be kept or dropped, and not used."""

from __future__ import annotations

from typing import Any, NoReturn

from sidehook._payload import FrozenDict, FrozenList
from sidehook.integrations.mellea_worker._errors import NotProjectedError
from sidehook.integrations.mellea_worker._projection import Projection, shaped

_OPAQUE = "$opaque"


class Opaque(Projection):
    """A value that cannot cross at all. It can be kept or dropped, and not be used."""

    __slots__ = ()

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise NotProjectedError(
            self._path, f"is a {type(self).__name__} of the application, out of reach from here"
        )

    __call__ = __iter__ = __len__ = __getitem__ = __contains__ = __bool__ = _refuse

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self._refuse()


def with_opaque(value: Any, path: str) -> Any:
    """Return JSON as it is, with what could not cross in it out of reach."""
    if isinstance(value, FrozenDict):
        if _OPAQUE in value:
            return shaped(Opaque, str(value.get("type")), None)(value, path)
        return FrozenDict({k: with_opaque(v, f"{path}[{k!r}]") for k, v in value.items()})
    if isinstance(value, FrozenList):
        return FrozenList(with_opaque(item, f"{path}[{i}]") for i, item in enumerate(value))
    return value
