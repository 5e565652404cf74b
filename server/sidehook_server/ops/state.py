"""What is true at this moment, for `/state` and for the gauges of `/metrics`."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily

from sidehook._types import JSON
from sidehook_server.dispatch.detached import DetachedQueue
from sidehook_server.dispatch.dispatcher import Dispatcher
from sidehook_server.dispatch.links import LinkTable
from sidehook_server.ops.build import COMPILED
from sidehook_server.ops.decision_log import DecisionLog
from sidehook_server.ops.health import Health, Probe
from sidehook_server.ops.metrics import OTHER
from sidehook_server.ops.reload.reloader import Reloader
from sidehook_server.registry.model import Registry
from sidehook_server.rpc.hook_service import HookService
from sidehook_server.rpc.live_list import LiveList
from sidehook_server.transport.refusals import Refusal, Refusals


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts of a sidecar that have something to show. `journal_problem` None: no journal."""

    sidecar: str
    version: str
    registry: Callable[[], Registry]
    links: LinkTable
    live_list: LiveList
    dispatcher: Dispatcher
    hook_service: HookService
    health: Health
    decisions: DecisionLog | None
    reloader: Reloader
    refusals: Refusals
    journal_problem: Callable[[], str] | None = None


def state_view(parts: Parts) -> dict[str, JSON]:
    """Everything for people and for `sidehook status`, as JSON. No payload text anywhere."""
    return {
        "sidecar": parts.sidecar,
        "version": parts.version,
        "compiled": COMPILED,
        "configuration": parts.reloader.view(),
        "health": {probe.value: parts.health.problem(probe) or "ok" for probe in Probe},
        "calls_in_flight": parts.dispatcher.in_flight,
        "load": parts.dispatcher.load.name.lower(),
        "runs_waiting": dict(parts.dispatcher.runs_waiting),
        "call_streams": parts.hook_service.streams,
        "refused": [_refusal(refusal) for refusal in parts.refusals],
        "list_holders": parts.live_list.holders,
        "detached": {**_detached_view(parts.dispatcher.detached), "journal": _journal(parts)},
        "scope_calls": [
            {"tenant": tenant, "scope": scope, "calls": calls}
            for (tenant, scope), calls in sorted(parts.dispatcher.scope_calls.items())
        ],
        "circuits": [dict(open_one._asdict()) for open_one in parts.dispatcher.breakers],
        **parts.registry().view(),
    }


def _refusal(refusal: Refusal) -> dict[str, JSON]:
    return {
        "worker": refusal.worker,
        "target": refusal.target,
        "reason": refusal.reason,
        "problems": list(refusal.problems),
    }


def _detached_view(detached: DetachedQueue) -> dict[str, JSON]:
    counts = detached.counts
    return {
        "accepted": counts.accepted,
        "delivered": counts.delivered,
        "failed": counts.failed,
        "shed": counts.shed,
        "queued": detached.queued,
        "waiting": detached.waiting,
        "running": detached.running,
        "retrying": detached.retrying,
        "calls_waiting": detached.calls_waiting,
        "refused": counts.refused,
        "restored": counts.restored,
        "retried": counts.retried,
    }


def _journal(parts: Parts) -> str:
    """How the journal is, in words."""
    if parts.journal_problem is None:
        return "off"
    return parts.journal_problem() or "ok"


def gauges(parts: Parts) -> Collection[GaugeMetricFamily]:
    """The gauges, measured now."""
    registry = parts.registry()
    detached = parts.dispatcher.detached
    plain = (
        ("sidehook_calls_in_flight", "Calls not answered yet.", parts.dispatcher.in_flight),
        (
            "sidehook_load_level",
            "0 normal, 1 FIRE_AND_FORGET hooks are shed, 2 AUDIT hooks and shadows too.",
            parts.dispatcher.load,
        ),
        ("sidehook_call_streams", "Open streams of calls.", parts.hook_service.streams),
        ("sidehook_list_holders", "Clients that hold the live list.", parts.live_list.holders),
        ("sidehook_list_version", "The version of the live list.", registry.list_version),
        ("sidehook_generation", "The generation of the registry.", registry.generation),
        ("sidehook_detached_queued", "Detached events whose fate is open.", detached.queued),
        ("sidehook_detached_waiting", "Those that wait for their turn.", detached.waiting),
        ("sidehook_detached_running", "Those that a worker has.", detached.running),
        ("sidehook_detached_retrying", "Those that wait for their next try.", detached.retrying),
        ("sidehook_detached_waiting_bytes", "Payload and state that wait.", detached.octets),
        (
            "sidehook_detached_calls_waiting",
            "Calls whose answer waits for the queue or its journal.",
            detached.calls_waiting,
        ),
        (
            "sidehook_detached_journal_failing",
            "1 when the journal cannot be written.",
            int(_journal(parts) not in ("off", "ok")),
        ),
        (
            "sidehook_circuits_open",
            "Hooks that are kept from an instance after failures there.",
            sum(1 for _ in parts.dispatcher.breakers),
        ),
        ("sidehook_tasks", "Tasks of the event loop.", len(asyncio.all_tasks())),
        ("sidehook_hooks_unreachable", "Hooks nobody serves.", len(unreachable(registry))),
        ("sidehook_ready", "1 when calls are taken.", int(parts.health.is_ready)),
        (
            "sidehook_config_reload_failed",
            "1 while the newest configuration was refused and an older one is in force.",
            int(parts.reloader.failed),
        ),
        (
            "sidehook_decisions_waiting",
            "Lines of the decision log that are not written yet.",
            parts.decisions.waiting if parts.decisions is not None else 0,
        ),
    )
    families = [GaugeMetricFamily(name, text, value=value) for name, text, value in plain]
    return (
        *families,
        _connected(registry, parts.links),
        _waiting(registry, parts.dispatcher.runs_waiting),
        _configuration(registry),
    )


def missing_sentences(registry: Registry) -> tuple[str, ...]:
    """What must be there before calls of every type can be decided, and is not."""
    missing = registry.missing
    by_type = (sentence for sentences in missing.by_type.values() for sentence in sentences)
    return tuple(dict.fromkeys((*missing.everywhere, *by_type)))


def unreachable(registry: Registry) -> Collection[tuple[str, str]]:
    """Worker and name of every hook in force that no instance serves."""
    return {
        (worker.name, key.name)
        for worker in registry.workers.values()
        for key, links in worker.routes.items()
        if not links
    }


def _configuration(registry: Registry) -> GaugeMetricFamily:
    """The digest changes with the file only, so that series are few."""
    family = GaugeMetricFamily(
        "sidehook_config_info", "1, for the configuration in force.", labels=("digest",)
    )
    family.add_metric((registry.config.digest,), 1)
    return family


def _waiting(registry: Registry, runs: Mapping[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(
        "sidehook_runs_waiting",
        "Runs that wait because every instance of their worker is at its limit.",
        labels=("worker",),
    )
    for worker in sorted(registry.workers):
        family.add_metric((worker,), runs.get(worker, 0))
    unnamed = sum(count for worker, count in runs.items() if worker not in registry.workers)
    family.add_metric((OTHER,), unnamed)
    return family


def _connected(registry: Registry, links: LinkTable) -> GaugeMetricFamily:
    family = GaugeMetricFamily(
        "sidehook_workers_connected", "Instances of each worker.", labels=("worker",)
    )
    connected = Counter(link.worker for link in links if link.worker in registry.workers)
    for worker in sorted(registry.workers):
        family.add_metric((worker,), connected[worker])
    return family
