"""On the clock of a running sidecar a run takes no time to come to its worker."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

import pytest

from sidehook._frames import decode_frame, pack, unpack
from sidehook._manifest import Limits
from sidehook._mux import Outbox
from sidehook._types import JSON
from sidehook_server.transport.stream_link import StreamLink
from tests.conformance.language.answers import read_answer
from tests.conformance.language.workers import Instance, read_hooks
from tests.conformance.runners.actor import Actor
from tests.conformance.runners.book import Book
from tests.conformance.runners.patient_clock import PATIENCE, OnTheirWay, PatientClock
from tests.unit.dispatch.fakes import FakeClock, Recorder
from tests.unit.transport.streams import Deaf, Sink, a_run

HELD: Final[JSON] = {"answer": "hold"}
NEVER_BEGUN: Final[JSON] = {"answer": {"hold": True, "started": False}}


class Road:
    """Whether a run is on its way."""

    def __init__(self) -> None:
        self.is_taken = False

    def was_taken(self) -> bool:
        return self.is_taken


@pytest.fixture
def real() -> FakeClock:
    return FakeClock()


@pytest.fixture
def road() -> Road:
    return Road()


@pytest.fixture
def clock(real: FakeClock, road: Road) -> PatientClock:
    return PatientClock(real, road.was_taken)


def test_time_passes_as_it_does(clock: PatientClock, real: FakeClock) -> None:
    before = clock.time()
    real.advance(2.5)
    assert clock.time() == before + 2.5


def test_it_stands_still_while_a_run_is_on_its_way(
    clock: PatientClock, real: FakeClock, road: Road
) -> None:
    before = clock.time()
    road.is_taken = True
    for _ in range(3):
        real.advance(1)
        assert clock.time() == before
    road.is_taken = False
    real.advance(1)
    assert clock.time() == before + 1


def test_what_never_comes_is_not_waited_for(
    clock: PatientClock, real: FakeClock, road: Road
) -> None:
    before = clock.time()
    road.is_taken = True
    for _ in range(3):
        real.advance(PATIENCE / 2)
        clock.time()
    assert clock.time() == before + PATIENCE / 2


def test_a_timer_calls_back_when_so_much_has_passed_without_the_way(
    clock: PatientClock, real: FakeClock, road: Road
) -> None:
    called: list[float] = []
    start = clock.time()
    clock.call_at(start + 1, lambda: called.append(clock.time()))
    road.is_taken = True
    real.advance(5)
    assert called == []
    road.is_taken = False
    real.advance(0.5)
    assert called == []
    real.advance(0.5)
    assert called == [pytest.approx(start + 1)]
    real.advance(5)
    assert len(called) == 1


def test_a_timer_that_is_cancelled_never_calls_back(
    clock: PatientClock, real: FakeClock, road: Road
) -> None:
    called: list[None] = []
    timer = clock.call_at(clock.time() + 1, lambda: called.append(None))
    road.is_taken = True
    real.advance(3)
    road.is_taken = False
    timer.cancel()
    real.advance(3)
    assert called == []


class Way:
    """A link and the scripted worker at its other end. What either says comes when told to."""

    def __init__(self) -> None:
        self._outbox = Outbox()
        self._said: list[bytes] = []
        instance = Instance(
            worker="w", name="one", fuses=True, hooks=read_hooks(dict.fromkeys("ab", HELD), "here")
        )
        self.link = StreamLink(
            "link",
            instance.manifest,
            outbox=self._outbox,
            listener=Deaf(),
            limits=Limits(),
            observer=Recorder(),
        )
        self.book = Book()
        self.actor = Actor(instance, self.book, self)
        self.runs = OnTheirWay(lambda _: self.actor)
        self.runs.links = (self.link,)

    def send(self, frames: Iterable[bytes]) -> None:
        self._said += frames

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        act()

    def hang_up(self) -> None:
        self.actor.is_gone = True

    def run_comes(self) -> None:
        """The worker has what the sidecar sent."""
        for octets in unpack(self._outbox.ready_batch()):
            self.actor.take(decode_frame(octets))

    def word_comes(self) -> None:
        """The sidecar has what the worker said."""
        self.link.receive(pack(self._said))
        self._said.clear()

    def look(self) -> bool:
        """Whether a run is on its way now; what was before is looked at and done with."""
        self.runs.was_one()
        return self.runs.was_one()


def test_a_run_is_on_its_way_until_it_is_known_to_be_begun() -> None:
    way = Way()
    assert not way.look()
    way.link.send(a_run("a", "b"), Sink())
    assert way.look()
    way.run_comes()
    assert way.look()
    way.word_comes()
    assert not way.look()


def test_an_answer_is_on_its_way_until_it_is_known() -> None:
    way = Way()
    way.link.send(a_run("a", "b"), Sink())
    way.run_comes()
    way.word_comes()
    way.actor.reply(way.book.runs[0], read_answer("proceed", "here"))
    assert way.look()
    way.word_comes()
    assert not way.look()


def test_what_was_on_its_way_between_two_looks_was_on_its_way() -> None:
    way = Way()
    assert not way.look()
    way.link.send(a_run("a", "b"), Sink())
    way.run_comes()
    way.word_comes()
    assert way.runs.was_one()
    assert not way.runs.was_one()


def test_what_has_arrived_since_the_last_look_was_on_its_way() -> None:
    way = Way()
    way.link.send(a_run("a", "b"), Sink())
    assert way.look()
    way.run_comes()
    way.word_comes()
    assert way.runs.was_one()
    assert not way.runs.was_one()


def test_a_run_that_its_worker_does_not_begin_is_not_on_its_way() -> None:
    way = Way()
    way.actor.instance = replace(
        way.actor.instance,
        hooks=read_hooks(dict.fromkeys("ab", NEVER_BEGUN), "here"),
    )
    way.link.send(a_run("a", "b"), Sink())
    way.run_comes()
    way.word_comes()
    assert not way.look()


def test_nothing_is_on_its_way_to_a_worker_that_is_gone() -> None:
    way = Way()
    way.link.send(a_run("a", "b"), Sink())
    way.hang_up()
    assert not way.look()
