"""The processes of a run: a sidecar, seven workers, two callers; killed and started again."""

import re
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tests.chaos import caller, hooks, records
from tests.chaos.accounting import Kill
from tests.supervised import Child, Nursery, sidecar_arguments, sidecar_state, sidehook, until

SIDECAR: Final = "sidecar"

VICTIMS: Final[Mapping[str, tuple[str, ...]]] = {
    "client": ("caller-1", "caller-2"),
    "worker": (
        *("guards-1", "guards-2", "shapers-1"),
        *("watchers-1", "watchers-2", "tellers-1", "tellers-2"),
    ),
    "sidecar": (SIDECAR,),
}
"""Every process that may be killed, by its kind. `guards-2` is a replica of `guards`."""

PRELOAD: Final = (
    "sidehook_server.cli.serve",
    "sidehook_server.app",
    "sidehook_server.journal.writer",
    "sidehook.worker._lifecycle",
    "sidehook.aio",
    "tests.chaos.caller",
)
"""What the processes need at once, imported before they are started."""

STARTS_WITHIN: Final = 30.0
SETTLES_WITHIN: Final = 20.0
HEALS_WITHIN: Final = 30.0
EMPTY_WITHIN: Final = 60.0

_READY: Final = r"^READY .*?(?:admin=(\S+))?$"
_LOST: Final = re.compile(r"detached_lost hook=(\S+) call_id=(\S+) cause=(\w+)")
_TAIL_BYTES: Final = 4096


class StageError(Exception):
    """Something did not start, settle, heal or end within its bound."""


class Stage:
    """Everything that runs, with its records and logs in one folder."""

    def __init__(self, nursery: Nursery, *, seed: int, has_journal: bool) -> None:
        self._nursery = nursery
        self._seed = seed
        self._has_journal = has_journal
        self._children: dict[str, Child] = {}
        self._lives: Counter[str] = Counter()
        self._admin = ""
        self.kills: list[Kill] = []
        self.killed: list[tuple[float, str]] = []

    @property
    def _folder(self) -> Path:
        return self._nursery.folder

    def start(self) -> None:
        """Start everything, the callers once the plan is whole. Raises StageError."""
        self._start(SIDECAR)
        for worker in VICTIMS["worker"]:
            self._start(worker)
        self.settle()
        for name in VICTIMS["client"]:
            self._start(name)

    def kill(self, name: str) -> None:
        """Kill a process, and start it again."""
        asked, queued = records.now(), 0
        if name == SIDECAR and not self._has_journal:
            queued = self._queued()
        self._children[name].kill()
        self.killed.append((records.now(), name))
        if name == SIDECAR:
            self.kills.append(Kill(at=records.now(), asked=asked, queued=queued))
        self._start(name)

    def settle(self) -> None:
        """Wait until every worker is connected. Raises StageError."""
        self._wait(self._is_connected, SETTLES_WITHIN, "not every worker is connected")

    def heal(self) -> float:
        """Wait until all is as if nothing had happened; seconds it took. Raises StageError."""
        began = records.now()
        for name in VICTIMS["client"]:
            self._until_ready(name)
            self._children[name].tell(signal.SIGUSR1)
        self._wait(self._is_well, HEALS_WITHIN, "not everything heals")
        healed = records.now()
        self._wait(lambda: self._all_proceed(healed), HEALS_WITHIN, "calls do not proceed again")
        return records.now() - began

    def stop(self) -> Iterator[str]:
        """Stop everything in an orderly way; sentences about what did not go as it should."""
        yield from self._stopped(VICTIMS["client"])
        for name in VICTIMS["client"]:
            if not self._says(name, r"^STOPPED unknown=0$"):
                yield f"{name} got answers that it had not asked for: {self._log(name)[-500:]}"
        if not until(lambda: self._detached()["queued"] == 0, within=EMPTY_WITHIN):
            yield f"the queue does not get empty: {self._detached()}"
        told = self._detached()
        if told["accepted"] != sum(told[it] for it in ("delivered", "failed", "shed", "queued")):
            yield f"what the sidecar counts does not add up: {told}"
        yield from self._stopped((*VICTIMS["worker"], SIDECAR))
        for name in (SIDECAR, *VICTIMS["client"]):
            if "Traceback" in self._log(name) or "traceback=" in self._log(name):
                yield f"{name} logged a fault of its own: {self._nursery.folder / name}.log"

    def died(self) -> Iterator[str]:
        """Sentences about processes that ended, and were not killed."""
        for name, child in self._children.items():
            if not child.is_running:
                yield f"{name} ended by itself, with code {child.wait()}: {child.text[-500:]}"

    def counted(self) -> dict[tuple[str, str], str]:
        """The events that the sidecar logged as lost: hook and call id to cause."""
        found = _LOST.findall(self._log(SIDECAR))
        return {(hook, call_id): cause for hook, call_id, cause in found}

    def calls(self) -> list[records.Call]:
        """Everything that callers wrote down."""
        return records.calls(sorted(self._folder.glob("*.calls")))

    def runs(self) -> list[records.Run]:
        """Everything that workers wrote down."""
        return records.runs(sorted(self._folder.glob("*.ledger")))

    # The processes.

    def _start(self, name: str) -> None:
        folder = self._folder
        if name == SIDECAR:
            file = folder / "sidehook.yaml"
            journal = f"{{journal: {folder}/journal.sqlite, retries: 20}}"
            detached = journal if self._has_journal else "{retries: 20}"
            file.write_text(f"{hooks.CONFIGURATION}detached: {detached}\n")
            self._children[name] = self._nursery.start(
                name, sidehook, *sidecar_arguments(folder, file)
            )
            self._admin = self._until_ready(name)[1]
        elif name in VICTIMS["worker"]:
            worker, target = name.rpartition("-")[0], f"unix://{folder}/workers.sock"
            self._children[name] = self._nursery.start(
                name, hooks.serve_worker, worker, name, target, str(folder)
            )
        else:
            target = f"unix://{folder}/sidehook.sock"
            # A process id comes back after some thousands of others; a life never does.
            self._lives[name] += 1
            self._children[name] = self._nursery.start(
                name, caller.call, self._life(name), target, str(folder), self._seed
            )

    def _life(self, name: str) -> str:
        return f"{name}.{self._lives[name]}"

    def _stopped(self, names: tuple[str, ...]) -> Iterator[str]:
        for name in names:
            self._children[name].tell(signal.SIGTERM)
        for name in names:
            try:
                code = self._children[name].wait()
            except TimeoutError as error:
                yield str(error)
                continue
            if code != 0:
                yield f"{name} stopped with code {code}: {self._log(name)[-500:]}"

    def _until_ready(self, name: str) -> re.Match[str]:
        self._wait(lambda: bool(self._says(name, _READY)), STARTS_WITHIN, f"{name} does not start")
        ready = self._says(name, _READY)
        assert ready is not None, "it was waited for"
        return ready

    def _says(self, name: str, pattern: str) -> re.Match[str] | None:
        return self._children[name].said(pattern)

    def _log(self, name: str) -> str:
        return self._children[name].log.read_text(errors="replace")

    def _wait(self, holds: Callable[[], bool], within: float, problem: str) -> None:
        if not until(holds, within=within):
            raise StageError(f"{problem} within {within:g} s; the sidecar says {self._state()}")

    # What the sidecar says.

    def _state(self) -> dict[str, Any]:
        return sidecar_state(self._admin)

    def _detached(self) -> Any:
        return self._state().get("detached", {"queued": -1})

    def _queued(self) -> int:
        queued = self._detached()["queued"]
        assert isinstance(queued, int)
        return max(0, queued)

    def _is_connected(self) -> bool:
        workers = self._state().get("workers", [])
        instances = [one["instance"] for worker in workers for one in worker["instances"]]
        return sorted(instances) == sorted(VICTIMS["worker"])

    def _is_well(self) -> bool:
        state = self._state()
        if not state or not self._is_connected():
            return False
        healthy = all(word == "ok" for word in state["health"].values())
        return healthy and not state["degraded"] and not state["circuits"]

    def _all_proceed(self, since: float) -> bool:
        return all(self._proceeds(name, since) for name in VICTIMS["client"])

    def _proceeds(self, name: str, since: float) -> bool:
        path = self._folder / f"{self._life(name)}.calls"
        if not path.exists():
            return False
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            # The first may be the rest of a line, and the last the beginning of one.
            lines = file.read().split(b"\n")[1:-1]
        last = map(records.Call.of, lines[-1:])
        return any(c.outcome == records.PROCEEDED and c.began >= since for c in last)
