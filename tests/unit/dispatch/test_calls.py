"""What a call asks for is carried out, whatever happens meanwhile."""

import pytest

from sidehook._call import CallAnswer, CallContext, CallFailure, CallRequest, size_of
from sidehook._run import HookResult
from sidehook._types import FailureClass, HookOutcome, Mode, OnError
from sidehook_server.dispatch.observer import GuardMissed
from sidehook_server.pipeline.load import LoadLimits
from sidehook_server.pipeline.model import CallSettings
from tests.unit.dispatch.fakes import (
    BLOCK,
    LOST,
    Bench,
    FakeLink,
    a_failure,
    a_hook,
    fields_of,
    patch,
)


def test_hooks_run_in_order_and_the_answer_has_their_patches() -> None:
    bench = Bench(a_hook("first", priority=1), a_hook("second", priority=2))
    call = bench.call(a="1", b="2")
    assert bench.link.last.hook == "first"
    bench.link.last.answer(patch(a='"new"'))
    assert bench.link.last.hook == "second"
    assert bench.link.last.request.fields["a"].octets == b'"new"'
    bench.link.last.answer()
    assert call.proceeded
    assert bench.seen.finished == [call.answer]
    assert bench.dispatcher.in_flight == 0


def test_a_call_without_hooks_is_answered_before_start_returns() -> None:
    assert Bench().call().proceeded


def test_a_call_without_an_id_gets_one_of_its_own() -> None:
    bench = Bench()
    ids = {bench.call(CallRequest(hook_type="t", fields={})).receipt.call_id for _ in range(10)}
    assert len(ids) == 10
    assert "" not in ids


def test_a_block_cancels_the_other_concurrent_hooks_and_their_answers_are_dropped() -> None:
    bench = Bench(a_hook("x", Mode.CONCURRENT), a_hook("y", Mode.CONCURRENT))
    call = bench.call()
    x, y = bench.link.runs
    y.answer(BLOCK)
    assert x.cancelled
    x.answer(BLOCK)
    assert call.reason == "no"
    assert call.outcomes == {"x": HookOutcome.CANCELLED, "y": HookOutcome.BLOCKED}


def test_a_hook_is_not_called_for_a_call_that_another_one_ended_before_its_turn() -> None:
    bench = Bench(a_hook("gone", Mode.CONCURRENT, worker="a"), a_hook("here", Mode.CONCURRENT))
    bench.registry.serving["a"] = ()
    call = bench.call()
    assert call.outcomes == {"gone": HookOutcome.FAILED_CLOSED, "here": HookOutcome.CANCELLED}
    assert bench.link.runs == []
    assert isinstance(call.answer.outcome, CallFailure)
    assert not call.answer.outcome.started


def test_a_hook_that_is_slow_times_out_and_is_cancelled_by_the_clock() -> None:
    bench = Bench(a_hook("slow", timeout=1.0, on_error=OnError.IGNORE, priority=1), a_hook("next"))
    call = bench.call()
    bench.clock.advance(0.99)
    assert len(bench.link.under_way) == 1
    bench.clock.advance(0.05)
    assert bench.link.runs[0].cancelled
    bench.link.last.answer()
    assert call.outcomes == {"slow": HookOutcome.FAILED_OPEN, "next": HookOutcome.PROCEEDED}


def test_the_budget_of_a_call_ends_it_a_margin_early() -> None:
    bench = Bench(a_hook("slow", timeout=60))
    call = bench.call(CallRequest(hook_type="t", fields={}, budget=2.0))
    bench.clock.advance(1.97)
    assert not call.answered
    bench.clock.advance(0.02)
    assert call.reason == "DEADLINE_EXCEEDED"
    assert bench.link.last.cancelled
    assert bench.clock.timers == 0


def test_an_answer_past_its_time_that_overtakes_the_clock_is_dropped_and_counted() -> None:
    bench = Bench(a_hook("slow", timeout=1.0))
    call = bench.call()
    # The loop was busy: the answer is read before the timer had its turn.
    bench.clock.jump(2.0)
    bench.link.last.answer()
    assert call.receipt.lines[0].failure_class is FailureClass.TIMEOUT
    assert bench.seen.late == ["w"]


def test_a_cancelled_call_cancels_what_runs_and_is_answered_once() -> None:
    bench = Bench(a_hook("h"))
    call = bench.call()
    call.handle.cancel()
    call.handle.cancel()
    assert bench.link.last.cancelled
    assert call.reason == "CANCELLED"
    assert len(bench.seen.finished) == 1


def test_cancelling_after_the_answer_does_nothing() -> None:
    bench = Bench(a_hook("h"))
    call = bench.call()
    bench.link.last.answer()
    call.handle.cancel()
    assert call.proceeded


def test_two_calls_never_get_each_others_answers() -> None:
    bench = Bench(a_hook("h"))
    calls = [
        bench.call(CallRequest(hook_type="t", fields={}, call_id=f"call-{number}"))
        for number in range(20)
    ]
    for run in reversed(list(bench.link.runs)):
        run.answer(patch(a=f'"{run.request.call_id}"'))
    for call in calls:
        outcome = call.answer.outcome
        assert call.proceeded
        assert outcome.patch["a"].octets.decode() == f'"{call.receipt.call_id}"'  # type: ignore[union-attr]  # it proceeded


def test_the_hooks_of_a_handle_run_in_their_right_place() -> None:
    bench = Bench(a_hook("first", priority=1), a_hook("last", priority=9))
    mine = a_hook("mine", worker="app", priority=5, handle="secret")
    app = FakeLink("app-link", worker="app")
    bench.table.add(app)
    bench.registry.handles["secret"] = (mine,)
    bench.registry.serving["secret"] = ("app-link",)
    call = bench.call(CallRequest(hook_type="t", fields={}, scope_handles=("secret", "secret")))
    bench.link.last.answer()
    app.last.answer()
    bench.link.last.answer()
    assert list(call.outcomes) == ["first", "mine", "last"]


def test_a_handle_that_nobody_knows_fails_the_call_as_unreachable() -> None:
    bench = Bench(a_hook("h"))
    call = bench.call(CallRequest(hook_type="t", fields={}, scope_handles=("gone",)))
    assert isinstance(call.answer.outcome, CallFailure)
    assert call.answer.outcome.failure_class is FailureClass.UNREACHABLE
    assert bench.link.runs == []


def test_what_a_worker_should_know_reaches_the_link_that_answered() -> None:
    bench = Bench(a_hook("quiet", Mode.TRANSFORM), links=("one", "two"))
    bench.call()
    answering = next(link for link in bench.links.values() if link.under_way)
    answering.last.answer(BLOCK)
    assert [notice.code for notice in answering.notices] == ["BLOCK_SUPPRESSED"]
    others = [link for link in bench.links.values() if link is not answering]
    assert [link.notices for link in others] == [[]]


def test_what_must_not_be_silent_is_counted() -> None:
    bench = Bench(
        a_hook("open", on_error=OnError.IGNORE, priority=1),
        a_hook("greedy", priority=2),
        a_hook("eager", Mode.AUDIT, on_error=OnError.IGNORE, priority=1),
        a_hook("nosy", Mode.AUDIT, on_error=OnError.IGNORE, priority=2),
        a_hook("broken", Mode.AUDIT, on_error=OnError.IGNORE, priority=3),
    )
    context = CallContext(scopes=("nowhere",))
    bench.call(CallRequest(hook_type="t", fields={}, unguarded_calls=3, context=context))
    bench.link.last.fail(a_failure(FailureClass.RAISED))
    bench.link.last.answer(patch(a="1", z="1", y="1"))
    bench.link.last.answer(BLOCK)
    bench.link.last.answer(patch(a="2"))
    bench.link.last.fail(LOST)
    seen = bench.seen
    assert seen.guards_missed == {GuardMissed.UNGUARDED: 3, GuardMissed.FAILED_OPEN: 1}
    assert seen.rejected == {"w/greedy": 2, "w/nosy": 1}
    assert seen.suppressed == ["w/eager"]
    assert seen.discarded == ["w/nosy"]
    assert seen.unknown_scopes == 1


def test_no_payload_text_gets_into_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    bench = Bench(a_hook("open", on_error=OnError.IGNORE, priority=1), a_hook("gate"))
    bench.call(a='"S3CRET"')
    bench.link.last.fail(a_failure(FailureClass.RAISED))
    bench.link.last.answer(BLOCK)
    assert "guard_missed" in caplog.text
    assert "call_blocked" in caplog.text
    assert "S3CRET" not in caplog.text


def test_a_fault_in_a_transport_ends_the_call_as_internal_with_a_line_for_every_hook(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench(a_hook("a", Mode.CONCURRENT), a_hook("b", Mode.CONCURRENT), links=("one",))
    bench.registry.serving["w"] = ("one",)
    call_one = bench.call()
    bench.link.raises = RuntimeError("as the test wants it")
    call = bench.call()
    assert call.reason == "INTERNAL"
    assert set(call.outcomes) == {"a", "b"}
    assert "call_broken" in caplog.text
    for run in list(bench.link.runs):
        run.answer()
    assert call_one.proceeded
    assert bench.dispatcher.in_flight == 0


def test_a_fault_in_the_registry_is_answered_as_internal(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(a_hook("h"))
    bench.registry.plan = None  # type: ignore[method-assign,assignment]  # a fault, as it might be
    call = bench.call()
    assert call.reason == "INTERNAL"
    assert "call_not_begun" in caplog.text


def test_a_caller_that_cannot_take_its_answer_harms_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench(a_hook("h"))

    def drop(answer: CallAnswer) -> None:
        raise RuntimeError("the stream is gone")

    bench.dispatcher.start(CallRequest(hook_type="t", fields={}), drop)
    bench.link.last.answer()
    assert "answer_not_delivered" in caplog.text
    assert len(bench.seen.finished) == 1
    assert bench.dispatcher.in_flight == 0


def test_no_sleeper_and_no_timer_is_left_when_all_calls_are_answered() -> None:
    bench = Bench(a_hook("h"))
    for _ in range(50):
        bench.call()
    for run in list(bench.link.runs):
        run.answer()
    bench.clock.advance(60)
    assert bench.clock.timers == 0


REFUSED = {
    "UNKNOWN_HOOK_TYPE": [
        CallRequest(hook_type="", fields={}),
        CallRequest(hook_type="t2", fields={}),
        CallRequest(hook_type="x" * 10_000, fields={}),
    ],
    "MALFORMED_REQUEST": [
        CallRequest(hook_type="t", fields={}, budget=0),
        CallRequest(hook_type="t", fields={}, budget=-1),
        CallRequest(hook_type="t", fields={}, budget=float("nan")),
        CallRequest(
            hook_type="t", fields={}, context=CallContext(labels={str(n): "" for n in range(65)})
        ),
        CallRequest(hook_type="t", fields={}, context=CallContext(state={"k": b"1" * 70_000})),
    ],
    "PAYLOAD_TOO_LARGE": [CallRequest(hook_type="t", fields=fields_of(a="1" * 1000))],
}


@pytest.mark.parametrize(
    ("reason", "request_"), [(reason, it) for reason, its in REFUSED.items() for it in its]
)
def test_a_call_that_cannot_be_taken_is_refused_before_any_hook_runs(
    reason: str, request_: CallRequest
) -> None:
    bench = Bench(a_hook("h"))
    call = bench.call(request_)
    assert call.reason == reason
    assert isinstance(call.answer.outcome, CallFailure)
    assert not call.answer.outcome.started
    assert len(call.answer.outcome.message) < 400
    assert bench.link.runs == []
    assert len(bench.seen.finished) == 1


def test_undeclared_types_run_when_they_are_allowed_but_never_without_a_name() -> None:
    bench = Bench()
    bench.registry.undeclared_allowed = True
    assert bench.call(CallRequest(hook_type="other", fields={})).proceeded
    assert bench.call(CallRequest(hook_type="", fields={})).reason == "UNKNOWN_HOOK_TYPE"


def test_a_payload_at_the_limit_is_taken_and_both_sizes_are_named_above_it() -> None:
    bench = Bench()
    fields = fields_of(a="1" * 999)
    assert size_of(fields) == bench.registry.max_payload_bytes
    assert bench.call(CallRequest(hook_type="t", fields=fields)).proceeded
    over = {**fields, **fields_of(b="1")}
    outcome = bench.call(CallRequest(hook_type="t", fields=over)).answer.outcome
    assert isinstance(outcome, CallFailure)
    assert outcome.metadata == {"payload_bytes": "1002", "limit_bytes": "1000"}


def test_an_unknown_scope_is_in_the_receipt_and_an_error_under_strict_scopes() -> None:
    bench = Bench()
    bench.registry.scopes = frozenset({"known"})
    request = CallRequest(
        hook_type="t", fields={}, context=CallContext(scopes=("known", "typo"), tenant="acme")
    )
    call = bench.call(request)
    assert call.proceeded
    assert call.receipt.unknown_scopes == ("typo",)
    bench.registry.strict_scopes = True
    refused = bench.call(request)
    assert refused.reason == "UNKNOWN_SCOPE"
    assert isinstance(refused.answer.outcome, CallFailure)
    assert refused.answer.outcome.metadata["scopes"] == "typo"


def test_one_call_over_the_limit_is_overloaded_and_room_comes_back() -> None:
    bench = Bench(a_hook("h"), load=LoadLimits(calls=2))
    first, _second = bench.call(), bench.call()
    assert bench.call().reason == "OVERLOADED"
    bench.link.runs[0].answer()
    assert first.proceeded
    assert not bench.call().answered


def test_a_hook_that_answers_with_its_own_failure_fails_by_its_class() -> None:
    bench = Bench(a_hook("h"))
    call = bench.call()
    bench.link.last.answer(HookResult(answer=a_failure(FailureClass.OVERLOADED)))
    assert call.receipt.lines[0].failure_class is FailureClass.OVERLOADED


def test_the_limit_of_calls_may_change_and_calls_under_way_go_on() -> None:
    bench = Bench(a_hook("a"))
    calls = [bench.call(), bench.call()]
    bench.registry.settings = CallSettings(load=LoadLimits(calls=1))
    refused = bench.call()
    assert refused.reason == "OVERLOADED"
    assert isinstance(refused.answer.outcome, CallFailure)
    assert refused.answer.outcome.metadata["limit"] == "1"
    assert not any(call.answered for call in calls)
    bench.registry.settings = CallSettings(load=LoadLimits(calls=3))
    assert not bench.call().answered


def test_a_refused_call_has_the_generation_in_its_receipt() -> None:
    bench = Bench()
    bench.registry.generation = 41
    assert bench.call(CallRequest(hook_type="unknown", fields={})).receipt.generation == 41
