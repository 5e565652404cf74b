"""FIRE_AND_FORGET hooks on a bench, and what must always be true of their events."""

from __future__ import annotations

from sidehook._call import CallRequest
from sidehook._types import Mode, OnError
from sidehook_server.pipeline.model import PlannedHook
from tests.unit.dispatch.fakes import Bench, FakeCall, a_hook, fields_of


def a_listener(
    name: str = "tell",
    *,
    worker: str = "w",
    timeout: float = 30.0,
    idempotent: bool = False,
    handle: str | None = None,
) -> PlannedHook:
    return a_hook(
        name,
        Mode.FIRE_AND_FORGET,
        worker=worker,
        timeout=timeout,
        on_error=OnError.IGNORE,
        idempotent=idempotent,
        handle=handle,
    )


def call_named(bench: Bench, name: str, *, budget: float | None = None, **texts: str) -> FakeCall:
    fields = fields_of(**texts)
    return bench.call(CallRequest(hook_type="t", fields=fields, call_id=name, budget=budget))


def sent(bench: Bench) -> list[str]:
    """The calls whose events were sent, in that order."""
    return [run.request.call_id for run in bench.link.runs]


def assert_adds_up(bench: Bench) -> None:
    """Accepted is delivered, failed, shed and queued; and so it is for whoever counts."""
    queue, seen = bench.dispatcher.detached, bench.seen
    counts = queue.counts
    assert queue.queued >= queue.waiting + queue.running + queue.retrying
    assert counts.accepted == counts.delivered + counts.failed + counts.shed + queue.queued
    assert len(seen.accepted) == counts.accepted
    assert len(seen.accepted) == len(seen.delivered) + len(seen.lost) + queue.queued
    assert len(seen.refused) == counts.refused
