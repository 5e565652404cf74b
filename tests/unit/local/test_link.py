"""The link to a worker in this process, as the sidecar's dispatch sees it."""

import asyncio
import contextvars
from dataclasses import dataclass, field

from sidehook import FailureClass
from sidehook._call import CallContext
from sidehook._manifest import ErrorPolicy, Limits
from sidehook._run import HookFailure, HookResult, HookRun, NothingToSay, RunRequest
from sidehook._types import Mode
from sidehook.local._link import LocalLink, LocalRun
from sidehook.worker import Dispatcher
from sidehook_server.dispatch.link import WorkerLink
from tests.unit.local.hooks import TYPE, Waiting

RUN = RunRequest(
    call_id="call",
    hook_type=TYPE,
    steps=(
        (
            HookRun(
                hook="waiting",
                mode=Mode.SEQUENTIAL,
                may_block=True,
                may_modify=True,
                writable_fields=frozenset(),
                timeout=5.0,
                on_error=ErrorPolicy(),
            ),
        ),
    ),
    fields={},
    context=CallContext(),
    time_left=5.0,
)


@dataclass
class Recorder:
    """Writes down what comes of one run."""

    results: list[HookResult] = field(default_factory=list)
    failures: list[HookFailure] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    began: bool = False
    asked_for: list[float] = field(default_factory=list)

    def begun(self, index: int = 0) -> None:
        self.began = True

    def extended(self, extra: float, index: int = 0) -> None:
        self.asked_for.append(extra)

    def spoiled(self, failure: HookFailure, index: int | None) -> None:
        self.failures.append(failure)

    def ended(self) -> None:
        self.over.set()

    def answered(self, result: HookResult) -> None:
        self.results.append(result)
        self.over.set()

    def failed(self, failure: HookFailure, *, sent: bool) -> None:
        self.failures.append(failure)
        self.over.set()


def link_to(waiting: Waiting, *, max_in_flight: int = 8) -> LocalLink:
    limits = Limits(max_in_flight=max_in_flight)
    dispatcher = Dispatcher([waiting], "w", limits=limits)
    return LocalLink("link-1", dispatcher, context=contextvars.Context())


async def test_it_is_a_link_as_the_sidecar_knows_them() -> None:
    link: WorkerLink = link_to(Waiting())

    assert (link.link_id, link.worker, link.healthy, link.draining) == ("link-1", "w", True, False)


async def test_a_run_is_in_flight_until_it_is_answered() -> None:
    waiting, sink = Waiting(), Recorder()
    link = link_to(waiting)

    link.send(RUN, sink)
    assert link.in_flight == 1
    waiting.go.set()
    await asyncio.wait_for(sink.over.wait(), 5)

    assert [result.answer for result in sink.results] == [NothingToSay()]
    assert link.in_flight == 0
    await link.close()


async def test_a_worker_without_room_says_so_and_uses_no_sink() -> None:
    waiting, sink = Waiting(), Recorder()
    link = link_to(waiting, max_in_flight=1)

    link.send(RUN, Recorder())
    refused = link.send(RUN, sink)

    assert isinstance(refused, HookFailure)
    assert refused.failure_class is FailureClass.OVERLOADED
    await link.close()
    assert (sink.results, sink.failures) == ([], [])


async def test_a_run_that_is_cancelled_never_answers_and_holds_its_place_until_it_has_ended() -> (
    None
):
    waiting, sink = Waiting(), Recorder()
    link = link_to(waiting)

    run = link.send(RUN, sink)
    assert isinstance(run, LocalRun)
    await waiting.running.wait()
    run.cancel()
    assert link.in_flight == 1
    run.cancel()
    await link.idle(5)
    assert link.in_flight == 0

    assert (sink.results, sink.failures) == ([], [])
    await link.close()


async def test_waiting_for_it_to_be_idle_has_an_end() -> None:
    link = link_to(Waiting())

    link.send(RUN, Recorder())
    await link.idle(0.01)

    assert link.in_flight == 1
    await link.close()
    assert link.in_flight == 0
