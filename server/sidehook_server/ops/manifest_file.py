"""The file that keeps the hooks of one worker, as text."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from sidehook._errors import MalformedError
from sidehook._manifest import ErrorPolicy, HookSpec
from sidehook._types import JSON, FailureClass, Mode, OnError, OnRejected
from sidehook_server.config.conditions import condition_problem
from sidehook_server.registry.effects import KeptHook, KeptWorker

FORMAT: Final = 1
"""The version of the file. Another one is refused."""

ChoiceT = TypeVar("ChoiceT", Mode, OnError, OnRejected, FailureClass)


def render(kept: KeptWorker) -> str:
    """The file of a worker. Terms that were not given are not in it."""
    hooks: list[JSON] = [_hook(hook) for hook in kept.hooks]
    content: dict[str, JSON] = {"format": FORMAT, "worker": kept.worker, "hooks": hooks}
    return json.dumps(content, indent=2, sort_keys=True) + "\n"


def parse(octets: bytes) -> KeptWorker:
    """What the file keeps.

    Raises MalformedError for anything that `render` would not write: nothing of a guard
    may be lost on the way.
    """
    content = _Object(_decoded(octets), "the file")
    if content.take("format", _integer) != FORMAT:
        raise MalformedError("format", f"it is not {FORMAT}: another version wrote the file")
    worker = content.take("worker", _text)
    hooks = tuple(_parse_hook(hook) for hook in content.take("hooks", _list))
    content.close()
    if len({(hook.spec.hook_type, hook.spec.name) for hook in hooks}) < len(hooks):
        raise MalformedError("hooks", "a hook is in it twice")
    return KeptWorker(worker, hooks)


def _decoded(octets: bytes) -> JSON:
    try:
        value: JSON = json.loads(octets.decode())
    except (ValueError, RecursionError) as error:
        raise MalformedError("the file", f"it is not JSON: {error}") from error
    return value


def _hook(hook: KeptHook) -> dict[str, JSON]:
    spec = hook.spec
    terms: dict[str, JSON] = {
        "name": spec.name,
        "hook_type": spec.hook_type,
        "tenant": hook.tenant or None,
        "mode": spec.mode,
        "priority": spec.priority,
        "timeout": spec.timeout,
        "on_error": None if spec.on_error is None else _policy(spec.on_error),
        "scope": spec.scope,
        "condition": spec.condition,
        "sample": spec.sample,
        "fields": None if spec.fields is None else list(spec.fields),
        "idempotent": spec.idempotent,
        "on_rejected": spec.on_rejected,
        "requires_final_payload": spec.requires_final_payload,
        "description": spec.description,
    }
    return {name: value for name, value in terms.items() if value is not None}


def _policy(policy: ErrorPolicy) -> dict[str, JSON]:
    overrides: dict[str, JSON] = {str(kind): str(act) for kind, act in policy.overrides.items()}
    return {"default": policy.default, "overrides": overrides}


def _parse_hook(value: JSON) -> KeptHook:
    hook = _Object(value, "hooks")
    spec = HookSpec(
        name=hook.take("name", _text),
        hook_type=hook.take("hook_type", _text),
        mode=hook.optional("mode", _choice(Mode)),
        priority=hook.optional("priority", _integer),
        timeout=hook.optional("timeout", _number),
        on_error=hook.optional("on_error", _parse_policy),
        scope=hook.optional("scope", _text),
        condition=hook.optional("condition", _text),
        sample=hook.optional("sample", _number),
        fields=hook.optional("fields", _texts),
        idempotent=hook.optional("idempotent", _boolean),
        on_rejected=hook.optional("on_rejected", _choice(OnRejected)),
        requires_final_payload=hook.optional("requires_final_payload", _boolean),
        description=hook.optional("description", _text),
    )
    tenant = hook.optional("tenant", _text)
    hook.close()
    # Another release of the sidecar, which knew another language, may have accepted it.
    if problem := condition_problem(spec.condition or ""):
        raise MalformedError(
            f"hook {spec.name!r} for {spec.hook_type!r}",
            f"this sidecar does not take its condition: {problem}; write one there that it takes",
        )
    return KeptHook(spec, tenant or "")


def _parse_policy(value: JSON, what: str) -> ErrorPolicy:
    policy = _Object(value, what)
    default = policy.optional("default", _choice(OnError))
    overrides = policy.take("overrides", _mapping)
    policy.close()
    kind_of, action_of = _choice(FailureClass), _choice(OnError)
    return ErrorPolicy(
        default=default,
        overrides={
            kind_of(kind, what): action_of(action, what) for kind, action in overrides.items()
        },
    )


ValueT = TypeVar("ValueT")


class _Object:
    """A JSON object, of which every member must be taken."""

    def __init__(self, value: JSON, what: str) -> None:
        self._members = dict(_mapping(value, what))
        self._what = what

    def take(self, name: str, read: Callable[[JSON, str], ValueT]) -> ValueT:
        if name not in self._members:
            raise MalformedError(self._what, f"{name} is missing")
        return read(self._members.pop(name), name)

    def optional(self, name: str, read: Callable[[JSON, str], ValueT]) -> ValueT | None:
        value = self._members.pop(name, None)
        return None if value is None else read(value, name)

    def close(self) -> None:
        if self._members:
            raise MalformedError(self._what, f"unknown members {sorted(self._members)}")


def _mapping(value: JSON, what: str) -> Mapping[str, JSON]:
    if not isinstance(value, dict):
        raise MalformedError(what, "it is not an object")
    return value


def _list(value: JSON, what: str) -> list[JSON]:
    if not isinstance(value, list):
        raise MalformedError(what, "it is not a list")
    return value


def _text(value: JSON, what: str) -> str:
    if not isinstance(value, str):
        raise MalformedError(what, "it is not a text")
    return value


def _texts(value: JSON, what: str) -> tuple[str, ...]:
    return tuple(_text(item, what) for item in _list(value, what))


def _integer(value: JSON, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise MalformedError(what, "it is not an integer")
    return value


def _number(value: JSON, what: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise MalformedError(what, "it is not a number")
    return float(value)


def _boolean(value: JSON, what: str) -> bool:
    if not isinstance(value, bool):
        raise MalformedError(what, "it is neither true nor false")
    return value


def _choice(kind: type[ChoiceT]) -> Callable[[JSON, str], ChoiceT]:
    def read(value: JSON, what: str) -> ChoiceT:
        try:
            return kind(_text(value, what))
        except ValueError as error:
            raise MalformedError(
                what, f"{value!r} is none of {[str(each) for each in kind]}"
            ) from error

    return read
