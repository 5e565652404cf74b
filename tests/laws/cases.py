"""The hooks of a chain and their answers, as the pipeline knows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import cast

from sidehook._call import CallContext, CallEnd, Fields, StateChange, Violation
from sidehook._manifest import ErrorPolicy
from sidehook._run import HookAnswer, HookFailure, HookResult, NothingToSay, Patch
from sidehook._types import FailureClass, Mode, OnError, Value, ValueKind
from sidehook_server.conditions import Condition, ConditionError
from sidehook_server.modes import GATES, MODES
from sidehook_server.pipeline.model import PlannedHook
from sidehook_server.policy import complete_policy
from tests.laws.chains import Blocks, Fails, Garbled, HookCase, Nothing, Patches, Policy

Looks = list[tuple[str, frozenset[str]]]
"""Which hook's condition was shown which fields."""


@dataclass(frozen=True, slots=True)
class FakeCondition:
    """A condition that knows its answers by their names, and notes what it was shown."""

    source: str
    hook: str
    looked_at: Looks
    fields: frozenset[str] | None = None

    def holds(
        self, *, hook_type: str, fields: Fields, context: CallContext, end: CallEnd | None = None
    ) -> bool:
        self.looked_at.append((self.hook, frozenset(fields)))
        match self.source:
            case "breaks":
                raise ConditionError("it breaks")
            case "b is there" if "b" not in fields:
                raise ConditionError("there is no b")
            case "a is 1":
                return fields.get("a") == value_of("1")
            case "w is 1":
                return context.state.get("k") == b"1"
            case "ended":
                return end is not None and end.outcome in ("blocked", "failed")
            case _:
                return self.source != "no"


def value_of(text: str) -> Value:
    """The value that a text of a chain stands for."""
    if text.startswith("raw:"):
        return Value(ValueKind.RAW, text.removeprefix("raw:").encode())
    return Value(ValueKind.JSON, text.encode())


def text_of(value: Value) -> str:
    """The text of a chain that stands for a value."""
    text = value.octets.decode()
    return f"raw:{text}" if value.kind is ValueKind.RAW else text


def texts_of(fields: Mapping[str, Value]) -> dict[str, str]:
    """The texts of a payload or a patch."""
    return {name: text_of(value) for name, value in fields.items()}


def result_of(hook: HookCase) -> HookResult:
    """The hook's answer. A block claims to be somebody else's, which is not its to say."""
    answer: HookAnswer = NothingToSay()
    held_back: tuple[str, ...] = ()
    match hook.says:
        case Patches(texts):
            answer = Patch({name: value_of(text) for name, text in texts})
        case Blocks(code, reason, details):
            answer = Violation(
                reason=reason,
                code=code,
                details=details.encode(),
                hook="somebody",
                worker="else",
            )
        case Fails(kind):
            answer = HookFailure(failure_class=kind, code="BOOM")
        case Nothing(names):
            held_back = names
    state = StateChange(
        {key: text.encode() for key, text in hook.stages if text is not None},
        frozenset(key for key, text in hook.stages if text is None),
    )
    index = 1 if isinstance(hook.says, Garbled) else 0
    return HookResult(answer=answer, index=index, state=state, rejected_fields=held_back)


@cache
def actions_of(mode: Mode, policy: Policy, *, required: bool) -> Mapping[FailureClass, OnError]:
    """What a failure of each class does to a call, by the worker's word."""
    said = ErrorPolicy(default=policy.default, overrides=dict(policy.overrides))
    return complete_policy(mode, said, required=required)


def planned(hook: HookCase, looked_at: Looks) -> PlannedHook:
    """The hook on the terms that registration would give it."""
    tenant, scope = hook.scope or ("", None)
    shadow_of = None
    if hook.shadow_of is not None:
        shadow_of = GATES if hook.gate else MODES[hook.shadow_of]
    condition = None
    if hook.condition is not None:
        condition = cast(Condition, FakeCondition(hook.condition, hook.name, looked_at))
    return PlannedHook(
        worker=hook.worker,
        name=hook.name,
        hook_type="t",
        mode=hook.mode,
        priority=hook.priority,
        timeout=float(hook.timeout),
        on_error=actions_of(hook.mode, hook.policy, required=hook.required),
        on_rejected=hook.on_rejected,
        tenant=tenant,
        scope=scope,
        fields=hook.fields,
        required=hook.required,
        handle="handle" if hook.by_handle else None,
        condition=condition,
        sample=hook.sample,
        final_payload=hook.gate,
        shadow_of=shadow_of,
    )
