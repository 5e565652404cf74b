"""The attached scopes of the fake sidecar: it runs an application's own hooks, one by one."""

from __future__ import annotations

import itertools
import secrets
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from typing import TypeAlias

import grpc

from sidehook import _wire
from sidehook._call import CallFailure, CallRequest, Proceed, Violation
from sidehook._frames import EventTag, Frame, RunTag
from sidehook._hello import SidecarHello, WorkerHello
from sidehook._manifest import ErrorPolicy, HookSpec
from sidehook._run import HookFailure, HookResult, HookRun, Patch, RunRequest
from sidehook._types import FailureClass, Mode
from sidehook.testing._fake_streams import Requests, Stream, frames

Outcome: TypeAlias = Proceed | Violation | CallFailure
"""How a call ends: what changes in the payload, a hook's no, or why nobody decided."""

_DEFAULT_PRIORITY = 50
_DEFAULT_BUDGET = 10.0


class FakeScope:
    """One attached scope."""

    def __init__(self, hello: SidecarHello) -> None:
        self.stream = Stream()
        self.attached: WorkerHello | None = None
        self._hello = hello
        self._ids = itertools.count(1)
        self._runs: dict[int, Future[HookResult]] = {}

    def take(self, frame: Frame) -> None:
        """Act on a frame of the worker."""
        if frame.tag == EventTag.HELLO:
            self.attached = _wire.decode_worker_hello(frame.body)
            self.stream.send_frame(Frame(0, RunTag.HELLO, _wire.encode_sidecar_hello(self._hello)))
        elif frame.tag == EventTag.RESULT and frame.id in self._runs:
            self._runs.pop(frame.id).set_result(_wire.decode_result(frame.body))

    @property
    def worker(self) -> str:
        """The name of the worker that its hooks belong to."""
        return "" if self.attached is None else self.attached.manifest.worker

    def hooks(self, hook_type: str) -> list[HookSpec]:
        """Return the scope's hooks of one type, in the order of their priorities."""
        specs = () if self.attached is None else self.attached.manifest.hooks
        of_type = [spec for spec in specs if spec.hook_type == hook_type]
        return sorted(of_type, key=_order)

    def send(self, request: RunRequest) -> Future[HookResult]:
        """Send a run of one hook; the future gets what the hook answers."""
        run_id = next(self._ids)
        result = self._runs[run_id] = Future[HookResult]()
        self.stream.send_message(run_id, _wire.encode_run(request))
        return result


class FakeScopes:
    """The scopes that applications have attached, by their handles."""

    def __init__(self, hello: SidecarHello) -> None:
        self.refusal: CallFailure | None = None
        self._hello = hello
        self._lock = threading.Lock()
        self._scopes: dict[str, FakeScope] = {}

    @property
    def handles(self) -> tuple[str, ...]:
        """The handles of the scopes that are attached now."""
        with self._lock:
            return tuple(self._scopes)

    def end_all(self) -> None:
        """End the streams of all scopes."""
        with self._lock:
            for scope in self._scopes.values():
                scope.stream.end()

    def serve(self, requests: Requests, context: grpc.ServicerContext) -> Iterator[bytes]:
        """Serve Attach."""
        handle = f"scope-{secrets.token_hex(8)}"
        scope = FakeScope(replace(self._hello, scope_handle=handle))
        if self.refusal is not None:
            scope.stream.end(self.refusal)
        with self._lock:
            self._scopes[handle] = scope
        scope.stream.read(requests, frames(scope.take))
        try:
            yield from scope.stream.serve(context)
        finally:
            with self._lock:
                del self._scopes[handle]

    def run(self, request: CallRequest) -> Outcome:
        """Run the hooks of the scopes that a call names, each on what the one before left.

        FIRE_AND_FORGET hooks run after the others, and nobody waits for them.
        """
        detached: list[tuple[FakeScope, HookSpec]] = []
        outcome: Outcome = Proceed({})
        for handle in request.scope_handles:
            with self._lock:
                scope = self._scopes.get(handle)
            if scope is None:
                return _unreachable(handle)
            for spec in scope.hooks(request.hook_type):
                if spec.mode is Mode.FIRE_AND_FORGET:
                    detached.append((scope, spec))
                elif isinstance(outcome, Proceed):
                    outcome = _after(scope, spec, request, outcome)
        for scope, spec in detached:
            scope.send(_run_request(request, spec, outcome))
        return outcome


def _order(spec: HookSpec) -> tuple[int, str]:
    return _DEFAULT_PRIORITY if spec.priority is None else spec.priority, spec.name


def _run_request(request: CallRequest, spec: HookSpec, outcome: Outcome) -> RunRequest:
    patch = outcome.patch if isinstance(outcome, Proceed) else {}
    fields = {**request.fields, **patch}
    budget = _DEFAULT_BUDGET if request.budget is None else request.budget
    run = HookRun(
        hook=spec.name,
        mode=Mode.SEQUENTIAL if spec.mode is None else spec.mode,
        may_block=True,
        may_modify=True,
        writable_fields=frozenset(fields),
        timeout=budget,
        on_error=ErrorPolicy(),
    )
    return RunRequest(
        call_id=request.call_id,
        hook_type=request.hook_type,
        steps=((run,),),
        fields=fields,
        context=request.context,
        time_left=budget,
    )


def _after(scope: FakeScope, spec: HookSpec, request: CallRequest, before: Proceed) -> Outcome:
    """Run one hook and return how the call stands after it."""
    run = _run_request(request, spec, before)
    answer = scope.send(run).result(run.time_left).answer
    if isinstance(answer, Violation | HookFailure):
        return _ended(answer, spec, scope.worker)
    if isinstance(answer, Patch):
        return Proceed({**before.patch, **answer.fields})
    return before


def _ended(answer: Violation | HookFailure, spec: HookSpec, worker: str) -> Outcome:
    if isinstance(answer, Violation):
        return replace(answer, hook=spec.name, worker=worker)
    return CallFailure(
        reason="HOOK_FAILED",
        message=f"{worker}/{spec.name} failed: {answer.message}",
        failure_class=answer.failure_class,
        hook=spec.name,
        worker=worker,
        started=True,
    )


def _unreachable(handle: str) -> CallFailure:
    return CallFailure(
        reason="HOOK_FAILED",
        message=f"the scope {handle} is not attached",
        failure_class=FailureClass.UNREACHABLE,
    )
