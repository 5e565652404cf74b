"""The terms of a hook as JSON for `/state`, and back from there, with nothing lost."""

from __future__ import annotations

from typing import Final

from sidehook._types import JSON, FailureClass, Mode, OnError, OnRejected
from sidehook_server.conditions import compile_condition
from sidehook_server.modes import PHASES
from sidehook_server.pipeline.model import PlannedHook

_ROWS: Final = {row.name: row for row in PHASES}


def hook_view(hook: PlannedHook) -> dict[str, JSON]:
    """Everything that a hook runs on."""
    fields: list[JSON] | None = None if hook.fields is None else [*sorted(hook.fields)]
    return {
        "name": hook.name,
        "hook_type": hook.hook_type,
        "mode": hook.mode.value,
        "priority": hook.priority,
        "timeout_seconds": hook.timeout,
        "on_error": {kind.value: action.value for kind, action in hook.on_error.items()},
        "on_rejected": hook.on_rejected.value,
        "tenant": hook.tenant,
        "scope": hook.scope,
        "fields": fields,
        "idempotent": hook.idempotent,
        "required": hook.required,
        "condition": None if hook.condition is None else hook.condition.source,
        "sample": hook.sample,
        "requires_final_payload": hook.final_payload,
        "shadow_of": None if hook.shadow_of is None else hook.shadow_of.name,
    }


def hook_from_view(worker: str, view: dict[str, JSON]) -> PlannedHook:
    """The hook that a view is of. Raises KeyError, TypeError or ValueError for another one."""
    scope, fields, shadow_of = view["scope"], view["fields"], view["shadow_of"]
    condition = view["condition"]
    return PlannedHook(
        worker=worker,
        name=_text(view["name"]),
        hook_type=_text(view["hook_type"]),
        mode=Mode(_text(view["mode"])),
        priority=int(_number(view["priority"])),
        timeout=_number(view["timeout_seconds"]),
        on_error={
            FailureClass(kind): OnError(_text(action))
            for kind, action in _object(view["on_error"]).items()
        },
        on_rejected=OnRejected(_text(view["on_rejected"])),
        tenant=_text(view["tenant"]),
        scope=None if scope is None else _text(scope),
        fields=None if fields is None else frozenset(map(_text, _list(fields))),
        idempotent=view["idempotent"] is True,
        required=view["required"] is True,
        condition=None if condition is None else compile_condition(_text(condition)),
        sample=_number(view["sample"]),
        final_payload=view["requires_final_payload"] is True,
        shadow_of=None if shadow_of is None else _ROWS[_text(shadow_of)],
    )


def _text(value: JSON) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _number(value: JSON) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is no number")
    return value


def _list(value: JSON) -> list[JSON]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is no list")
    return value


def _object(value: JSON) -> dict[str, JSON]:
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} is no object")
    return value
