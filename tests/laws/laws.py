"""The laws of the pipeline: what holds for every chain, whoever drew it.

`hold` runs a chain through the pipeline and holds what it did against each law. The laws
read the chain and what was done, not the reference model; only the first compares with
that. A broken law is an AssertionError that names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from sidehook._call import CallFailure, Proceed, ReceiptLine, Violation
from sidehook._types import CallOutcome, FailureClass, HookOutcome, Mode
from tests.laws.chains import (
    PAYLOAD,
    WRITABLE,
    Blocks,
    Chain,
    Fails,
    Garbled,
    HookCase,
    Patches,
    Silent,
    Trip,
)
from tests.laws.evidence import Evidence, ends, how, lines_of, outcomes, ran, seen, state_after
from tests.laws.reference import Reference
from tests.laws.rights import MAY_BLOCK, MAY_MODIFY, may
from tests.laws.texts import digest_of

DID_NOT_GUARD: Final = {
    HookOutcome.FAILED_OPEN,
    HookOutcome.FAILED_CLOSED,
    HookOutcome.SKIPPED_DISABLED,
    HookOutcome.SKIPPED_HALTED,
    HookOutcome.SKIPPED_SCOPE,
    HookOutcome.CANCELLED,
}


def agrees_with_the_reference(it: Evidence) -> None:
    """Everything that the reference model says comes true, and nothing else."""
    expected = Reference(it.chain, PAYLOAD).walk()
    answer, trace = it.answer, it.trace
    assert lines_of(it) == expected.lines
    assert how(answer) == expected.how
    if isinstance(answer.outcome, Proceed):
        assert it.returned == expected.fields
    else:
        worker, _, hook = expected.hook.rpartition("/")
        assert (answer.outcome.worker, answer.outcome.hook) == (worker, hook)
    if isinstance(answer.outcome, Violation):
        assert answer.outcome.code == expected.code
        assert answer.outcome.reason in ("no", f"{expected.hook} gave no reason")
    if isinstance(answer.outcome, CallFailure):
        assert answer.outcome.reason == expected.code
        assert answer.outcome.started == expected.started
    assert state_after(it) == expected.state
    assert seen(it) == {
        name: (sight.fields, sight.state, sight.timeout, sight.time_left)
        for name, sight in expected.seen.items()
    }
    assert ends(it) == {
        name: (end.outcome, end.hook, end.code, end.names) for name, end in expected.ends.items()
    }
    assert sorted(trace.told) == sorted(expected.told)
    assert trace.blamed == expected.blamed
    assert answer.receipt.payload_digest == expected.digest


def observers_change_no_byte(it: Evidence) -> None:
    """AUDIT, CONCURRENT, gates, FIRE_AND_FORGET and shadows never change a byte."""
    after = dict(PAYLOAD)
    for name, line in it.lines.items():
        hook = it.hooks[name]
        mutates = hook.mode in (Mode.SEQUENTIAL, Mode.TRANSFORM) and not hook.gate
        if line.outcome is not HookOutcome.MODIFIED:
            continue
        assert mutates, line
        assert hook.shadow_of is None, line
        assert isinstance(hook.says, Patches), line
        said = dict(hook.says.texts)
        after.update((field, said[field]) for field in line.changed_fields)
    assert it.returned is None or it.returned == after


def only_guards_block(it: Evidence) -> None:
    """TRANSFORM never blocks, nor does anybody else who may not; and a block is a hook's."""
    blocks = [name for name, line in it.lines.items() if line.outcome is HookOutcome.BLOCKED]
    if not isinstance(it.answer.outcome, Violation):
        assert not blocks
        return
    violation = it.answer.outcome
    assert blocks == [violation.hook]
    hook = it.hooks[violation.hook]
    assert hook.mode in (Mode.SEQUENTIAL, Mode.CONCURRENT)
    assert hook.shadow_of is None
    assert isinstance(hook.says, Blocks)
    assert violation.reason


def arrival_decides_nothing(it: Evidence) -> None:
    """Whether a call proceeds never depends on the order of arrival in a CONCURRENT phase."""
    for arrivals, latest_first in _other_arrivals(it):
        other = ran(it.chain, arrivals=arrivals, latest_first=latest_first, known=it.planned)
        assert (it.returned is None) == (other.returned is None), arrivals
        if it.returned is not None:
            assert it.returned == other.returned, arrivals
            assert it.answer.state == other.answer.state, arrivals
            assert outcomes(it) == outcomes(other), arrivals


def fusion_changes_nothing(it: Evidence) -> None:
    """A call comes to the same when the workers take several hooks in one run.

    Which of several CONCURRENT hooks ends a call may hang on the order in which they are
    sent, and then what became of the others does too.
    """
    other = ran(it.chain, known=it.planned, fused=True)
    assert how(it.answer) == how(other.answer)
    assert len(other.trace.answers) == 1
    assert not other.trace.open_runs
    assert not other.trace.after_finish
    for name, fields in other.trace.carried:
        assert _is_for(it.hooks[name], fields), "what the first hook may not see came with it"
    ended_at_once = it.returned is None and any(
        line.mode is Mode.CONCURRENT and line.outcome is not HookOutcome.SKIPPED_HALTED
        for line in (*it.lines.values(), *other.lines.values())
        if line.outcome not in (HookOutcome.SKIPPED_SCOPE, HookOutcome.SKIPPED_CONDITION)
    )
    if not ended_at_once:
        assert _untimed(other) == _untimed(it)
        assert _seen_in_turn(other, it) == _seen_in_turn(it, it)
        return
    serial = [name for name, hook in it.hooks.items() if hook.mode is not Mode.CONCURRENT]
    for name in serial:
        assert _line(other, name) == _line(it, name)


def _untimed(it: Evidence) -> tuple[object, ...]:
    outcome = it.answer.outcome
    if isinstance(outcome, CallFailure):
        outcome = replace(outcome, message="")
    lines = {name: _line(it, name) for name in it.lines}
    told, blamed = sorted(it.trace.told), sorted(it.trace.blamed)
    return outcome, it.answer.state, lines, ends(it), told, blamed


def _line(it: Evidence, name: str) -> ReceiptLine:
    line = replace(it.lines[name], duration=None)
    # What is wrong with an answer to nobody is said in other words where more can answer.
    return replace(line, message="") if isinstance(it.hooks[name].says, Garbled) else line


def _seen_in_turn(it: Evidence, unfused: Evidence) -> dict[str, object]:
    """What hooks saw whose turn it was, but for the times that they were told."""
    return {name: sight[:2] for name, sight in seen(it).items() if name in seen(unfused)}


def receipts_add_up(it: Evidence) -> None:
    """One line for each hook in plan order, exactly one Finish, and no run left open."""
    order = [(Mode.SEQUENTIAL, False), (Mode.TRANSFORM, False), (Mode.SEQUENTIAL, True)]
    order += [(mode, False) for mode in (Mode.AUDIT, Mode.CONCURRENT, Mode.FIRE_AND_FORGET)]
    hooks = sorted(
        it.chain.hooks,
        key=lambda hook: (
            order.index((hook.mode, hook.gate)),
            hook.priority,
            hook.worker,
            hook.name,
        ),
    )
    assert [(line.worker, line.hook, line.mode) for line in it.answer.receipt.lines] == [
        (hook.worker, hook.name, hook.mode) for hook in hooks
    ]
    assert [line.shadowed for line in it.answer.receipt.lines] == [
        hook.shadow_of is not None for hook in hooks
    ]
    assert (it.answer.receipt.call_id, it.answer.receipt.generation) == ("call", 7)
    assert len(it.trace.answers) == 1
    assert not it.trace.open_runs
    assert it.trace.counted_late == it.trace.late


def gates_vouch_for_what_is_returned(it: Evidence) -> None:
    """The digest of every final-payload gate that ran is the digest of what is returned."""
    receipt = it.answer.receipt
    assert bool(receipt.payload_digest) == any(hook.gate for hook in it.chain.hooks)
    if receipt.payload_digest and it.returned is not None:
        assert receipt.payload_digest == digest_of(it.returned)
    for name, line in it.lines.items():
        vouches = it.hooks[name].gate and name in it.trace.starts
        assert line.payload_digest in ({receipt.payload_digest} if vouches else {""})


def shadows_leave_no_trace(it: Evidence) -> None:
    """With a hook in shadow a call comes to what it comes to without that hook."""
    if not it.chain.hooks:
        return
    # Which one is as good as random: the chain is.
    hook = it.chain.hooks[len(it.chain.hooks) // 2]
    others = {name: known for name, known in it.planned.items() if name != hook.name}
    hooks = it.chain.hooks
    without = ran(_with(it.chain, [its for its in hooks if its is not hook]), known=others)
    shadowed = [_shadow(its) if its is hook else its for its in hooks]
    at_once = ran(_with(it.chain, shadowed), known=others)
    assert _without_line(at_once, hook) == _without_line(without, hook)
    if hook.shadow_of is not None and it.returned is not None and without.returned is not None:
        # It took its own time here, which may cost the call its budget and nothing else.
        assert it.returned == without.returned
        assert it.answer.state == without.answer.state


def required_guards_hold(it: Evidence) -> None:
    """A call never proceeds past a required guard that did not do its work."""
    if it.returned is None:
        return
    for name, line in it.lines.items():
        if it.hooks[name].required and it.hooks[name].mode is not Mode.FIRE_AND_FORGET:
            assert line.outcome not in DID_NOT_GUARD, line


def answers_widen_no_right(it: Evidence) -> None:
    """What a hook may do is the table's to say, whatever its worker answers."""
    for name, start in it.trace.starts.items():
        hook, line = it.hooks[name], it.lines[name]
        run = start.request.steps[0][0]
        modifies, blocks = may(hook, MAY_MODIFY), may(hook, MAY_BLOCK)
        assert (run.may_block, run.may_modify) == (blocks, modifies)
        assert run.writable_fields == (WRITABLE if modifies else frozenset())
        assert modifies or not line.changed_fields
        assert WRITABLE.issuperset(line.changed_fields)
        if not blocks:
            assert line.outcome not in (HookOutcome.BLOCKED, HookOutcome.WOULD_BLOCK)
        if hook.mode in (Mode.AUDIT, Mode.FIRE_AND_FORGET) or hook.shadow_of is not None:
            assert line.outcome not in (HookOutcome.BLOCKED, HookOutcome.MODIFIED)
        if isinstance(hook.says, Fails) and line.code == "BOOM":
            # What only the sidecar can know is not the worker's to claim.
            assert line.failure_class not in (
                FailureClass.UNREACHABLE,
                FailureClass.TIMEOUT,
                FailureClass.CIRCUIT_OPEN,
            )
    if isinstance(it.answer.outcome, Violation):
        assert it.answer.outcome.worker == it.hooks[it.answer.outcome.hook].worker


def nothing_comes_after_finish(it: Evidence) -> None:
    """No effect follows the verdict, whatever happens then."""
    assert not it.trace.after_finish


def only_its_fields_reach_a_hook(it: Evidence) -> None:
    """No field outside a hook's `fields` ever reaches it, its condition or its context."""
    for name, shown in it.trace.looked_at:
        assert _is_for(it.hooks[name], shown)
    for name, start in it.trace.starts.items():
        assert _is_for(it.hooks[name], start.request.fields)
    for name, request in it.trace.detached.items():
        end = request.call_end
        assert end is not None
        assert _is_for(it.hooks[name], request.fields)
        assert _is_for(it.hooks[name], end.field_names)
        if end.payload_withheld:
            assert not request.fields
        assert end.payload_withheld or end.outcome is not CallOutcome.CANCELLED


Law = Callable[[Evidence], None]

LAWS: Final[Mapping[str, Law]] = MappingProxyType(
    {
        law.__name__: law
        for law in (
            observers_change_no_byte,
            only_guards_block,
            receipts_add_up,
            gates_vouch_for_what_is_returned,
            required_guards_hold,
            answers_widen_no_right,
            nothing_comes_after_finish,
            only_its_fields_reach_a_hook,
            arrival_decides_nothing,
            shadows_leave_no_trace,
            fusion_changes_nothing,
            agrees_with_the_reference,
        )
    }
)
"""Every law by its name; those that cost little come first."""


class LawBroken(AssertionError):  # noqa: N818 - what happened to the law, not an error in it
    """This law does not hold for a chain."""

    def __init__(self, law: str, why: str) -> None:
        super().__init__(f"{law}: {why}")
        self.law, self.why = law, why


def hold(chain: Chain, laws: Mapping[str, Law] = LAWS) -> None:
    """Runs the chain and asserts each law on it. Raises LawBroken."""
    evidence = ran(chain)
    for name, law in laws.items():
        try:
            law(evidence)
        except Exception as error:
            raise LawBroken(name, f"{type(error).__name__}: {error}") from error


def _is_for(hook: HookCase, fields: Iterable[str]) -> bool:
    return hook.fields is None or hook.fields.issuperset(fields)


def _other_arrivals(it: Evidence) -> list[tuple[dict[str, float], bool]]:
    """The answers of the CONCURRENT phase in another order, and all at one moment.

    Only hooks that have the same time change places, so that whoever answered in time does
    still; those that travel slowly or ask for more time keep their moments.
    """
    groups: dict[float, list[HookCase]] = {}
    for hook in it.chain.hooks:
        start = it.trace.starts.get(hook.name)
        if start is None or hook.mode is not Mode.CONCURRENT:
            continue
        easy = hook.trip in (Trip(), Trip(tells=True)) and not hook.asks
        if easy and not isinstance(hook.says, Silent) and start.at + hook.delay < start.expires:
            groups.setdefault(start.expires, []).append(hook)
    turned: dict[str, float] = {}
    together: dict[str, float] = {}
    for group in groups.values():
        moments = [it.trace.starts[hook.name].at + hook.delay for hook in group]
        # Sorted by place, which has nothing to do with the moment: any order comes up.
        for hook, moment in zip(group, (*moments[1:], moments[0]), strict=True):
            turned[hook.name] = moment
            together[hook.name] = max(moments)
    if len(turned) < 2:
        return []
    return [(turned, False), (together, True)]


def _with(chain: Chain, hooks: list[HookCase]) -> Chain:
    return replace(chain, hooks=tuple(hooks))


def _shadow(hook: HookCase) -> HookCase:
    """The hook in shadow, answering in no time."""
    return replace(
        hook,
        shadow_of=hook.shadow_of or hook.mode,
        required=False,
        says=Blocks("NEVER") if isinstance(hook.says, Silent) else hook.says,
        trip=hook.trip if hook.trip.refused is not None else Trip(),
        asks=(),
        delay=0,
    )


def _without_line(it: Evidence, hook: HookCase) -> tuple[object, ...]:
    """What a call comes to, but for one hook and for what that one shares with others.

    Whether anything was sent may be its doing, and so may be a digest, if it is a gate,
    or the room in a queue, if it is detached.
    """
    outcome = it.answer.outcome
    if isinstance(outcome, CallFailure):
        outcome = replace(outcome, started=False)
    detached = hook.mode is Mode.FIRE_AND_FORGET
    lines = [
        (name, line.outcome, line.changed_fields, line.rejected_fields, line.failure_class)
        for name, line in it.lines.items()
        if name != hook.name and not (detached and line.mode is Mode.FIRE_AND_FORGET)
    ]
    sights = {name: sight for name, sight in seen(it).items() if name != hook.name}
    return outcome, it.answer.state, lines, sights
