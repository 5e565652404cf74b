import asyncio

from sidehook._call import CallRequest
from sidehook._types import FailureClass, HookOutcome, OnError
from sidehook_server.pipeline.model import PlannedHook
from tests.unit.dispatch.fakes import (
    BUSY,
    Bench,
    FakeCall,
    FakeLink,
    FakeRegistry,
    a_failure,
    a_hook,
)


def test_a_run_goes_to_the_least_loaded_instance() -> None:
    bench = Bench(a_hook("h"), links=("one", "two"))
    first, second, third = bench.call(), bench.call(), bench.call()
    assert sorted(link.in_flight for link in bench.links.values()) == [1, 2]
    idle = min(bench.links.values(), key=lambda link: link.in_flight)
    bench.call()
    assert idle.in_flight == 2
    assert not any(call.answered for call in (first, second, third))


def test_equally_loaded_instances_take_turns() -> None:
    bench = Bench(a_hook("h"), links=("one", "two", "three"))
    for _ in range(9):
        bench.call()
        next(link for link in bench.links.values() if link.under_way).last.answer()
    assert [len(link.runs) for link in bench.links.values()] == [3, 3, 3]


def test_unhealthy_and_draining_instances_get_nothing() -> None:
    bench = Bench(a_hook("h"), links=("sick", "leaving", "well"))
    bench.links["sick"].healthy = False
    bench.links["leaving"].draining = True
    for _ in range(3):
        bench.call()
    assert len(bench.links["well"].runs) == 3


def test_a_run_that_one_instance_did_not_take_goes_to_another() -> None:
    bench = Bench(a_hook("h"), links=("full", "free"))
    bench.links["full"].refuses = BUSY
    for _ in range(4):
        bench.call()
    assert len(bench.links["free"].runs) == 4


def test_a_run_that_was_never_sent_goes_to_another_instance() -> None:
    bench = Bench(a_hook("h"), links=("one", "two"))
    call = bench.call()
    first = next(link for link in bench.links.values() if link.under_way)
    other = next(link for link in bench.links.values() if link is not first)
    first.last.fail(sent=False)
    other.last.answer()
    assert call.proceeded
    assert call.receipt.lines[0].instance == other.instance


def test_a_run_that_was_sent_is_not_repeated() -> None:
    bench = Bench(a_hook("h"), links=("one", "two"))
    call = bench.call()
    next(link for link in bench.links.values() if link.under_way).last.fail(sent=True)
    assert sum(len(link.runs) for link in bench.links.values()) == 1
    assert call.outcomes == {"h": HookOutcome.FAILED_CLOSED}
    assert call.receipt.lines[0].failure_class is FailureClass.UNREACHABLE


def test_an_idempotent_hook_is_repeated_on_another_instance_with_one_key() -> None:
    bench = Bench(a_hook("h", idempotent=True), links=("one", "two"))
    call = bench.call()
    first = next(link for link in bench.links.values() if link.under_way)
    bench.clock.advance(1)
    first.last.fail(sent=True)
    second = next(link for link in bench.links.values() if link.under_way)
    assert second is not first
    assert second.last.request.idempotency_key == first.last.request.idempotency_key
    assert second.last.request.time_left <= first.last.request.time_left - 1
    second.last.answer()
    assert call.proceeded


def test_an_idempotent_hook_that_failed_by_itself_is_not_repeated() -> None:
    bench = Bench(a_hook("h", idempotent=True), links=("one", "two"))
    for kind in (FailureClass.RAISED, FailureClass.MALFORMED, FailureClass.TIMEOUT):
        call = bench.call()
        next(link for link in bench.links.values() if link.under_way).last.fail(a_failure(kind))
        assert call.receipt.lines[0].failure_class is kind
    assert sum(len(link.runs) for link in bench.links.values()) == 3


def test_no_instance_is_asked_twice_for_one_run() -> None:
    bench = Bench(a_hook("h", idempotent=True), links=("one", "two"))
    call = bench.call()
    for _ in range(2):
        next(link for link in bench.links.values() if link.under_way).last.fail()
    assert call.outcomes == {"h": HookOutcome.FAILED_CLOSED}
    assert [len(link.runs) for link in bench.links.values()] == [1, 1]


def test_a_hook_without_an_instance_fails_as_unreachable_by_its_policy() -> None:
    closed, opened = (
        Bench(a_hook("h"), links=()),
        Bench(a_hook("h", on_error=OnError.IGNORE), links=()),
    )
    call = closed.call()
    assert call.reason == "HOOK_FAILED"
    assert call.receipt.lines[0].failure_class is FailureClass.UNREACHABLE
    assert "worker w" in call.receipt.lines[0].message
    assert opened.call().proceeded


def test_a_call_still_finds_an_instance_that_only_its_own_snapshot_knows() -> None:
    bench = Bench(a_hook("first"), a_hook("second"))
    call = bench.call()
    bench.registry = FakeRegistry(hooks=(a_hook("other"),), serving={})
    bench.link.last.answer()
    assert bench.link.last.hook == "second"
    bench.link.last.answer()
    assert call.proceeded
    assert call.receipt.generation == 7


def a_call_before_the_goodbye(bench: Bench, *now: PlannedHook) -> FakeCall:
    """A call between its two hooks, when the one instance drains and these are planned now."""
    call = bench.call()
    bench.link.draining = True
    bench.registry = FakeRegistry(hooks=now, serving={})
    return call


def test_a_call_ends_on_an_instance_that_drains_when_its_terms_hold_no_longer() -> None:
    bench = Bench(a_hook("first"), a_hook("second"))
    call = a_call_before_the_goodbye(bench, a_hook("first"), a_hook("second", priority=60))
    bench.link.last.answer()
    assert bench.link.last.hook == "second"
    bench.link.last.answer()
    assert call.proceeded


def test_a_call_whose_terms_hold_is_no_reason_to_keep_an_instance_from_leaving() -> None:
    bench = Bench(a_hook("first"), a_hook("second"))
    call = a_call_before_the_goodbye(bench, a_hook("first"), a_hook("second"))
    bench.link.last.answer()
    assert call.receipt.lines[1].failure_class is FailureClass.UNREACHABLE


def test_an_instance_that_drains_gets_nothing_while_another_one_declares_the_terms() -> None:
    bench = Bench(a_hook("first"), a_hook("second"), links=("leaving", "staying"))
    call = bench.call()
    bench.links["leaving"].draining = True
    bench.registry = FakeRegistry(hooks=(), serving={})
    next(link for link in bench.links.values() if link.under_way).last.answer()
    assert bench.links["staying"].last.hook == "second"
    bench.links["staying"].last.answer()
    assert call.proceeded


def test_an_instance_that_drains_and_is_gone_takes_no_call() -> None:
    bench = Bench(a_hook("first"), a_hook("second"))
    call = a_call_before_the_goodbye(bench)
    run = bench.link.last
    bench.link.healthy = False
    run.answer()
    assert call.receipt.lines[1].failure_class is FailureClass.UNREACHABLE


def test_a_call_that_began_after_the_goodbye_gets_no_instance_that_drains() -> None:
    bench = Bench(a_hook("first", priority=1), a_hook("second", worker="late"))
    late = FakeLink("late", worker="late")
    late.draining = True
    bench.table.add(late)
    call = bench.call()
    bench.registry = FakeRegistry(hooks=(), serving={"late": ("late",)})
    bench.link.last.answer()
    assert late.runs == []
    assert call.receipt.lines[1].failure_class is FailureClass.UNREACHABLE


def test_a_call_finds_an_instance_that_came_after_it_began() -> None:
    bench = Bench(a_hook("first", priority=1), a_hook("second", worker="late"))
    call = bench.call()
    newcomer = FakeLink("newcomer", worker="late")
    bench.table.add(newcomer)
    bench.registry.serving["late"] = ("newcomer",)
    bench.link.last.answer()
    newcomer.last.answer()
    assert call.proceeded


async def test_invoke_gives_the_answer_and_cancelling_it_cancels_the_run() -> None:
    bench = Bench(a_hook("h"))
    request = CallRequest(hook_type="t", fields={})
    task = asyncio.create_task(bench.dispatcher.invoke(request))
    await asyncio.sleep(0)
    bench.link.last.answer()
    answer = await task
    assert answer.receipt.call_id
    task = asyncio.create_task(bench.dispatcher.invoke(request))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert bench.link.last.cancelled
    assert bench.dispatcher.in_flight == 0
