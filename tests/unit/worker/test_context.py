import logging
import time

import pytest

from sidehook._call import CallContext, CallEnd
from sidehook._errors import EncodeError
from sidehook._manifest import ErrorPolicy
from sidehook._run import HookRun, RunRequest
from sidehook._types import CallOutcome, Mode
from sidehook.worker._context import Cancellation, Context, State


def context(*, timeout: float = 5.0, time_left: float = 5.0) -> Context:
    run = HookRun(
        hook="check",
        mode=Mode.FIRE_AND_FORGET,
        may_block=False,
        may_modify=False,
        writable_fields=frozenset(),
        timeout=timeout,
        on_error=ErrorPolicy(),
    )
    request = RunRequest(
        call_id="c1",
        hook_type="tool_pre_invoke",
        steps=((run,),),
        fields={},
        context=CallContext(
            request_id="r1",
            session_id="s1",
            tenant="acme",
            user="ada",
            labels={"app": "demo"},
            state={"count": b"1"},
            scopes=("guardrails",),
        ),
        time_left=time_left,
        call_end=CallEnd(outcome=CallOutcome.BLOCKED, hook="w/h", code="NO"),
        idempotency_key="k1",
    )
    return Context(request, run, Cancellation(None))


def test_it_says_who_and_what_the_call_is_for() -> None:
    ctx = context()

    assert (ctx.call_id, ctx.request_id, ctx.session_id) == ("c1", "r1", "s1")
    assert (ctx.tenant, ctx.user, ctx.labels) == ("acme", "ada", {"app": "demo"})
    assert (ctx.scopes, ctx.hook_type, ctx.hook) == (("guardrails",), "tool_pre_invoke", "check")
    assert (ctx.mode, ctx.idempotency_key) == (Mode.FIRE_AND_FORGET, "k1")
    assert ctx.call_end == CallEnd(outcome=CallOutcome.BLOCKED, hook="w/h", code="NO")
    assert not ctx.cancelled


@pytest.mark.parametrize(("timeout", "time_left"), [(2.0, 60.0), (60.0, 2.0)])
def test_the_time_left_is_the_shorter_of_the_hooks_and_the_calls(
    timeout: float, time_left: float
) -> None:
    before = time.monotonic()
    ctx = context(timeout=timeout, time_left=time_left)
    after = time.monotonic()

    assert before + 2 <= ctx.deadline <= after + 2
    assert 0 < ctx.time_left() <= 2


def test_no_time_left_is_zero_and_never_less() -> None:
    assert context(time_left=0.0).time_left() == 0.0


def test_its_log_names_hook_and_call(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="sidehook.hook"):
        context().log.info("seen")

    (record,) = caplog.records
    assert record.name == "sidehook.hook.check"
    assert (vars(record)["hook"], vars(record)["call_id"]) == ("check", "c1")


def test_state_reads_what_was_there_and_what_was_staged() -> None:
    state = State({"count": b"1", "shared.lang": b'"en"'})

    state.set("seen", [1])

    assert state.get("count") == 1
    assert state.get("shared.lang") == "en"
    assert state.get("seen") == [1]
    assert state.get("missing") is None
    assert state.get("missing", 0) == 0
    assert list(state) == ["count", "shared.lang", "seen"]
    assert len(state) == 3
    assert "seen" in state
    assert "missing" not in state


def test_a_deleted_key_is_gone_and_may_come_back() -> None:
    state = State({"count": b"1"})

    state.delete("count")
    assert "count" not in state
    assert state.get("count", "gone") == "gone"

    state.set("count", 2)
    assert state.get("count") == 2
    assert state.staged().removed == frozenset()


def test_only_what_changed_is_staged() -> None:
    state = State({"same": b"1", "old": b"2", "gone": b"3"})

    state.set("same", 1)
    state.set("old", 5)
    state.set("new", {"a": None})
    state.set("fleeting", 1)
    state.delete("fleeting")
    state.delete("gone")
    state.delete("never there")

    assert state.staged().set == {"old": b"5", "new": b'{"a":null}'}
    assert state.staged().removed == {"gone"}


def test_a_value_of_the_state_is_a_copy() -> None:
    state = State({"list": b"[1]"})
    state.set("mine", [1])

    state.get("list").append(2)
    state.get("mine").append(2)

    assert state.get("list") == [1]
    assert state.get("mine") == [1]


def test_an_empty_key_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be empty"):
        State({}).set("", 1)


def test_a_value_that_json_cannot_carry_is_found_when_the_handler_ends() -> None:
    state = State({})
    state.set("bad", object())

    with pytest.raises(EncodeError, match=r"^state bad: "):
        state.staged()
