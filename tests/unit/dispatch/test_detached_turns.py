"""Hooks of one worker take turns: one that hangs does not hold up the others."""

from types import MappingProxyType

from sidehook_server.dispatch.detached_limits import DetachedLimits
from tests.unit.dispatch.fakes import BUSY, Bench
from tests.unit.dispatch.listeners import a_listener, assert_adds_up, call_named


def hooks_under_way(bench: Bench) -> list[str]:
    return sorted(run.hook for run in bench.link.under_way)


def test_a_hook_that_hangs_leaves_the_rest_of_its_worker_to_the_others() -> None:
    bench = Bench(
        a_listener("hangs"), a_listener("works"), detached=DetachedLimits(per_worker=4, per_hook=2)
    )
    for number in range(10):
        call_named(bench, f"call-{number}")
    assert hooks_under_way(bench) == ["hangs", "hangs", "works", "works"]
    for _ in range(10):
        next(run for run in bench.link.under_way if run.hook == "works").answer()
    assert bench.seen.delivered == ["works"] * 10
    assert hooks_under_way(bench) == ["hangs", "hangs"]
    assert_adds_up(bench)


def test_a_hook_with_nothing_under_way_gets_a_run_when_hanging_hooks_have_them_all() -> None:
    hanging = [a_listener(f"hangs-{number}") for number in range(3)]
    bench = Bench(*hanging, a_listener("works"), detached=DetachedLimits(per_worker=3, per_hook=8))
    for number in range(5):
        call_named(bench, f"call-{number}")
    assert hooks_under_way(bench) == ["hangs-0", "hangs-1", "hangs-2", "works"]
    for _ in range(5):
        next(run for run in bench.link.under_way if run.hook == "works").answer()
    assert bench.seen.delivered == ["works"] * 5


def test_hooks_take_turns_whoever_came_first() -> None:
    bench = Bench(a_listener("a"), a_listener("b"), detached=DetachedLimits(per_worker=1))
    for number in range(4):
        call_named(bench, f"call-{number}")
    order = []
    while bench.link.under_way:
        run = bench.link.under_way[0]
        order.append(run.hook)
        run.answer()
    assert sorted(order) == ["a"] * 4 + ["b"] * 4
    assert max(order[:6].count("a"), order[:6].count("b")) <= 4


def test_a_single_hook_may_have_a_limit_of_its_own() -> None:
    bench = Bench(
        a_listener("fragile"),
        a_listener("robust"),
        detached=DetachedLimits(
            per_hook=5, hook_runs=MappingProxyType({("w", "fragile"): 1, ("other", "robust"): 1})
        ),
    )
    for number in range(3):
        call_named(bench, f"call-{number}")
    assert hooks_under_way(bench) == ["fragile", "robust", "robust", "robust"]


def test_a_worker_without_room_is_asked_again_when_a_run_of_it_has_ended() -> None:
    bench = Bench(a_listener("a"), a_listener("b"))
    call_named(bench, "first")
    bench.link.refuses = BUSY
    call_named(bench, "second")
    assert bench.dispatcher.detached.waiting == 2
    bench.link.refuses = None
    bench.link.under_way[0].answer()
    assert bench.dispatcher.detached.waiting == 0
    assert len(bench.link.under_way) == 3
