"""Whatever happens to detached events: accepted = delivered + failed + shed + queued."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sidehook._run import HookResult
from sidehook._types import FailureClass, HookOutcome
from sidehook_server.config.model import WhenFull
from sidehook_server.dispatch.detached_limits import DetachedLimits
from tests.unit.dispatch.fakes import BUSY, PROCEED, Bench, FakeCall, FakeJournal, a_failure
from tests.unit.dispatch.listeners import a_listener, assert_adds_up, call_named

FAILURES = st.sampled_from([a_failure(kind) for kind in FailureClass])
STEPS = st.one_of(
    st.tuples(st.just("call"), st.integers(0, 300)),
    st.tuples(st.just("answer"), st.integers(0, 9)),
    st.tuples(st.just("fail"), st.integers(0, 9), FAILURES, st.booleans()),
    st.tuples(st.just("advance"), st.sampled_from([0.01, 0.3, 2.0, 40.0])),
    st.tuples(st.just("worker"), st.sampled_from(["there", "gone", "busy"])),
    st.tuples(st.just("journal"), st.booleans()),
    st.tuples(st.just("cancel"), st.integers(0, 9)),
)


class Scene:
    """A bench to which things happen, one after the other."""

    def __init__(self, limits: DetachedLimits, *, journal: bool) -> None:
        self.journal = FakeJournal() if journal else None
        hooks = (a_listener("once", timeout=3.0), a_listener("again", idempotent=True))
        self.bench = Bench(*hooks, detached=limits, journal=self.journal)
        self.calls: list[FakeCall] = []

    def happens(self, step: tuple[object, ...]) -> None:
        match step:
            case ("call", int(size)):
                self.calls.append(call_named(self.bench, f"c{len(self.calls)}", a="1" * size))
            case ("answer", int(which)):
                if under_way := self.bench.link.under_way:
                    under_way[which % len(under_way)].answer(PROCEED)
            case ("fail", int(which), failure, bool(was_sent)):
                if under_way := self.bench.link.under_way:
                    under_way[which % len(under_way)].fail(failure, sent=was_sent)  # type: ignore[arg-type]  # as drawn
            case ("advance", float(seconds)):
                self.bench.clock.advance(seconds)
            case ("worker", state):
                self.bench.registry.serving = {} if state == "gone" else {"w": ("one",)}
                self.bench.link.refuses = BUSY if state == "busy" else None
            case ("journal", bool(works)) if self.journal is not None:
                self.journal.works = works
                self.journal.write()
            case ("cancel", int(which)) if self.calls:
                self.calls[which % len(self.calls)].handle.cancel()

    def would_survive_a_crash(self) -> bool:
        """Whether every open event is in the journal, and noted where it must not run twice."""
        if self.journal is None:
            return True
        events = self.bench.dispatcher.detached._events
        noted = {
            event.number
            for event in events
            if event.attempt is not None and not event.work.hook.idempotent
        }
        return {event.number for event in events} <= set(self.journal.rows) and (
            noted <= self.journal.sent
        )

    def ends(self) -> None:
        """Everything works from here on, and nobody calls any more."""
        self.happens(("worker", "there"))
        for _ in range(400):
            self.happens(("journal", True))
            self.happens(("answer", 0))
            if not self.bench.link.under_way:
                self.happens(("advance", 0.5))


@settings(max_examples=150)
@given(
    steps=st.lists(STEPS, max_size=60),
    when_full=st.sampled_from(WhenFull),
    journal=st.booleans(),
)
def test_nothing_is_counted_twice_or_not_at_all(
    *, steps: list[tuple[object, ...]], when_full: WhenFull, journal: bool
) -> None:
    limits = DetachedLimits(
        events=4, octets=700, per_worker=3, per_hook=2, when_full=when_full, retry_for=20.0
    )
    scene = Scene(limits, journal=journal)
    for step in steps:
        scene.happens(step)
        assert_adds_up(scene.bench)
        assert scene.would_survive_a_crash()
    scene.ends()
    assert_adds_up(scene.bench)
    queue, seen = scene.bench.dispatcher.detached, scene.bench.seen
    assert (queue.queued, queue.octets, queue.calls_waiting) == (0, 0, 0)
    assert scene.bench.dispatcher.in_flight == 0
    said = [
        line.outcome
        for call in scene.calls
        for line in call.receipt.lines
        if line.outcome in (HookOutcome.DETACHED, HookOutcome.SHED)
    ]
    assert said.count(HookOutcome.DETACHED) == queue.counts.accepted == len(seen.accepted)
    assert said.count(HookOutcome.SHED) == queue.counts.refused
    if scene.journal is not None:
        assert (scene.journal.rows, scene.journal.sent) == ({}, set())


def test_an_answer_that_is_a_failure_is_a_failure_of_the_event() -> None:
    scene = Scene(DetachedLimits(), journal=False)
    scene.happens(("call", 1))
    for run in tuple(scene.bench.link.under_way):
        run.answer(HookResult(answer=a_failure(FailureClass.MALFORMED)))
    assert scene.bench.dispatcher.detached.counts.failed == 2
    assert_adds_up(scene.bench)
