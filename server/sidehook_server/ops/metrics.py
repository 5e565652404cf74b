"""Every metric of the sidecar, each defined once, in a registry of its own.

Labels come from closed sets, or are names that are registered now: whatever else a
client sends as a name is counted under `other`, so that nobody can make series at will.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from sidehook._call import CallAnswer, CallFailure, CallRequest, ReceiptLine, size_of
from sidehook._types import FailureClass, HookOutcome
from sidehook_server.dispatch.fair_share import Refusal
from sidehook_server.dispatch.observer import DetachedLoss, FrameDrop, GuardMissed
from sidehook_server.ops.decision_log.writer import Loss
from sidehook_server.ops.outcomes import outcome_of
from sidehook_server.ops.reload.reloader import ReloadOutcome
from sidehook_server.ops.series import Counters, Histograms
from sidehook_server.pipeline.breaker import BreakerState
from sidehook_server.pipeline.model import PlannedHook
from sidehook_server.registry.effects import RefusalReason

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""What `Metrics.page` is, for an HTTP header."""

OTHER: Final = "other"
"""The label of a name that is not registered."""

_SECONDS: Final[tuple[float, ...]] = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0),
)
_BYTES: Final = tuple(float(4**power) for power in range(4, 13))

_HOOK: Final = ("worker", "hook")

Gauges = Callable[[], Collection[GaugeMetricFamily]]
"""Measures what is true at this moment; asked at every scrape."""


class Names:
    """The names that may stand in a label: declared hook types, registered hooks."""

    def __init__(self) -> None:
        self._types: frozenset[str] = frozenset()
        self._hooks: frozenset[tuple[str, str]] = frozenset()
        self._workers: frozenset[str] = frozenset()

    def know(self, *, hook_types: Collection[str], hooks: Collection[tuple[str, str]]) -> None:
        """Replace what is known. A hook is a pair of its worker's name and its own."""
        self._types = frozenset(hook_types)
        self._hooks = frozenset(hooks)
        self._workers = frozenset(worker for worker, _ in hooks)

    def hook_type(self, name: str) -> str:
        """The name, or `other`."""
        return name if name in self._types else OTHER

    def worker(self, name: str) -> str:
        """The name, or `other`."""
        return name if name in self._workers else OTHER

    def hook(self, worker: str, hook: str) -> tuple[str, str]:
        """Both names, or `other` twice: hooks that an application serves itself are many."""
        return (worker, hook) if (worker, hook) in self._hooks else (OTHER, OTHER)


class Metrics:
    """Counts what the dispatcher and the transports report (`dispatch.observer.Observer`)."""

    def __init__(self, names: Names) -> None:
        self._names = names
        # Around the counters of the decision log, whose lines are written in a thread.
        self._lock = threading.Lock()
        self.registry = CollectorRegistry()
        for standard in (ProcessCollector, PlatformCollector, GCCollector):
            standard(registry=self.registry)
        self._calls = self._counter(
            "sidehook_calls", "Calls answered, refused ones too.", "hook_type", "outcome"
        )
        self._failures = self._counter(
            "sidehook_call_failures", "Calls that nobody decided.", "hook_type", "reason"
        )
        self._calls_refused = self._counter(
            "sidehook_calls_refused", "Calls refused for want of room.", "hook_type", "cause"
        )
        self._waits = self._histogram(
            "sidehook_run_wait_seconds",
            "How long runs waited for an instance with room; those that did not are not in it.",
            _SECONDS,
            *_HOOK,
        )
        self._turned_away = self._counter(
            "sidehook_runs_turned_away",
            "Runs that could not wait for an instance with room, because too many did.",
            *_HOOK,
        )
        self._call_seconds = self._histogram(
            "sidehook_call_seconds", "From a call's arrival to its answer.", _SECONDS, "hook_type"
        )
        self._payload_bytes = self._histogram(
            "sidehook_payload_bytes", "Payloads as they arrive.", _BYTES, "hook_type"
        )
        self._hook_outcomes = self._counter(
            "sidehook_hook_outcomes", "What became of each hook of a call.", *_HOOK, "outcome"
        )
        self._hook_seconds = self._histogram(
            "sidehook_hook_seconds", "From sending a run to its answer.", _SECONDS, *_HOOK
        )
        self._hook_failures = self._counter(
            "sidehook_hook_failures", "Hooks that gave no answer.", *_HOOK, "failure_class"
        )
        self._guard_missed = self._counter(
            "sidehook_guard_missed",
            "A guard did not run when it should have; calls without a sidecar included.",
            "hook_type",
            "cause",
        )
        self._suppressed = self._counter(
            "sidehook_blocks_suppressed", "Blocks of hooks that may not block.", *_HOOK
        )
        self._discarded = self._counter(
            "sidehook_patches_discarded", "Patches of which nothing was applied.", *_HOOK
        )
        self._rejected = self._counter(
            "sidehook_fields_rejected", "Fields of a patch that were not applied.", *_HOOK
        )
        self._unknown_scopes = self._counter(
            "sidehook_scopes_unknown", "Scopes named by calls that no hook knows.", "hook_type"
        )
        self._late = self._counter(
            "sidehook_late_answers", "Answers of workers after their time, dropped.", "worker"
        )
        self._dropped = self._counter(
            "sidehook_frames_dropped", "Frames of workers that were dropped.", "worker", "cause"
        )
        self._client_dropped = self._counter(
            "sidehook_client_frames_dropped", "Frames of clients that were dropped.", "cause"
        )
        self._registrations_refused = self._counter(
            "sidehook_registrations_refused",
            "Manifests that were not accepted, and hooks that were not retired.",
            "reason",
        )
        self._not_kept = self._counter(
            "sidehook_state_not_kept", "Changes that a restart of the sidecar will not know of."
        )
        self._circuits = self._counter(
            "sidehook_circuit_changes",
            "Circuit breakers that opened, let a probe through, or closed.",
            *_HOOK,
            "state",
        )
        self._accepted = self._counter(
            "sidehook_detached_accepted",
            "Detached events taken into the queue, those of the journal included.",
            *_HOOK,
        )
        self._delivered = self._histogram(
            "sidehook_detached_seconds",
            "From taking a detached event into the queue until its hook had handled it.",
            _SECONDS,
            *_HOOK,
        )
        self._lost = self._counter(
            "sidehook_detached_lost",
            "Detached events that were lost. `receipt` is what their call was told of them.",
            *_HOOK,
            "cause",
            "receipt",
        )
        self._restored = self._counter(
            "sidehook_detached_restored", "Accepted events that came out of the journal.", *_HOOK
        )
        self._retried = self._counter(
            "sidehook_detached_retries", "Runs that were repeated.", *_HOOK, "failure_class"
        )
        self._decisions = self._counter(
            "sidehook_decisions_written", "Lines of the decision log that were written."
        )
        self._decisions_lost = self._counter(
            "sidehook_decisions_lost", "Lines of the decision log that were lost.", "cause"
        )
        self._decision_failures = self._counter(
            "sidehook_decision_write_failures",
            "Batches of the decision log that were not written, and tried again.",
        )
        self._reloads = self._counter(
            "sidehook_config_reloads", "Configurations read while running.", "outcome"
        )

    def page(self) -> bytes:
        """Everything, in the text format of Prometheus."""
        return generate_latest(self.registry)

    def measure(self, gauges: Gauges) -> None:
        """Add gauges that are measured at every scrape."""
        self.registry.register(_Measured(gauges))

    def client_frame_dropped(self, cause: FrameDrop) -> None:
        """A frame of a client was dropped."""
        self._client_dropped.of(cause).inc()

    def registration_refused(self, reason: RefusalReason) -> None:
        """A registration or a retirement was refused."""
        self._registrations_refused.of(reason).inc()

    def state_not_kept(self) -> None:
        """What outlives a restart could not be written."""
        self._not_kept.of().inc()

    def decisions_written(self, lines: int) -> None:
        """Lines of the decision log reached their sink. From any thread."""
        with self._lock:
            self._decisions.of().inc(lines)

    def decisions_lost(self, cause: Loss, lines: int) -> None:
        """Lines of the decision log are gone. From any thread."""
        with self._lock:
            self._decisions_lost.of(cause).inc(lines)

    def decision_write_failed(self) -> None:
        """A batch of the decision log was not written. From any thread."""
        with self._lock:
            self._decision_failures.of().inc()

    def configuration_read(self, outcome: ReloadOutcome) -> None:
        """A changed configuration was applied, or refused."""
        self._reloads.of(outcome).inc()

    # The observer of dispatch and transport.

    def call_finished(self, request: CallRequest, answer: CallAnswer, seconds: float) -> None:
        """A call was answered, refused ones too."""
        hook_type = self._names.hook_type(request.hook_type)
        outcome = answer.outcome
        self._calls.of(hook_type, outcome_of(answer)).inc()
        self._call_seconds.of(hook_type).observe(seconds)
        self._payload_bytes.of(hook_type).observe(size_of(request.fields))
        if isinstance(outcome, CallFailure):
            self._failures.of(hook_type, outcome.reason).inc()
        for line in answer.receipt.lines:
            self._hook_finished(line)

    def _hook_finished(self, line: ReceiptLine) -> None:
        hook = self._names.hook(line.worker, line.hook)
        self._hook_outcomes.of(*hook, line.outcome).inc()
        if line.duration is not None:
            self._hook_seconds.of(*hook).observe(line.duration)
        if line.failure_class is not None:
            self._hook_failures.of(*hook, line.failure_class).inc()

    def call_refused(self, hook_type: str, cause: Refusal) -> None:
        """A call was refused for want of room."""
        self._calls_refused.of(self._names.hook_type(hook_type), cause).inc()

    def run_waited(self, hook: PlannedHook, seconds: float) -> None:
        """A run was sent after it had waited for an instance with room."""
        self._waits.of(*self._names.hook(hook.worker, hook.name)).observe(seconds)

    def run_turned_away(self, hook: PlannedHook) -> None:
        """A run could not even wait, because too many did."""
        self._turned_away.of(*self._names.hook(hook.worker, hook.name)).inc()

    def guard_missed(self, hook_type: str, cause: GuardMissed, *, count: int = 1) -> None:
        """Guards did not run when they should have."""
        self._guard_missed.of(self._names.hook_type(hook_type), cause).inc(count)

    def block_suppressed(self, hook_type: str, worker: str, hook: str) -> None:
        """A hook blocked in a mode that may not."""
        self._suppressed.of(*self._names.hook(worker, hook)).inc()

    def patch_discarded(self, hook_type: str, worker: str, hook: str) -> None:
        """Nothing of a hook's patch was applied."""
        self._discarded.of(*self._names.hook(worker, hook)).inc()

    def fields_rejected(self, hook_type: str, worker: str, hook: str, *, count: int) -> None:
        """Fields of a hook's patch were not applied."""
        self._rejected.of(*self._names.hook(worker, hook)).inc(count)

    def scopes_unknown(self, hook_type: str, *, count: int) -> None:
        """A call named scopes that no hook knows."""
        self._unknown_scopes.of(self._names.hook_type(hook_type)).inc(count)

    def late_answer(self, worker: str) -> None:
        """An answer came after its time, and was dropped."""
        self._late.of(self._names.worker(worker)).inc()

    def frame_dropped(self, worker: str, cause: FrameDrop) -> None:
        """A frame of a worker was dropped."""
        self._dropped.of(self._names.worker(worker), cause).inc()

    def circuit_changed(self, hook: PlannedHook, state: BreakerState) -> None:
        """The circuit breaker of a hook on one instance opened, probes, or closed."""
        self._circuits.of(*self._names.hook(hook.worker, hook.name), state).inc()

    def detached_accepted(self, hook: PlannedHook) -> None:
        """A detached event is in the queue."""
        self._accepted.of(*self._names.hook(hook.worker, hook.name)).inc()

    def detached_restored(self, hook: PlannedHook) -> None:
        """One that was accepted came out of the journal."""
        self._restored.of(*self._names.hook(hook.worker, hook.name)).inc()

    def detached_refused(self, hook: PlannedHook, cause: DetachedLoss) -> None:
        """A detached event was not accepted."""
        names = self._names.hook(hook.worker, hook.name)
        self._lost.of(*names, cause, HookOutcome.SHED).inc()

    def detached_retried(self, hook: PlannedHook, failure_class: FailureClass) -> None:
        """The run of a detached event will be repeated."""
        names = self._names.hook(hook.worker, hook.name)
        self._retried.of(*names, failure_class).inc()

    def detached_delivered(self, hook: PlannedHook, seconds: float) -> None:
        """A detached event was handled, so long after it was accepted."""
        self._delivered.of(*self._names.hook(hook.worker, hook.name)).observe(seconds)

    def detached_lost(self, hook: PlannedHook, cause: DetachedLoss) -> None:
        """A detached event that was accepted is lost."""
        names = self._names.hook(hook.worker, hook.name)
        self._lost.of(*names, cause, HookOutcome.DETACHED).inc()

    def _counter(self, name: str, text: str, *labels: str) -> Counters:
        return Counters(name, text, labels, registry=self.registry)

    def _histogram(
        self, name: str, text: str, buckets: tuple[float, ...], *labels: str
    ) -> Histograms:
        return Histograms(name, text, buckets, labels, registry=self.registry)


class _Measured(Collector):
    def __init__(self, gauges: Gauges) -> None:
        self._gauges = gauges

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield from self._gauges()
