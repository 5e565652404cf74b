"""The log as OTLP, against a receiver that decodes what it is sent."""

import logging
import sys
import threading
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path

import grpc
import orjson
import pytest

from sidehook._call import CallFailure, Proceed, Violation
from sidehook_server.config.model import DecisionLogConfig, DecisionSink
from sidehook_server.errors import UnusableError
from sidehook_server.ops.decision_log.line import line_of
from sidehook_server.ops.decision_log.otlp import EVENT, OtlpSink
from sidehook_server.ops.decision_log.sink import SinkError
from sidehook_server.ops.decision_log.sinks import opened_sink
from sidehook_server.ops.decision_log.values import View
from sidehook_server.ops.decision_log.writer import Writer
from tests.unit.ops.decision_log.calls import MOMENT, FakeCounts, a_line, a_request, an_answer

from opentelemetry.proto.collector.logs.v1 import (  # isort: skip
    logs_service_pb2,
    logs_service_pb2_grpc,
)

OUTCOMES = (
    Proceed({}),
    Violation(reason="no", code="PII", hook="guard", worker="guards"),
    CallFailure(reason="DEADLINE_EXCEEDED", message="late"),
)


class Receiver(logs_service_pb2_grpc.LogsServiceServicer):
    """Takes requests, or refuses them while `code` is set."""

    def __init__(self) -> None:
        self.requests: list[logs_service_pb2.ExportLogsServiceRequest] = []
        self.code: grpc.StatusCode | None = None

    def Export(  # noqa: N802 - the name of the RPC
        self,
        request: logs_service_pb2.ExportLogsServiceRequest,
        context: grpc.ServicerContext,
    ) -> logs_service_pb2.ExportLogsServiceResponse:
        if self.code is not None:
            context.abort(self.code, "not now")
        self.requests.append(request)
        return logs_service_pb2.ExportLogsServiceResponse()


@pytest.fixture
def receiver() -> Iterator[tuple[Receiver, str]]:
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
    it = Receiver()
    logs_service_pb2_grpc.add_LogsServiceServicer_to_server(it, server)  # type: ignore[no-untyped-call]  # generated
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield it, f"http://127.0.0.1:{port}"
    server.stop(None).wait(20)


def lines() -> list[bytes]:
    return [
        line_of(
            a_request(),
            an_answer(outcome, a_line()),
            0.001,
            sidecar="sidecar-1",
            moment=MOMENT,
            view=View(),
        )
        for outcome in OUTCOMES
    ]


def test_a_receiver_gets_one_record_for_each_line(receiver: tuple[Receiver, str]) -> None:
    it, endpoint = receiver
    sink = OtlpSink(endpoint, sidecar="sidecar-1", version="1.2.3")
    sink.open()
    sink.write(lines())
    sink.close()
    sink.close()
    (request,) = it.requests
    (resource,) = request.resource_logs
    described = {each.key: each.value.string_value for each in resource.resource.attributes}
    assert described == {
        "service.name": "sidehook",
        "service.version": "1.2.3",
        "service.instance.id": "sidecar-1",
    }
    (scope,) = resource.scope_logs
    assert scope.scope.name == "sidehook"
    records = scope.log_records
    assert [record.body.string_value.encode() for record in records] == lines()
    assert [record.severity_text for record in records] == ["INFO", "WARN", "ERROR"]
    assert {record.event_name for record in records} == {EVENT}
    assert {record.time_unix_nano for record in records} == {
        int(MOMENT.timestamp()) * 10**9 + MOMENT.microsecond * 1000
    }
    blocked = {each.key: each.value.string_value for each in records[1].attributes}
    assert blocked == {
        "sidehook.call_id": "5f0d1f9a",
        "sidehook.hook_type": "tool_pre_invoke",
        "sidehook.outcome": "blocked",
        "sidehook.code": "PII",
        "sidehook.hook": "guard",
        "sidehook.worker": "guards",
        "sidehook.tenant": "acme",
    }


async def test_a_receiver_that_refuses_for_a_while_loses_nothing(
    receiver: tuple[Receiver, str], caplog: pytest.LogCaptureFixture
) -> None:
    it, endpoint = receiver
    it.code = grpc.StatusCode.PERMISSION_DENIED
    counts = FakeCounts()
    writer = Writer(limit=100, counts=counts)
    writer.start(OtlpSink(endpoint, sidecar="sidecar-1", version="1"))
    with caplog.at_level(logging.CRITICAL, logger="opentelemetry"):
        for line in lines():
            writer.put(line)
        counts.until(failures=1)
        it.code = None
        counts.until(written=3)
        await writer.close(20)
    assert not counts.lost
    assert len(it.requests) == 1


def test_waiting_for_a_receiver_that_is_not_there_can_be_ended(socket_folder: Path) -> None:
    sink = OtlpSink("http://127.0.0.1:1", sidecar="sidecar-1", version="1")
    errors: list[SinkError] = []

    def write() -> None:
        try:
            sink.write(lines())
        except SinkError as error:
            errors.append(error)

    writing = threading.Thread(target=write)
    writing.start()
    sink.hurry()
    writing.join(20)
    assert [str(error).partition(" ")[0] for error in errors] == ["http://127.0.0.1:1"]


def test_without_its_libraries_the_start_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "sidehook_server.ops.decision_log.otlp", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.grpc._log_exporter", None)
    settings = DecisionLogConfig(to=DecisionSink.OTLP)
    with pytest.raises(UnusableError, match=r"pip install 'sidehook-server\[otlp\]'"):
        opened_sink(settings, sidecar="sidecar-1", version="1")


def test_what_is_sent_is_the_line_of_the_file() -> None:
    assert [orjson.loads(line)["outcome"] for line in lines()] == [
        "proceeded",
        "blocked",
        "deadline",
    ]
