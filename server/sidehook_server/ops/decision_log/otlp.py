"""The decision log as OpenTelemetry log records, sent to an OTLP receiver by gRPC.

Needs the extra `otlp`: importing this module without its libraries raises ImportError.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import orjson
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExportResult
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from sidehook._types import CallOutcome
from sidehook_server.ops.decision_log.sink import SinkError

EVENT: Final = "sidehook.decision"
"""The event name of every record."""

ATTRIBUTES: Final = ("call_id", "hook_type", "outcome", "code", "hook", "worker", "tenant")
"""What of a line is an attribute of its record too, `sidehook.` before it, to be searched by."""

_BATCH_BYTES: Final = 512 * 1024
_TIMEOUT_SECONDS: Final = 5.0
_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00Z")
_NANOSECONDS_IN_MICROSECOND: Final = 1000

_SEVERITY: Final[Mapping[str, SeverityNumber]] = {
    CallOutcome.PROCEEDED: SeverityNumber.INFO,
    CallOutcome.BLOCKED: SeverityNumber.WARN,
}
"""How severe an outcome is; any other one, where nobody decided, is an error."""


class OtlpSink:
    """Sends lines to the receiver at `endpoint`. `sidecar` and `version` name this process.

    The exporter's own variables of the environment hold for headers and certificates.
    """

    batch_bytes = _BATCH_BYTES

    def __init__(self, endpoint: str, *, sidecar: str, version: str) -> None:
        self._endpoint = endpoint
        self._exporter = OTLPLogExporter(endpoint=endpoint, timeout=_TIMEOUT_SECONDS)
        self._scope = InstrumentationScope("sidehook", version)
        self._resource = Resource(
            {
                "service.name": "sidehook",
                "service.version": version,
                "service.instance.id": sidecar,
            }
        )
        self._closed = False

    def open(self) -> None:
        """Nothing to open: the channel connects by itself, also to a receiver that comes later."""

    def write(self, lines: Sequence[bytes]) -> None:
        """Send the lines and wait until the receiver has them."""
        result = self._exporter.export([self._record(line) for line in lines])
        if result is not LogRecordExportResult.SUCCESS:
            raise SinkError(f"{self._endpoint} did not take them; the exporter's line says why")

    def hurry(self) -> None:
        """Give up waiting for the receiver."""
        self.close()

    def close(self) -> None:
        """Close the channel."""
        if not self._closed:
            self._closed = True
            self._exporter.shutdown()

    def _record(self, line: bytes) -> ReadableLogRecord:
        entry = orjson.loads(line)
        since_epoch = datetime.fromisoformat(entry["time"]) - _EPOCH
        moment = since_epoch // timedelta(microseconds=1) * _NANOSECONDS_IN_MICROSECOND
        severity = _SEVERITY.get(entry["outcome"], SeverityNumber.ERROR)
        record = LogRecord(
            timestamp=moment,
            observed_timestamp=moment,
            severity_number=severity,
            severity_text=severity.name,
            event_name=EVENT,
            body=line.decode(),
            attributes={f"sidehook.{name}": entry[name] for name in ATTRIBUTES if entry[name]},
        )
        return ReadableLogRecord(record, self._resource, self._scope)
