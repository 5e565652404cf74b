"""A sidecar of everything that is between its legs, on a clock that only its test moves."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from math import inf

from sidehook._manifest import Limits
from sidehook_server.config.model import Config
from sidehook_server.dispatch.detached_limits import detached_limits
from sidehook_server.dispatch.dispatcher import Dispatcher
from sidehook_server.dispatch.links import LinkTable
from sidehook_server.ops.metrics import Metrics, Names
from sidehook_server.registry import transitions
from sidehook_server.registry.effects import Effect, KeptWorker, TellWorker
from sidehook_server.registry.holder import RegistryHolder
from sidehook_server.transport.registrar import Registrar
from sidehook_server.transport.session import Local
from tests.unit.dispatch.fakes import FakeClock


class CaseClock(FakeClock):
    """A clock that knows when it has something to do."""

    def next(self) -> float:
        """When the next timer is due; inf when there is none."""
        while self._timers and self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else inf


class LocalSidecar:
    """Registry, links, dispatcher and metrics, put together as the real one is."""

    def __init__(self, config: Config, kept: Iterable[KeptWorker], clock: CaseClock) -> None:
        fresh = transitions.new_registry(config)
        self.holder = RegistryHolder(transitions.restored(fresh, kept).registry)
        self.links = LinkTable()
        self._names = Names()
        self.metrics = Metrics(self._names)
        self.local = Local(
            sidecar="sidecar",
            registrar=Registrar(self.holder, self.links),
            observer=self.metrics,
            limits=Limits(),
        )
        self.dispatcher = Dispatcher(
            registry=lambda: self.holder.current,
            links=self.links,
            clock=clock,
            observer=self.metrics,
            detached=detached_limits(config),
        )
        self.holder.subscribe(self._on_effect)
        self.holder.subscribe(lambda _: self.dispatcher.look_again())
        self._know_names()

    def _on_effect(self, effect: Effect) -> None:
        self._know_names()
        if isinstance(effect, TellWorker) and (link := self.links.get(effect.link_id)):
            link.notify(effect.notice)

    def _know_names(self) -> None:
        registry = self.holder.current
        hooks = [(w.name, key.name) for w in registry.workers.values() for key in w.hooks]
        self._names.know(hook_types=(*registry.types, *registry.plans), hooks=hooks)
