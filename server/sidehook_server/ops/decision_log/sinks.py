"""Which sink the configuration asks for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Final

from sidehook_server.config.model import DecisionLogConfig, DecisionSink
from sidehook_server.errors import UnusableError
from sidehook_server.ops.decision_log.file import FileSink
from sidehook_server.ops.decision_log.sink import Sink
from sidehook_server.ops.decision_log.stdout import StdoutSink


def opened_sink(settings: DecisionLogConfig, *, sidecar: str, version: str) -> Sink:
    """The sink, open. `sidecar` and `version` name this process. Raises UnusableError."""
    sink = _SINKS[settings.to](settings, sidecar, version)
    sink.open()
    return sink


def _stdout(_settings: DecisionLogConfig, _sidecar: str, _version: str) -> Sink:
    return StdoutSink(sys.stdout.fileno())


def _file(settings: DecisionLogConfig, _sidecar: str, _version: str) -> Sink:
    assert settings.path is not None, "the loader saw to it"
    return FileSink(settings.path, max_bytes=settings.max_bytes, keep=settings.keep)


def _otlp(settings: DecisionLogConfig, sidecar: str, version: str) -> Sink:
    try:
        from sidehook_server.ops.decision_log.otlp import OtlpSink
    except ImportError as error:
        raise UnusableError(
            "decision_log.to",
            f"`otlp` needs libraries that are not installed ({error.name})",
            "install them with: pip install 'sidehook-server[otlp]'",
        ) from error
    return OtlpSink(settings.endpoint, sidecar=sidecar, version=version)


_SINKS: Final[Mapping[DecisionSink, Callable[[DecisionLogConfig, str, str], Sink]]] = {
    DecisionSink.STDOUT: _stdout,
    DecisionSink.FILE: _file,
    DecisionSink.OTLP: _otlp,
}
