"""What an operator should look at: hooks whose terms do not do what one would think.

Every finding has a code, the hook it is about, and what to do. A finding is an advice: the
sidecar runs all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from sidehook._call import CallContext, CallRequest
from sidehook._catalogue import CATALOGUE
from sidehook_server.advice.exposure import (
    UNREACHED,
    Exposure,
    anybody_may_call,
    readable_tokens,
)
from sidehook_server.advice.forecast import Turn, forecast, lets_go_on
from sidehook_server.conditions import Condition, ConditionError
from sidehook_server.modes import Schedule
from sidehook_server.pipeline.model import CallSettings, PlannedHook
from sidehook_server.pipeline.plan import Plan


class Code(StrEnum):
    """What is found."""

    DEAD_CONDITION = "dead_condition"
    """The condition is the same for every call, or looks at what is never there."""
    GATE_BEFORE_MUTATOR = "gate_before_mutator"
    """A guard approves what a later hook may change."""
    BUDGET_TOO_SMALL = "budget_too_small"
    """Taken together, the hooks may need more time than a call has."""
    FAILS_OPEN = "fails_open"
    """A guard whose failure lets the call go on."""
    UNUSED_SCOPE = "unused_scope"
    """No call has named the scope."""
    IN_SHADOW = "in_shadow"
    """The hook decides nothing, by the operator's word."""
    SWALLOWED_BLOCK = "swallowed_block"
    """The application's framework swallows a block at this hook type."""
    ANYBODY_MAY_CALL = "anybody_may_call"
    """Other machines may call every hook type without showing who they are."""
    READABLE_TOKEN = "readable_token"  # noqa: S105 - the name of a finding
    """The tokens of callers can be read on their way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to look at.

    `hook` is `worker/hook`, empty when it is about the whole type; both are empty when it
    is about the sidecar.
    """

    code: Code
    hook_type: str
    hook: str
    text: str


def lint(
    plans: Iterable[Plan],
    settings: CallSettings,
    *,
    scope_calls: Mapping[tuple[str, str], int] | None = None,
    exposure: Exposure = UNREACHED,
) -> tuple[Finding, ...]:
    """Every finding: of the sidecar, then by hook type and in plan order.

    `scope_calls` counts the calls that named each scope since the sidecar started, None
    when that is not known. `exposure` says how applications come in.
    """
    return (*_calling(exposure), *_planned(plans, settings, scope_calls))


def _calling(exposure: Exposure) -> Iterator[Finding]:
    for code, sentences in (
        (Code.ANYBODY_MAY_CALL, anybody_may_call),
        (Code.READABLE_TOKEN, readable_tokens),
    ):
        for text in sentences(exposure):
            yield Finding(code=code, hook_type="", hook="", text=text)


def _planned(
    plans: Iterable[Plan],
    settings: CallSettings,
    scope_calls: Mapping[tuple[str, str], int] | None,
) -> tuple[Finding, ...]:
    return tuple(
        finding
        for plan in plans
        for finding in (
            *_budget(plan, settings),
            *_hooks(plan),
            *_scopes(plan, scope_calls or {}, known=scope_calls is not None),
        )
    )


def _hooks(plan: Plan) -> Iterator[Finding]:
    for place, hook in enumerate(plan.hooks):
        about = _About(plan, hook)
        yield from about.condition()
        yield from about.order(plan.hooks[place + 1 :])
        yield from about.failures()
        yield from about.effect()


@dataclass(frozen=True, slots=True)
class _About:
    """What there is to say of one hook."""

    plan: Plan
    hook: PlannedHook

    def condition(self) -> Iterator[Finding]:
        condition = self.hook.condition
        if condition is None:
            return
        always = _constant(condition)
        if always is not None:
            never = "never runs" if not always else "runs for every call: leave it out"
            yield self._found(
                Code.DEAD_CONDITION, f"its condition is always {str(always).lower()}: it {never}"
            )
        for name in sorted(condition.fields or ()):
            if self.hook.fields is not None and name not in self.hook.fields:
                yield self._found(
                    Code.DEAD_CONDITION,
                    f"its condition names {name}, which the hook does not receive; add it to the "
                    "hook's fields",
                )
            elif _is_unknown(self.plan.hook_type, name, self.plan.writable):
                yield self._found(
                    Code.DEAD_CONDITION,
                    f"its condition names {name}, which payloads of {self.plan.hook_type} do not "
                    "have; check the name",
                )

    def order(self, later: tuple[PlannedHook, ...]) -> Iterator[Finding]:
        hook = self.hook
        if not hook.rights.may_block or hook.in_shadow or hook.row.final_payload:
            return
        changing = [it.path for it in later if it.rights.may_modify and not it.in_shadow]
        if changing and hook.rights.schedule is Schedule.SERIAL:
            yield self._found(
                Code.GATE_BEFORE_MUTATOR,
                f"what it approves may be changed by {', '.join(changing)}; when it judges what "
                "the application gets, set requires_final_payload",
            )

    def failures(self) -> Iterator[Finding]:
        open_for = lets_go_on(self.hook)
        if self.hook.observes or not open_for:
            return
        yield self._found(
            Code.FAILS_OPEN,
            f"calls go on without it when it fails ({', '.join(open_for)}); set on_error: fail, "
            "or required, when it must run",
        )

    def effect(self) -> Iterator[Finding]:
        hook = self.hook
        if hook.in_shadow:
            yield self._found(Code.IN_SHADOW, "it is in shadow, and decides nothing")
        info = CATALOGUE.get(self.plan.hook_type)
        if info is not None and not info.blockable and hook.row.may_block:
            yield self._found(
                Code.SWALLOWED_BLOCK,
                f"{info.source} swallows a block at {info.name}; observe there, and block at "
                "another type",
            )

    def _found(self, code: Code, text: str) -> Finding:
        return Finding(code=code, hook_type=self.plan.hook_type, hook=self.hook.path, text=text)


def _constant(condition: Condition) -> bool | None:
    """What a condition always is, when it looks at nothing of the call."""
    if condition.variables:
        return None
    try:
        return condition.holds(hook_type="", fields={}, context=CallContext())
    except ConditionError:
        return None


def _is_unknown(hook_type: str, field: str, writable: frozenset[str]) -> bool:
    info = CATALOGUE.get(hook_type)
    return info is not None and field not in info.fields and field not in writable


def _budget(plan: Plan, settings: CallSettings) -> Iterator[Finding]:
    """What the hooks may need one after the other, against what a call has by default."""
    in_call = [hook for hook in plan.hooks if hook.row.schedule is not Schedule.DETACHED]
    serial = sum(
        hook.timeout
        for hook in in_call
        if hook.row.schedule is Schedule.SERIAL and not hook.observes
    )
    parallel = max(
        (hook.timeout for hook in in_call if hook.row.schedule is Schedule.PARALLEL), default=0.0
    )
    needed = serial + parallel
    if needed <= settings.default_budget:
        return
    slow = forecast(
        plan,
        CallRequest(hook_type=plan.hook_type, fields={}),
        settings,
        instances=lambda _: 1,
        has_payload=False,
    )
    starved = [row.hook.path for row in slow.rows if row.turn is Turn.NO_TIME]
    left_out = f"; in the worst case {', '.join(starved)} have no turn" if starved else ""
    yield Finding(
        code=Code.BUDGET_TOO_SMALL,
        hook_type=plan.hook_type,
        hook="",
        text=(
            f"its hooks may take {needed:g} s together, and a call has {settings.default_budget:g} "
            f"s by default{left_out}; lower timeouts, or raise the budget"
        ),
    )


def _scopes(plan: Plan, calls: Mapping[tuple[str, str], int], *, known: bool) -> Iterator[Finding]:
    if not known:
        return
    for hook in plan.hooks:
        if hook.scope is not None and not calls.get((hook.tenant, hook.scope)):
            yield Finding(
                code=Code.UNUSED_SCOPE,
                hook_type=plan.hook_type,
                hook=hook.path,
                text=(
                    f"no call of tenant {hook.tenant!r} has named its scope {hook.scope!r} since "
                    "the sidecar started, so it never ran"
                ),
            )
