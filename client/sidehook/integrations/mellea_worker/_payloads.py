"""mellea's own payload objects, made again from the fields of a call."""

from __future__ import annotations

import types
from collections.abc import Mapping
from functools import cache
from typing import Any

from mellea.plugins.base import MelleaBasePayload
from mellea.plugins.types import HookType, register_mellea_hooks

from sidehook._catalogue import CATALOGUE
from sidehook._payload import FrozenDict, Payload
from sidehook.integrations.mellea_worker._contexts import BACKEND_LABEL
from sidehook.integrations.mellea_worker._errors import NotProjectedError, refuse_change
from sidehook.integrations.mellea_worker._shapes import read
from sidehook.worker import Context

HOOK_TYPES = frozenset(str(hook_type.value) for hook_type in HookType)
"""The hook types that mellea has."""


def mellea_payload(payload: Payload, ctx: Context) -> Any:
    """Return mellea's payload of a call: its class, its fields, live objects as projections.

    What cannot be known here has mellea's default; what the application did not send has
    no attribute. Nothing of it can be changed in place.
    """
    known = CATALOGUE[ctx.hook_type].fields
    fields = {
        name: read(known[name].type, payload[name], name) if name in known else payload[name]
        for name in payload
    }
    base = {
        "session_id": ctx.session_id or None,
        "request_id": ctx.request_id,
        "hook": ctx.hook_type,
        "user_metadata": FrozenDict({k: v for k, v in ctx.labels.items() if k != BACKEND_LABEL}),
    }
    made = _served_class(ctx.hook_type).model_construct(**{**base, **fields})
    for name in known.keys() - fields.keys():
        # A default would look like a value of the application's.
        vars(made).pop(name, None)
    return made


def payload_class(hook_type: str) -> type[MelleaBasePayload]:
    """Return mellea's payload class for one of HOOK_TYPES."""
    return _classes()[hook_type]


@cache
def _classes() -> Mapping[str, type[MelleaBasePayload]]:
    # The registry that mellea shares with cpex has cpex's payloads for mellea's tool hooks.
    register_mellea_hooks()
    from mellea.plugins.types import _HOOK_REGISTRY

    return {name: payload for name, (payload, _) in _HOOK_REGISTRY.items()}


@cache
def _served_class(hook_type: str) -> Any:
    """Return mellea's class with better words for what does not work out of process."""
    real = payload_class(hook_type)
    fields = CATALOGUE[hook_type].fields

    def missing(self: object, name: str) -> object:
        if name in fields:
            raise NotProjectedError(name, f"was not handed to this hook of {hook_type}")
        return real.__getattr__(self, name)

    def refuse_set(self: object, name: str, value: object) -> None:
        refuse_change(f"payload.{name}")

    def refuse_delete(self: object, name: str) -> None:
        refuse_change(f"payload.{name}")

    def fill(namespace: dict[str, object]) -> None:
        namespace.update(
            __module__=real.__module__,
            __qualname__=real.__qualname__,
            __doc__=real.__doc__,
            __getattr__=missing,
            __setattr__=refuse_set,
            __delattr__=refuse_delete,
        )

    return types.new_class(real.__name__, (real,), exec_body=fill)
