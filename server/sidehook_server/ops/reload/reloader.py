"""Reading the configuration again while the sidecar runs: applied whole, or refused whole."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from sidehook._types import JSON
from sidehook_server.config.live import problems_of_change
from sidehook_server.config.load import Loaded
from sidehook_server.config.model import Config
from sidehook_server.config.problems import ConfigError, Place, Problem
from sidehook_server.ops.logs import log_event

_log: Final = logging.getLogger("sidehook.config")

Load = Callable[[], Loaded]
"""Reads the configuration as at the start, flags included. Blocks. Raises ConfigError."""


class ReloadOutcome(StrEnum):
    """What became of a configuration that was read again."""

    APPLIED = "applied"
    REFUSED = "refused"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True, kw_only=True)
class LastReload:
    """The last time that the configuration was read; `problems` of one that was refused."""

    outcome: ReloadOutcome
    at: datetime
    problems: tuple[Problem, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether what is in the file is not what is in force."""
        return self.outcome is ReloadOutcome.REFUSED


class Reloader:
    """Reads the configuration when asked, and puts it in force or keeps the one that is.

    `in_force` gives the configuration in force, `apply` puts another one in its place, and
    `count` is told what became of each. Used from the event loop's thread only.
    """

    def __init__(
        self,
        load: Load,
        *,
        in_force: Callable[[], Config],
        apply: Callable[[Config], None],
        count: Callable[[ReloadOutcome], None],
    ) -> None:
        self._load = load
        self._in_force = in_force
        self._apply = apply
        self._count = count
        self._start = in_force()
        self._asked = asyncio.Event()
        self.last: LastReload | None = None

    @property
    def failed(self) -> bool:
        """Whether the newest configuration was refused, and an older one is in force."""
        return self.last is not None and self.last.failed

    def ask(self) -> None:
        """Read the configuration soon. Asking twice before that is asking once."""
        self._asked.set()

    async def run(self) -> None:
        """Reads when asked. Ends only by being cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            await self._reload()

    def view(self) -> dict[str, JSON]:
        """What is in force and how the last reading went, for `/state`."""
        config, last = self._in_force(), self.last
        return {
            "source": config.source,
            "digest": config.digest,
            "last_reload": None
            if last is None
            else {
                "outcome": last.outcome.value,
                "at": last.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "problems": [str(problem) for problem in last.problems],
            },
        }

    async def _reload(self) -> None:
        try:
            # In a thread: a long file takes longer to read than calls should wait.
            loaded = await asyncio.to_thread(self._load)
        except ConfigError as error:
            self._refuse(error.problems)
            return
        if loaded.config.digest == self._in_force().digest:
            self._keep()
            return
        problems = self._problems(loaded)
        if problems:
            self._refuse(problems)
        else:
            self._put_in_force(loaded.config)

    def _problems(self, loaded: Loaded) -> tuple[Problem, ...]:
        if loaded.is_blank:
            # A file that is being written is empty for a moment, and all defaults are a
            # configuration: one without a single guard.
            text = "the file is empty; write what you want changed, or `{}` for all defaults"
            return (Problem(Place(loaded.config.source), "", text),)
        return ConfigError(problems_of_change(self._start, self._in_force(), loaded)).problems

    def _keep(self) -> None:
        if self.failed:
            log_event(_log, logging.INFO, "configuration_put_back", digest=self._in_force().digest)
        else:
            log_event(_log, logging.DEBUG, "configuration_unchanged")
        self._note(ReloadOutcome.UNCHANGED)

    def _put_in_force(self, config: Config) -> None:
        self._apply(config)
        log_event(_log, logging.INFO, "configuration_reloaded", digest=config.digest)
        for warning in config.warnings:
            log_event(_log, logging.WARNING, "configuration_warning", text=warning)
        self._note(ReloadOutcome.APPLIED)

    def _refuse(self, problems: tuple[Problem, ...]) -> None:
        for problem in problems:
            log_event(_log, logging.ERROR, "configuration_problem", problem=str(problem))
        log_event(
            _log,
            logging.ERROR,
            "configuration_refused",
            problems=len(problems),
            digest_in_force=self._in_force().digest,
        )
        self._note(ReloadOutcome.REFUSED, problems)

    def _note(self, outcome: ReloadOutcome, problems: tuple[Problem, ...] = ()) -> None:
        self.last = LastReload(outcome=outcome, at=datetime.now(UTC), problems=problems)
        self._count(outcome)
