"""How much detached work there may be, and for how long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from sidehook_server.config.model import Config, WhenFull


@dataclass(frozen=True, slots=True, kw_only=True)
class DetachedLimits:
    """The bounds of the queue of detached work; times in seconds.

    Attributes:
        events: How many may wait, those that run not counted.
        octets: The bytes of payload and state that may wait.
        when_full: What becomes of an event for which there is no room.
        wait_up_to: How long a call waits for room, under `WhenFull.WAIT`.
        per_worker: How many runs of a worker go on at once.
        per_hook: How many runs of a hook go on at once, unless `hook_runs` has the hook.
        hook_runs: The same for single hooks, by the names of worker and hook.
        retries: How often a run that failed is repeated.
        retry_for: How long an event that may wait or be repeated lives at least.
    """

    events: int = 10_000
    octets: int = 256 * 1024 * 1024
    when_full: WhenFull = WhenFull.DROP_NEWEST
    wait_up_to: float = 0.1
    per_worker: int = 32
    per_hook: int = 16
    hook_runs: Mapping[tuple[str, str], int] = field(default_factory=lambda: MappingProxyType({}))
    retries: int = 3
    retry_for: float = 120.0

    def runs_of(self, worker: str, hook: str) -> int:
        """How many runs of a hook go on at once."""
        return self.hook_runs.get((worker, hook), self.per_hook)


def detached_limits(config: Config) -> DetachedLimits:
    """The limits that an operator set."""
    said = config.detached
    return DetachedLimits(
        events=said.queue,
        octets=said.max_bytes,
        when_full=said.when_full,
        wait_up_to=said.wait_up_to,
        per_worker=said.per_worker,
        per_hook=said.per_hook,
        hook_runs=MappingProxyType(
            {
                (worker.name, hook.name): hook.detached_runs
                for worker in config.workers.values()
                for hook in worker.hooks
                if hook.detached_runs is not None
            }
        ),
        retries=said.retries,
        retry_for=said.retry_for,
    )
