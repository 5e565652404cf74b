"""The decision log as the sidecar has it: opened, begun, told of calls, closed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from sidehook._call import CallAnswer, CallRequest
from sidehook_server.config.model import Config, DecisionSink
from sidehook_server.dispatch.observer import NullObserver
from sidehook_server.ops.decision_log.line import line_of
from sidehook_server.ops.decision_log.sink import Sink
from sidehook_server.ops.decision_log.sinks import opened_sink
from sidehook_server.ops.decision_log.values import view_of
from sidehook_server.ops.decision_log.writer import Counts, Writer

CLOSES_WITHIN: Final = 5.0
"""How long lines that wait are still written when the sidecar stops, in seconds."""


class DecisionLog(NullObserver):
    """Writes a line for each finished call. Used from the event loop's thread only.

    Lines are taken in from the first moment, and written from `begin` on, when nothing else goes
    to standard output any more.
    """

    def __init__(self, config: Config, *, sidecar: str, version: str, counts: Counts) -> None:
        self._settings = config.decision_log
        self._sidecar = sidecar
        self._version = version
        self._view = view_of(config)
        self._writer = Writer(limit=self._settings.queue, counts=counts)
        self._sink: Sink | None = None

    @classmethod
    def of(
        cls, config: Config, *, sidecar: str, version: str, counts: Counts
    ) -> DecisionLog | None:
        """The log that the configuration asks for; None when it is off."""
        if config.decision_log.to is DecisionSink.OFF:
            return None
        return cls(config, sidecar=sidecar, version=version, counts=counts)

    @property
    def waiting(self) -> int:
        """Lines that are not written yet."""
        return self._writer.waiting

    def configure(self, config: Config) -> None:
        """Let be seen what this configuration says, from the next line on."""
        self._view = view_of(config)

    def call_finished(self, request: CallRequest, answer: CallAnswer, seconds: float) -> None:
        """A call was answered, refused ones too."""
        line = line_of(
            request,
            answer,
            seconds,
            sidecar=self._sidecar,
            moment=datetime.now(UTC),
            view=self._view,
        )
        self._writer.put(line)

    def open(self) -> None:
        """Open what is written to. Raises UnusableError."""
        self._sink = opened_sink(self._settings, sidecar=self._sidecar, version=self._version)

    def begin(self) -> None:
        """Write from now on. `open` comes first."""
        assert self._sink is not None, "the log was opened"
        self._writer.start(self._sink)

    async def close(self) -> None:
        """Write what waits, and let go. Safe to call when it was never opened."""
        await self._writer.close(CLOSES_WITHIN)
