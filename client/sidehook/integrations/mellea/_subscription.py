"""Keeps mellea from building payloads that no remote hook wants to see.

mellea asks the registry of cpex `has_hooks_for(type)` before it builds a payload and
copies what is in it. An adapter stays registered for every type, so that no guard is
ever missing, and answers that question from the live list at the moment it is asked: a
list that is incomplete or past its lease says yes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any


class Subscriber(ABC):
    """A plugin that wants to see some hook types now, and perhaps others later.

    A base class and no protocol: mellea asks at each of its hook points, and whether
    something has a protocol takes ten times as long to find out as all the rest.
    """

    @abstractmethod
    def wants(self, hook_type: str) -> bool:
        """Whether a call of this type would have hooks to ask here and now."""


class _Answer:
    """Takes the place of `has_hooks_for` of one registry."""

    def __init__(self, registry: Any) -> None:
        self._registry = registry

    def __call__(self, hook_type: str) -> bool:
        """Whether anybody wants to see a hook type."""
        hooks = self._registry._hooks.get(hook_type, ())  # noqa: SLF001 - as the method itself
        return any(_wants(hook.plugin_ref.plugin, hook_type) for hook in hooks)


def keep_in_step(registry: Any) -> None:
    """Let the registry's answer follow what its subscribers want. Safe to call again."""
    if not isinstance(registry.has_hooks_for, _Answer):
        registry.has_hooks_for = _Answer(registry)


def _wants(plugin: object, hook_type: str) -> bool:
    return not isinstance(plugin, Subscriber) or plugin.wants(hook_type)
