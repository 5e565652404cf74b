"""The processes of a soak: a sidecar, five workers of which four are rolled, three callers."""

import json
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, Final

from tests.soak import caller, hooks, samples
from tests.supervised import (
    Child,
    Nursery,
    page,
    sidecar_arguments,
    sidecar_state,
    sidehook,
    until,
)

SIDECAR: Final = "sidecar"
ROLLED: Final = ("guards-1", "guards-2", "shapers-1", "shapers-2")
"""Workers that are stopped and started anew, one after the other."""

STEADY: Final = ("watchers-1",)
CALLERS: Final = ("caller-1", "caller-2", "caller-3")

PRELOAD: Final = (
    "sidehook_server.cli.serve",
    "sidehook_server.app",
    "sidehook.worker._lifecycle",
    "sidehook.aio",
    "tests.soak.caller",
)

WITHIN: Final = 30.0


class StageError(Exception):
    """Something did not start, or end, within its bound."""


class Stage:
    """Everything that runs, with what it tells in one folder."""

    def __init__(self, nursery: Nursery, *, rate: float) -> None:
        self._nursery = nursery
        self._folder = nursery.folder
        self._rate = rate
        self._children: dict[str, Child] = {}
        self._variants = (number // len(ROLLED) for number in count(len(ROLLED)))
        self.rolls = 0
        self._admin = ""
        self.starts: dict[str, list[float]] = {}

    def start(self) -> None:
        """Start everything, the callers once the plan is whole. Raises StageError."""
        self._start(SIDECAR, sidehook, *sidecar_arguments(self._folder, self._configuration()))
        self._wait(lambda: bool(self._ready()), "the sidecar does not start")
        self._admin = self._ready()
        for instance in (*ROLLED, *STEADY):
            self._start_worker(instance, variant=0)
        self._wait(self._is_connected, "not every worker is connected")
        target = f"unix://{self._folder}/sidehook.sock"
        for name in CALLERS:
            rate = self._rate / len(CALLERS)
            self._start(name, caller.call, name, target, str(self._folder), rate)

    def roll(self) -> None:
        """Stop the worker whose turn it is, and start it anew with another manifest."""
        instance = ROLLED[self.rolls % len(ROLLED)]
        self.rolls += 1
        self._end(instance)
        self._start_worker(instance, variant=next(self._variants))
        self._wait(self._is_connected, f"{instance} does not come back")

    def sample(self) -> dict[str, dict[str, float]]:
        """What every process uses now, by its name."""
        found = {name: samples.of_process(child.pid) for name, child in self._children.items()}
        found[SIDECAR] |= samples.of_metrics(page(f"{self._admin}/metrics"))
        for name in (*ROLLED, *STEADY):
            file = self._folder / f"{name}.tasks"
            if file.exists() and (text := file.read_text()):
                found[name]["tasks"] = float(text)
        for name in CALLERS:
            if tasks := self._told(name).get("tasks"):
                found[name]["tasks"] = float(tasks)
        return found

    def counts(self) -> Counter[str]:
        """What the callers counted, together."""
        together: Counter[str] = Counter()
        for name in CALLERS:
            together.update({k: v for k, v in self._told(name).items() if k != "tasks"})
        return together

    def died(self) -> Iterator[str]:
        """Sentences about processes that ended by themselves."""
        for name, child in self._children.items():
            if not child.is_running:
                yield f"{name} ended by itself, with code {child.wait()}: {child.text[-500:]}"

    def stop_calling(self) -> None:
        """Stop the callers. Raises StageError."""
        for name in CALLERS:
            self._end(name)

    def left(self) -> dict[str, Any]:
        """What the sidecar still holds once nobody calls: all of it should be nothing."""
        until(lambda: self._state()["detached"]["queued"] == 0, within=WITHIN)
        # It knows of the end of a stream a moment after the client does.
        until(lambda: self._state()["call_streams"] == 0, within=WITHIN)
        state = self._state()
        return {
            "calls in flight": state["calls_in_flight"],
            "call streams": state["call_streams"],
            "events queued": state["detached"]["queued"],
            "events failed": state["detached"]["failed"],
            "circuits open": len(state["circuits"]),
            "scope handles": state["scope_handles"]["live"],
            "degraded": len(state["degraded"]),
        }

    def stop(self) -> None:
        """Stop the rest. Raises StageError."""
        for name in (*ROLLED, *STEADY, SIDECAR):
            self._end(name)

    def faults(self) -> Iterator[str]:
        """Sentences about processes that logged a traceback."""
        for name in self._children:
            log = self._folder / f"{name}.log"
            if "Traceback" in (text := log.read_text(errors="replace")) or "traceback=" in text:
                yield f"{name} logged a fault of its own: {log}"

    def _start(self, name: str, entry: Callable[..., object], *arguments: object) -> None:
        self.starts.setdefault(name, []).append(time.monotonic())
        self._children[name] = self._nursery.start(name, entry, *arguments)

    def _start_worker(self, instance: str, *, variant: int) -> None:
        worker, target = instance.rpartition("-")[0], f"unix://{self._folder}/workers.sock"
        arguments = (worker, instance, target, str(self._folder), variant)
        self._start(instance, hooks.serve_worker, *arguments)

    def _end(self, name: str) -> None:
        self._children[name].tell(signal.SIGTERM)
        try:
            code = self._children[name].wait(WITHIN)
        except TimeoutError as error:
            raise StageError(str(error)) from error
        if code != 0:
            raise StageError(f"{name} stopped with code {code}: {self._children[name].text[-500:]}")

    def _configuration(self) -> Path:
        file = self._folder / "sidehook.yaml"
        file.write_text(hooks.CONFIGURATION)
        return file

    def _ready(self) -> str:
        said = self._children[SIDECAR].said(r"^READY .* admin=(\S+)$")
        return said[1] if said else ""

    def _state(self) -> dict[str, Any]:
        return sidecar_state(self._admin)

    def _is_connected(self) -> bool:
        workers = self._state().get("workers", [])
        instances = [one["instance"] for worker in workers for one in worker["instances"]]
        return sorted(instances) == sorted((*ROLLED, *STEADY))

    def _told(self, name: str) -> dict[str, int]:
        file = self._folder / f"{name}.counts"
        told: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}
        return told

    def _wait(self, holds: Callable[[], bool], problem: str) -> None:
        if not until(holds, within=WITHIN):
            raise StageError(f"{problem} within {WITHIN:g} s; the sidecar says {self._state()}")
