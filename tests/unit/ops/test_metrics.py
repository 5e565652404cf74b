import re

import pytest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families

from sidehook._call import (
    CallAnswer,
    CallFailure,
    CallRequest,
    Proceed,
    Receipt,
    ReceiptLine,
    Violation,
)
from sidehook._types import FailureClass, HookOutcome, Mode, OnError, Value, ValueKind
from sidehook_server.dispatch.fair_share import Refusal
from sidehook_server.dispatch.observer import DetachedLoss, FrameDrop, GuardMissed, Observer
from sidehook_server.ops.decision_log.writer import Loss
from sidehook_server.ops.metrics import Metrics, Names
from sidehook_server.ops.reload.reloader import ReloadOutcome
from sidehook_server.pipeline.model import PlannedHook

REQUEST = CallRequest(hook_type="mine", fields={"a": Value(ValueKind.JSON, b'"12345"')})
HOOK = PlannedHook(
    worker="w",
    name="h",
    hook_type="mine",
    mode=Mode.FIRE_AND_FORGET,
    priority=50,
    timeout=1.0,
    on_error=dict.fromkeys(FailureClass, OnError.IGNORE),
)


@pytest.fixture
def metrics() -> Metrics:
    names = Names()
    names.know(hook_types=["mine"], hooks=[("w", "h")])
    return Metrics(names)


def read(metrics: Metrics, name: str, **labels: str) -> float | None:
    """A series as Prometheus reads it, None when there is none."""
    for family in text_string_to_metric_families(metrics.page().decode()):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return float(sample.value)
    return None


def answer(outcome: Proceed | Violation | CallFailure, *lines: ReceiptLine) -> CallAnswer:
    return CallAnswer(outcome, Receipt(call_id="c", lines=lines))


def line(outcome: HookOutcome, *, worker: str = "w", hook: str = "h") -> ReceiptLine:
    return ReceiptLine(
        hook=hook, worker=worker, mode=Mode.SEQUENTIAL, outcome=outcome, duration=0.5
    )


@pytest.mark.parametrize(
    ("outcome", "label"),
    [
        (Proceed({}), "proceeded"),
        (Violation(reason="no"), "blocked"),
        (CallFailure(reason="HOOK_FAILED", message=""), "failed"),
        (CallFailure(reason="DEADLINE_EXCEEDED", message=""), "deadline"),
        (CallFailure(reason="CANCELLED", message=""), "cancelled"),
    ],
)
def test_calls_are_counted_by_type_and_outcome(
    metrics: Metrics, outcome: Proceed | Violation | CallFailure, label: str
) -> None:
    metrics.call_finished(REQUEST, answer(outcome), 0.01)
    assert read(metrics, "sidehook_calls_total", hook_type="mine", outcome=label) == 1
    assert read(metrics, "sidehook_call_seconds_sum", hook_type="mine") == 0.01
    assert read(metrics, "sidehook_payload_bytes_sum", hook_type="mine") == 8


def test_a_failed_call_is_counted_by_its_reason(metrics: Metrics) -> None:
    metrics.call_finished(REQUEST, answer(CallFailure(reason="DRAINING", message="")), 0.0)
    assert read(metrics, "sidehook_call_failures_total", hook_type="mine", reason="DRAINING") == 1


def test_the_fate_of_each_hook_is_counted(metrics: Metrics) -> None:
    failed = ReceiptLine(
        hook="h",
        worker="w",
        mode=Mode.AUDIT,
        outcome=HookOutcome.FAILED_OPEN,
        failure_class=FailureClass.TIMEOUT,
    )
    metrics.call_finished(REQUEST, answer(Proceed({}), line(HookOutcome.MODIFIED), failed), 0.1)
    outcomes = "sidehook_hook_outcomes_total"
    assert read(metrics, outcomes, worker="w", hook="h", outcome="modified") == 1
    assert read(metrics, outcomes, worker="w", hook="h", outcome="failed_open") == 1
    assert read(metrics, "sidehook_hook_seconds_count", worker="w", hook="h") == 1
    assert (
        read(metrics, "sidehook_hook_failures_total", worker="w", hook="h", failure_class="timeout")
        == 1
    )


@pytest.mark.parametrize("cause", list(GuardMissed))
def test_guards_that_did_not_run_have_one_counter(metrics: Metrics, cause: GuardMissed) -> None:
    metrics.guard_missed("mine", cause, count=3)
    assert read(metrics, "sidehook_guard_missed_total", hook_type="mine", cause=cause) == 3


@pytest.mark.parametrize("cause", list(DetachedLoss))
def test_detached_events_that_were_lost_have_one_counter(
    metrics: Metrics, cause: DetachedLoss
) -> None:
    lost, labels = "sidehook_detached_lost_total", {"worker": "w", "hook": "h", "cause": cause}
    metrics.detached_accepted(HOOK)
    metrics.detached_lost(HOOK, cause)
    metrics.detached_refused(HOOK, cause)
    assert read(metrics, "sidehook_detached_accepted_total", worker="w", hook="h") == 1
    assert read(metrics, lost, receipt="detached", **labels) == 1
    assert read(metrics, lost, receipt="shed", **labels) == 1


def test_events_of_the_journal_and_repeated_runs_are_counted(metrics: Metrics) -> None:
    metrics.detached_restored(HOOK)
    metrics.detached_retried(HOOK, FailureClass.TIMEOUT)
    hook = {"worker": "w", "hook": "h"}
    assert read(metrics, "sidehook_detached_restored_total", **hook) == 1
    assert read(metrics, "sidehook_detached_retries_total", failure_class="timeout", **hook) == 1


def test_nothing_discarded_is_silent(metrics: Metrics) -> None:
    observer: Observer = metrics
    observer.block_suppressed("mine", "w", "h")
    observer.patch_discarded("mine", "w", "h")
    observer.fields_rejected("mine", "w", "h", count=2)
    observer.scopes_unknown("mine", count=2)
    observer.late_answer("w")
    observer.frame_dropped("w", FrameDrop.MALFORMED)
    observer.detached_delivered(HOOK, 0.2)
    observer.call_refused("mine", Refusal.SHARE)
    observer.run_waited(HOOK, 0.3)
    observer.run_turned_away(HOOK)
    metrics.client_frame_dropped(FrameDrop.UNEXPECTED)
    assert read(metrics, "sidehook_blocks_suppressed_total", worker="w", hook="h") == 1
    assert read(metrics, "sidehook_patches_discarded_total", worker="w", hook="h") == 1
    assert read(metrics, "sidehook_fields_rejected_total", worker="w", hook="h") == 2
    assert read(metrics, "sidehook_scopes_unknown_total", hook_type="mine") == 2
    assert read(metrics, "sidehook_late_answers_total", worker="w") == 1
    assert read(metrics, "sidehook_frames_dropped_total", worker="w", cause="malformed") == 1
    assert read(metrics, "sidehook_detached_seconds_sum", worker="w", hook="h") == 0.2
    assert read(metrics, "sidehook_calls_refused_total", hook_type="mine", cause="share") == 1
    assert read(metrics, "sidehook_run_wait_seconds_sum", worker="w", hook="h") == 0.3
    assert read(metrics, "sidehook_runs_turned_away_total", worker="w", hook="h") == 1
    assert read(metrics, "sidehook_client_frames_dropped_total", cause="unexpected") == 1


def test_lines_of_the_decision_log_are_counted_lost_ones_by_their_cause(metrics: Metrics) -> None:
    metrics.decisions_written(5)
    metrics.decisions_lost(Loss.QUEUE_FULL, 2)
    metrics.decisions_lost(Loss.STOPPED, 1)
    metrics.decision_write_failed()
    assert read(metrics, "sidehook_decisions_written_total") == 5
    assert read(metrics, "sidehook_decisions_lost_total", cause="queue_full") == 2
    assert read(metrics, "sidehook_decisions_lost_total", cause="stopped") == 1
    assert read(metrics, "sidehook_decision_write_failures_total") == 1


def test_what_became_of_each_configuration_is_counted(metrics: Metrics) -> None:
    metrics.configuration_read(ReloadOutcome.REFUSED)
    assert read(metrics, "sidehook_config_reloads_total", outcome="refused") == 1


def test_names_that_nobody_registered_make_no_series(metrics: Metrics) -> None:
    for number in range(1000):
        request = CallRequest(hook_type=f"made-up-{number}", fields={})
        metrics.call_finished(
            request, answer(Proceed({}), line(HookOutcome.PROCEEDED, worker=f"w{number}")), 0.0
        )
        metrics.late_answer(f"w{number}")
    assert read(metrics, "sidehook_calls_total", hook_type="other", outcome="proceeded") == 1000
    assert (
        read(
            metrics,
            "sidehook_hook_outcomes_total",
            worker="other",
            hook="other",
            outcome="proceeded",
        )
        == 1000
    )
    assert read(metrics, "sidehook_late_answers_total", worker="other") == 1000
    assert b"made-up" not in metrics.page()


def test_gauges_are_measured_when_they_are_read(metrics: Metrics) -> None:
    values = iter([1.0, 2.0])
    metrics.measure(lambda: [GaugeMetricFamily("sidehook_it", "It.", value=next(values))])
    assert [read(metrics, "sidehook_it"), read(metrics, "sidehook_it")] == [1.0, 2.0]


def test_every_metric_is_in_base_units_and_says_what_it_is(metrics: Metrics) -> None:
    for family in metrics.registry.collect():
        assert family.documentation
        if family.name.startswith("sidehook_") and family.type == "histogram":
            assert re.search(r"_(seconds|bytes)$", family.name), family.name
