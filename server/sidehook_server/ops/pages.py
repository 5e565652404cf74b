"""The pages of the admin port."""

from __future__ import annotations

import json
from collections.abc import Callable

from sidehook_server.ops.admin import Page, Pages
from sidehook_server.ops.health import Health, Probe
from sidehook_server.ops.metrics import CONTENT_TYPE, Metrics
from sidehook_server.ops.state import Parts, state_view


def admin_pages(parts: Parts, metrics: Metrics) -> Pages:
    """Health, metrics and state, by path."""
    return {
        **{f"/healthz/{probe.value}": _probe_page(parts.health, probe) for probe in Probe},
        "/metrics": lambda: Page(metrics.page(), CONTENT_TYPE),
        "/state": lambda: Page(_state(parts), "application/json"),
    }


def _probe_page(health: Health, probe: Probe) -> Callable[[], Page]:
    def page() -> Page:
        problem = health.problem(probe)
        return Page(f"{problem or 'ok'}\n".encode(), status=503 if problem else 200)

    return page


def _state(parts: Parts) -> bytes:
    return json.dumps(state_view(parts), indent=2).encode() + b"\n"
