"""What a worker is sent for one hook, whole: the call, the hook's rights, what it may see."""

from __future__ import annotations

import pytest

from sidehook._call import CallContext, CallEnd
from sidehook._manifest import ErrorPolicy
from sidehook._run import HookRun, RunRequest
from sidehook._types import CallOutcome, FailureClass, Mode, OnError, OnRejected
from sidehook_server.conditions import compile_condition
from sidehook_server.modes import MODES
from tests.unit.pipeline.scripted import Scripted, a_hook, a_plan, block, json

CONTEXT = CallContext(
    request_id="r-1",
    session_id="s-1",
    tenant="acme",
    user="ada",
    labels={"team": "x"},
    state={"w/mine": b"1", "v/theirs": b"2"},
    scopes=("inner",),
)
IGNORES = dict.fromkeys(FailureClass, OnError.IGNORE)


def test_a_run_says_everything_of_its_call_and_its_hook() -> None:
    hook = a_hook(
        "h",
        on_error=OnError.IGNORE,
        timeout=2.0,
        on_rejected=OnRejected.ERROR,
        fields=frozenset({"a"}),
    )
    call = Scripted(a_plan(hook), context=CONTEXT, budget=4.02)
    assert call.runs["h"] == RunRequest(
        call_id="call-1",
        hook_type="t",
        steps=(
            (
                HookRun(
                    hook="h",
                    mode=Mode.SEQUENTIAL,
                    may_block=True,
                    may_modify=True,
                    writable_fields=frozenset("abc"),
                    timeout=2.0,
                    on_error=ErrorPolicy(overrides=IGNORES),
                    on_rejected=OnRejected.ERROR,
                ),
            ),
        ),
        fields={"a": json("1")},
        context=CallContext(
            request_id="r-1",
            session_id="s-1",
            tenant="acme",
            user="ada",
            labels={"team": "x"},
            state={"mine": b"1"},
            scopes=("inner",),
        ),
        time_left=4.0,
        idempotency_key="call-1/w/h",
    )


def test_a_detached_run_says_how_the_call_ended_and_has_its_own_time() -> None:
    tell = a_hook("tell", Mode.FIRE_AND_FORGET, timeout=7.0)
    call = Scripted(a_plan(a_hook("h"), tell), context=CONTEXT).says("h", block(code="NO"))
    assert call.detached["tell"].hook is tell
    request = call.detached["tell"].request
    assert request.call_end == CallEnd(outcome=CallOutcome.BLOCKED, hook="w/h", code="NO")
    ((run,),) = request.steps
    assert run == HookRun(
        hook="tell",
        mode=Mode.FIRE_AND_FORGET,
        may_block=False,
        may_modify=False,
        writable_fields=frozenset(),
        timeout=7.0,
        on_error=ErrorPolicy(overrides=tell.on_error),
    )
    assert (request.time_left, request.idempotency_key) == (7.0, "call-1/w/tell")
    assert request.context.state == {"mine": b"1"}


def test_what_is_withheld_from_telemetry_is_named_in_order() -> None:
    redact = a_hook("redact", Mode.TRANSFORM)
    tell = a_hook("tell", Mode.FIRE_AND_FORGET)
    fields = {"b": json("2"), "a": json("1")}
    call = Scripted(a_plan(a_hook("h"), redact, tell), fields=fields).says("h", block())
    request = call.detached["tell"].request
    assert request.fields == {}
    assert request.call_end is not None
    assert request.call_end.payload_withheld
    assert request.call_end.field_names == ("a", "b")


@pytest.mark.parametrize(
    ("mode", "may_block", "may_modify"),
    [
        (Mode.SEQUENTIAL, True, True),
        (Mode.TRANSFORM, False, True),
        (Mode.AUDIT, False, False),
        (Mode.CONCURRENT, True, False),
    ],
)
def test_a_run_says_the_rights_of_its_mode(
    mode: Mode, *, may_block: bool, may_modify: bool
) -> None:
    ((run,),) = Scripted(a_plan(a_hook("h", mode))).runs["h"].steps
    assert (run.mode, run.may_block, run.may_modify) == (mode, may_block, may_modify)
    assert run.writable_fields == (frozenset("abc") if may_modify else frozenset())


def test_a_hook_in_shadow_is_told_the_rights_that_it_would_have() -> None:
    hook = a_hook("h", shadow_of=MODES[Mode.SEQUENTIAL])
    ((run,),) = Scripted(a_plan(hook)).runs["h"].steps
    assert (run.may_block, run.may_modify, run.writable_fields) == (True, True, frozenset("abc"))


def test_a_condition_sees_the_type_of_its_call() -> None:
    same = a_hook("same", condition=compile_condition('hook_type == "t"'))
    other = a_hook("other", condition=compile_condition('hook_type == "u"'))
    assert list(Scripted(a_plan(same, other)).says("same").runs) == ["same"]
