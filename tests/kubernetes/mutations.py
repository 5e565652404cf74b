"""Broken manifests, from the table in `mutations.yaml`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from tests.kubernetes.golden import golden
from tests.kubernetes.objects import Object, of_kind

_POD: Final = ("spec", "template", "spec")
# In the example sidehook-app the worker comes first, then the sidecar, then the application.
_BEGINNINGS: Final[Mapping[str, tuple[str | int, ...]]] = {
    "pod": _POD,
    "worker": (*_POD, "initContainers", 0),
    "sidecar": (*_POD, "initContainers", 1),
    "app": (*_POD, "containers", 0),
    "first": (*_POD, "containers", 0),
    "rule": ("spec", "groups", 0, "rules", 0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """One thing that is broken: a row of the table. `check` is to say a sentence with `says`."""

    check: str
    says: str
    base: str
    kind: str
    path: str
    value: Any = None
    gone: bool = False
    replace: tuple[str, str] | None = None
    append: list[Any] | None = None
    reverse: bool = False

    @property
    def name(self) -> str:
        """For a parametrized test."""
        return f"{self.check}: {self.says} ({self.path})"

    def objects(self) -> list[Object]:
        """Return the golden file's objects, broken."""
        objects = golden(self.base)
        *above, last = self._steps()
        target: Any = of_kind(objects, self.kind)[0]
        for step in above:
            target = target.setdefault(step, {}) if isinstance(target, dict) else target[step]
        if self.gone:
            del target[last]
        else:
            target[last] = self._edit()(target[last] if self._has_value_before else None)
        return objects

    @property
    def _has_value_before(self) -> bool:
        return self.replace is not None or self.append is not None or self.reverse

    def _edit(self) -> Callable[[Any], Any]:
        if self.replace is not None:
            return self._replaced
        if self.append is not None:
            more = self.append
            return lambda items: [*items, *more]
        if self.reverse:
            return lambda items: items[::-1]
        return lambda _: self.value

    def _replaced(self, text: str) -> str:
        assert self.replace is not None
        old, new = self.replace
        assert old in text, f"{self.base} does not have {old!r}"
        return text.replace(old, new)

    def _steps(self) -> list[str | int]:
        first, _, rest = self.path.partition("/")
        begin = _BEGINNINGS.get(first, (first,))
        words = [word.replace("~1", "/") for word in rest.split("/") if word]
        return [*begin, *(int(word) if word.lstrip("-").isdigit() else word for word in words)]


def _mutations() -> list[Mutation]:
    table = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text())
    return [Mutation(**row) for row in table]


MUTATIONS: Final = _mutations()
"""The table."""
