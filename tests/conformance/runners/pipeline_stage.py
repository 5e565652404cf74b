"""The pipeline in this process: no sockets, and a clock that only the case moves.

Everything else is real: registry, dispatcher, the links of the transports and the
codecs of both legs.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path

from sidehook import _wire as wire
from sidehook._call import CallAnswer, Receipt
from sidehook._continuations import Received
from sidehook._errors import MalformedError
from sidehook._frames import Joiner, decode_frame, pack, unpack
from sidehook._hello import WorkerHello
from sidehook._mux import Outbox
from sidehook_server.config.model import Config
from sidehook_server.dispatch.dispatcher import CallHandle, DrainReport
from sidehook_server.registry import transitions
from sidehook_server.rpc.stream_failures import malformed_call
from sidehook_server.transport.errors import RefusedError
from sidehook_server.transport.session import Session
from tests.conformance.language.answers import Answer
from tests.conformance.language.cases import Case
from tests.conformance.language.workers import Instance
from tests.conformance.runners import configuring
from tests.conformance.runners.actor import Actor
from tests.conformance.runners.book import Book, Seen
from tests.conformance.runners.local_sidecar import CaseClock, LocalSidecar
from tests.conformance.runners.stage import DrainEnd, Refusal, Retired


class _Line:
    """The connection of an actor: what the sidecar queues is its, and the other way round."""

    def __init__(self, stage: PipelineStage, session: Session, outbox: Outbox) -> None:
        self.session = session
        self.refusal: Refusal | None = None
        self._stage = stage
        self._outbox = outbox
        self._joiner = Joiner(64 * 1024 * 1024, 1024)

    def send(self, frames: Iterable[bytes]) -> None:
        batch = pack(frames)
        self.later(0, lambda: self._receive(batch))

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        clock = self._stage.clock
        clock.call_at(clock.time() + seconds, act)

    def hang_up(self) -> None:
        self._stage.cut(self.session.link.link_id)

    def deliver(self, actor: Actor) -> bool:
        """Hands on what the sidecar has queued; whether there was anything."""
        batch = self._outbox.ready_batch()
        for octets in unpack(batch) if batch else ():
            frame = self._joiner.feed(decode_frame(octets))
            if frame is not None:
                actor.take(frame)
        return bool(batch)

    def _receive(self, batch: bytes) -> None:
        try:
            self.session.link.receive(batch)
        except (RefusedError, MalformedError) as error:
            # What the sidecar cannot accept ends the stream.
            self.refusal = _refusal(error)
            self.hang_up()


@dataclass(slots=True)
class _CallUnderWay:
    handle: CallHandle | None = None
    answers: list[CallAnswer] = field(default_factory=list)


def _refusal(error: RefusedError | MalformedError) -> Refusal:
    if isinstance(error, RefusedError):
        return Refusal(error.reason, "; ".join(error.problems))
    return Refusal("MALFORMED_REQUEST", str(error))


class PipelineStage:
    """A sidecar without its legs, and the workers and applications at their ends.

    With `all_fuse` every worker takes several hooks in one run, whatever the case says.
    """

    is_exact = True

    def __init__(self, config: Config, *, all_fuse: bool = False) -> None:
        self._all_fuse = all_fuse
        self.book = Book()
        self.clock = CaseClock()
        self._config = config
        self._sidecar = LocalSidecar(config, (), self.clock)
        self._actors: dict[str, tuple[Actor, _Line]] = {}
        self._scopes: dict[str, str] = {}
        self._handles: dict[str, str] = {}
        self._calls: dict[str, _CallUnderWay] = {}
        self._draining: asyncio.Task[DrainReport] | None = None

    # Workers and applications that serve hooks.

    async def connect(self, instance: Instance) -> Refusal | None:
        return self._attach(instance, None)

    async def declare(self, instance: Instance) -> Refusal | None:
        actor, line = self._actor(instance.worker, instance.name)
        actor.declare(self._fusing(instance))
        self._settle()
        return line.refusal

    async def drop(self, worker: str, instance: str) -> None:
        _, line = self._actor(worker, instance)
        line.hang_up()
        self._settle()

    async def goodbye(self, worker: str, instance: str) -> None:
        actor, _ = self._actor(worker, instance)
        actor.goodbye()
        self._settle()

    async def enter(self, scope: str, instance: Instance) -> None:
        self._handles[scope] = secrets.token_hex(8)
        refusal = self._attach(instance, self._handles[scope])
        assert refusal is None, refusal

    async def leave(self, scope: str) -> None:
        self.cut(self._scopes[self._handles[scope]])
        self._settle()

    def handle(self, scope: str) -> str:
        return self._handles.get(scope, scope)

    def _attach(self, instance: Instance, handle: str | None) -> Refusal | None:
        instance = self._fusing(instance)
        hello = WorkerHello(manifest=instance.manifest, scope_only=handle is not None)
        outbox = Outbox()
        try:
            manifest = wire.decode_worker_hello(wire.encode_worker_hello(hello)).manifest
            session = Session(self._sidecar.local, manifest, outbox)
            session.register(scope_handle=handle)
        except (RefusedError, MalformedError) as error:
            return _refusal(error)
        line = _Line(self, session, outbox)
        link_id = session.link.link_id
        self._actors[link_id] = (Actor(instance, self.book, line), line)
        if handle is not None:
            self._scopes[handle] = link_id
        self._settle()
        return None

    def _fusing(self, instance: Instance) -> Instance:
        return replace(instance, fuses=instance.fuses or self._all_fuse)

    def cut(self, link_id: str) -> None:
        """The connection of a link is gone."""
        actor, line = self._actors.pop(link_id)
        line.deliver(actor)
        actor.is_gone = True
        self._sidecar.local.registrar.detach(link_id)
        line.session.link.close()

    def _actor(self, worker: str, instance: str) -> tuple[Actor, _Line]:
        return next(
            (actor, line)
            for actor, line in self._actors.values()
            if (actor.instance.worker, actor.instance.name) == (worker, instance)
        )

    # Calls.

    async def begin(self, name: str, octets: bytes) -> None:
        call = self._calls[name] = _CallUnderWay()
        try:
            request = wire.decode_invoke(octets, Received())
        except MalformedError as error:
            call.answers.append(CallAnswer(malformed_call(error), Receipt(call_id="")))
            return
        call.handle = self._sidecar.dispatcher.start(request, call.answers.append)
        self._settle()

    def has(self, name: str) -> bool:
        return name in self._calls

    async def finish(self, name: str) -> CallAnswer:
        call = self._calls[name]
        self._settle()
        while not call.answers:
            assert self._step(), f"call {name} is never answered"
        assert len(call.answers) == 1, "a call is answered exactly once"
        # Through the codec, as it would arrive.
        return wire.decode_answer(wire.encode_answer(call.answers[0]))

    async def cancel(self, name: str) -> CallAnswer | None:
        call = self._calls[name]
        if call.handle is not None:
            call.handle.cancel()
        self._settle()
        return call.answers[0]

    def reply(self, seen: Seen, answer: Answer) -> None:
        assert any(actor.reply(seen, answer) for actor, _ in self._actors.values())
        self._settle()

    # The operator.

    async def retire(self, worker: str, hook: str) -> Retired | Refusal:
        change = transitions.retired(self._sidecar.holder.current, worker, hook)
        self._sidecar.holder.apply(change)
        self._settle()
        if change.refusal is not None:
            return Refusal(change.refusal.reason, "; ".join(change.refusal.problems))
        return Retired(change.retired)

    async def drain(self) -> None:
        dispatcher = self._sidecar.dispatcher
        dispatcher.stop_accepting()
        timeout = self._config.limits.drain_timeout
        self._draining = asyncio.create_task(dispatcher.drain(timeout))
        await asyncio.sleep(0)

    async def drained(self) -> DrainEnd:
        assert self._draining is not None, "a sidecar drains before it is drained"
        while not self._draining.done():
            self._settle()
            # Twice: the task wakes, and then waits for the next thing.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            if not self._draining.done():
                self._step()
        report = self._draining.result()
        return DrainEnd(report.cut_calls, len(report.undelivered))

    async def restart(self) -> None:
        for link_id in list(self._actors):
            self.cut(link_id)
        kept = () if self._config.dev else self._sidecar.holder.current.kept()
        self._sidecar.dispatcher.close()
        self._sidecar = LocalSidecar(self._config, kept, self.clock)

    def page(self, path: str) -> bytes:
        if path == "/metrics":
            return self._sidecar.metrics.page()
        return json.dumps(self._sidecar.holder.current.view()).encode()

    # Time.

    async def advance(self, seconds: float) -> None:
        until = self.clock.time() + seconds
        while self.clock.next() <= until:
            self._step()
        self.clock.advance(until - self.clock.time())
        self._settle()

    async def until(self, condition: Callable[[], bool]) -> bool:
        self._settle()
        return condition()

    def _settle(self) -> None:
        """Everything that is due happens."""
        moving = True
        while moving:
            self.clock.advance(0)
            # Whoever hangs up is no longer among them.
            lines = list(self._actors.values())
            moving = sum(line.deliver(actor) for actor, line in lines) > 0

    def _step(self) -> bool:
        """The next thing happens, at its time; False when there is nothing."""
        at = self.clock.next()
        if at == inf:
            return False
        self.clock.advance(max(0.0, at - self.clock.time()))
        self._settle()
        return True


@asynccontextmanager
async def pipeline_stage(
    case: Case, folder: Path, *, all_fuse: bool = False
) -> AsyncIterator[PipelineStage]:
    """A stage on which the workers of a case are connected."""
    stage = PipelineStage(configuring.load(case.configuration, folder), all_fuse=all_fuse)
    for worker in case.workers.values():
        for name in worker.instances:
            refusal = await stage.connect(worker.instance(name))
            assert refusal is None, refusal
    yield stage
    stage._sidecar.dispatcher.close()
