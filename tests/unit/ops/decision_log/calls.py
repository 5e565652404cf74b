"""Finished calls, as the decision log hears of them, and a count of what becomes of lines."""

import threading
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import orjson

from sidehook._call import (
    CallAnswer,
    CallContext,
    CallFailure,
    CallRequest,
    Proceed,
    Receipt,
    ReceiptLine,
    Violation,
)
from sidehook._types import HookOutcome, Mode, Value, ValueKind
from sidehook_server.ops.decision_log.line import line_of
from sidehook_server.ops.decision_log.values import View
from sidehook_server.ops.decision_log.writer import Loss

MOMENT = datetime(2026, 3, 1, 12, 30, 15, 250_000, tzinfo=UTC)

CONTEXT = CallContext(
    request_id="req-81",
    session_id="chat-7",
    tenant="acme",
    user="u-17",
    labels={"app": "support-chat"},
    scopes=("payments", "beta"),
)


def json_value(text: str) -> Value:
    return Value(ValueKind.JSON, text.encode())


def a_request(hook_type: str = "tool_pre_invoke", **fields: str) -> CallRequest:
    """A call; `fields` are JSON texts."""
    return CallRequest(
        hook_type=hook_type,
        fields={name: json_value(text) for name, text in fields.items()},
        call_id="5f0d1f9a",
        context=CONTEXT,
    )


def a_line(
    outcome: HookOutcome = HookOutcome.PROCEEDED, *, mode: Mode = Mode.SEQUENTIAL, **more: Any
) -> ReceiptLine:
    return ReceiptLine(hook="guard", worker="guards", mode=mode, outcome=outcome, **more)


def an_answer(
    outcome: Proceed | Violation | CallFailure, *lines: ReceiptLine, **more: Any
) -> CallAnswer:
    return CallAnswer(outcome, Receipt(call_id="5f0d1f9a", generation=12, lines=lines, **more))


def written(request: CallRequest, answer: CallAnswer, view: View | None = None) -> dict[str, Any]:
    """The line of a call, read again."""
    line = line_of(request, answer, 0.0031, sidecar="sidecar-1", moment=MOMENT, view=view or View())
    assert b"\n" not in line
    entry = orjson.loads(line)
    assert isinstance(entry, dict)
    return entry


class FakeCounts:
    """Remembers what became of lines, and lets a test wait for it."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self.written = 0
        self.failures = 0
        self.lost: Counter[Loss] = Counter()

    def decisions_written(self, lines: int) -> None:
        with self._news:
            self.written += lines
            self._news.notify_all()

    def decisions_lost(self, cause: Loss, lines: int) -> None:
        with self._news:
            self.lost[cause] += lines
            self._news.notify_all()

    def decision_write_failed(self) -> None:
        with self._news:
            self.failures += 1
            self._news.notify_all()

    def until(self, *, written: int = 0, failures: int = 0, lost: int = 0) -> None:
        """Wait until at least so much has happened."""
        with self._news:
            assert self._news.wait_for(
                lambda: (
                    self.written >= written
                    and self.failures >= failures
                    and self.lost.total() >= lost
                ),
                timeout=20,
            ), f"{self.written} written, {self.failures} failures, {self.lost} lost"
