"""The context that a hook written for mellea gets, and what it leaves in there.

mellea's `global_context.state` lives for one call and is handed from hook to hook. Here
it travels in the session's state, as `shared.mellea.…` keys with the call's id, so that
it works across workers; what a later call still finds there is removed.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from cpex.framework.models import GlobalContext, PluginContext

from sidehook import _json
from sidehook.integrations.mellea_worker._errors import CannotCrossError
from sidehook.worker import Context

_PREFIX = "shared.mellea."
_PARTS = ("state", "metadata")

BACKEND_LABEL = "mellea.backend_name"
"""The label in which an adapter sends mellea's `backend_name`, the id of the model."""


class CallState:
    """What hooks of this call left for each other, before and after one of them."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._before = {part: dict(self._read(part)) for part in _PARTS}
        backend = ctx.labels.get(BACKEND_LABEL)
        if backend is not None:
            self._before["state"].setdefault("backend_name", backend)

    def plugin_context(self) -> Any:
        """Return mellea's context for the hook. The state in it is the hook's own copy."""
        ctx = self._ctx
        return PluginContext(
            global_context=GlobalContext(
                request_id=ctx.request_id,
                user=ctx.user or None,
                tenant_id=ctx.tenant or None,
                **copy.deepcopy(self._before),
            )
        )

    def keep(self, plugin_context: Any) -> None:
        """Stage what the hook changed. Raises CannotCrossError for what is not JSON."""
        for part in _PARTS:
            after: Mapping[object, object] = getattr(plugin_context.global_context, part)
            for name, value in after.items():
                if name not in self._before[part] or self._changed(part, str(name), value):
                    self._ctx.state.set(_key(part, name), [self._ctx.call_id, value])

    def _changed(self, part: str, name: str, value: object) -> bool:
        path = f"global_context.{part}[{name!r}]"
        return _json.encode(value, path) != _json.encode(self._before[part][name], path)

    def _read(self, part: str) -> Iterator[tuple[str, Any]]:
        prefix = _key(part, "")
        for key in list(self._ctx.state):
            if key.startswith(prefix):
                call_id, value = self._ctx.state.get(key)
                if call_id == self._ctx.call_id:
                    yield key.removeprefix(prefix), value
                else:
                    self._ctx.state.delete(key)


def _key(part: str, name: object) -> str:
    if not isinstance(name, str):
        raise CannotCrossError(
            f"global_context.{part}", f"its keys are text, not {type(name).__name__}"
        )
    return f"{_PREFIX}{part}.{name}"
