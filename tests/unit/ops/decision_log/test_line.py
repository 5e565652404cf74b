import json
import re

import orjson
import pytest

from sidehook._call import CallContext, CallFailure, CallRequest, Proceed, Violation
from sidehook._types import FailureClass, HookOutcome, Mode
from sidehook_server.ops.decision_log.line import (
    MAX_ANNOTATION,
    MAX_ANNOTATIONS,
    MAX_NAMES,
    MAX_TEXT,
    line_of,
)
from sidehook_server.ops.decision_log.values import How, View
from tests.repository import ROOT
from tests.unit.ops.decision_log.calls import MOMENT, a_line, a_request, an_answer, written

BLOCKED = an_answer(
    Violation(reason="the secret is 42", code="PII", hook="guard", worker="guards"),
    a_line(
        HookOutcome.BLOCKED,
        instance="guards-0",
        duration=0.0021347,
        code="PII",
        message="the secret is 42",
        annotations={"rule": "card-number", "score": "0.98"},
    ),
    a_line(HookOutcome.SKIPPED_HALTED, mode=Mode.CONCURRENT),
    unknown_scopes=("beta",),
)
REQUEST = a_request(name='"transfer"', args='{"to": "DE02"}')
EXAMPLE_VIEW = View(
    payload_on_block=True, fields={"tool_pre_invoke": {"name": How.WHOLE, "args": How.HASH}}
)


def test_the_example_of_the_page_is_a_line_that_is_written() -> None:
    line = line_of(
        REQUEST, BLOCKED, 0.0031, sidecar="sidecar-9f2c01aa", moment=MOMENT, view=EXAMPLE_VIEW
    )
    page = (ROOT / "docs" / "decision-log.md").read_text()
    example = re.search(r"```json\n(.*?)```", page, re.DOTALL)
    assert example is not None
    assert json.loads(example[1]) == orjson.loads(line), orjson.dumps(
        orjson.loads(line), option=orjson.OPT_INDENT_2
    ).decode()


def test_every_key_of_a_line_is_explained_on_the_page() -> None:
    page = (ROOT / "docs" / "decision-log.md").read_text()
    entry = written(REQUEST, BLOCKED, EXAMPLE_VIEW)
    full = a_line(
        duration=1.0,
        changed_fields=("a",),
        rejected_fields=("b",),
        failure_class=FailureClass.RAISED,
        message="m",
    )
    hook = written(REQUEST, an_answer(Proceed({}), full), View(texts=True))["receipt"][0]
    for key in {*entry, *entry["receipt"][0], *hook}:
        assert f"`{key}`" in page, key


def test_a_line_says_who_called_what_ended_it_and_when() -> None:
    entry = written(REQUEST, BLOCKED)
    assert entry["time"] == "2026-03-01T12:30:15.250000Z"
    assert entry["call_id"] == "5f0d1f9a"
    assert entry["hook_type"] == "tool_pre_invoke"
    assert (entry["tenant"], entry["user"]) == ("acme", "u-17")
    assert (entry["request_id"], entry["session_id"]) == ("req-81", "chat-7")
    assert entry["labels"] == {"app": "support-chat"}
    assert entry["unknown_scopes"] == ["beta"]
    assert (entry["outcome"], entry["code"]) == ("blocked", "PII")
    assert (entry["hook"], entry["worker"]) == ("guard", "guards")
    assert entry["duration_seconds"] == 0.0031
    assert entry["generation"] == 12


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        ("HOOK_FAILED", "failed"),
        ("DEADLINE_EXCEEDED", "deadline"),
        ("CANCELLED", "cancelled"),
        ("UNKNOWN_HOOK_TYPE", "failed"),
    ],
)
def test_a_failure_has_its_reason_as_code(reason: str, outcome: str) -> None:
    failure = CallFailure(reason=reason, message="text of a hook", hook="guard", worker="guards")
    entry = written(REQUEST, an_answer(failure))
    assert (entry["outcome"], entry["code"], entry["hook"]) == (outcome, reason, "guard")
    assert entry["receipt"] == []


def test_a_call_that_proceeded_has_nobody_who_ended_it() -> None:
    entry = written(REQUEST, an_answer(Proceed({}), a_line()))
    assert (entry["outcome"], entry["code"], entry["hook"]) == ("proceeded", "", "")


def test_the_receipt_is_there_with_what_is_known_of_each_hook() -> None:
    failed = a_line(
        HookOutcome.FAILED_OPEN,
        mode=Mode.AUDIT,
        failure_class=FailureClass.TIMEOUT,
        code="NOT_IN_TIME",
        rejected_fields=("role",),
    )
    changed = a_line(HookOutcome.MODIFIED, changed_fields=("args",), duration=0.0012345678)
    entry = written(REQUEST, an_answer(Proceed({}), failed, changed))
    assert entry["receipt"] == [
        {
            "hook": "guard",
            "worker": "guards",
            "mode": "audit",
            "outcome": "failed_open",
            "rejected_fields": ["role"],
            "failure_class": "timeout",
            "code": "NOT_IN_TIME",
        },
        {
            "hook": "guard",
            "worker": "guards",
            "mode": "sequential",
            "outcome": "modified",
            "duration_seconds": 0.001235,
            "changed_fields": ["args"],
        },
    ]


def test_annotations_are_written_as_the_contract_bounds_them() -> None:
    many = {f"key-{number}": "x" * 1000 for number in range(40)}
    entry = written(REQUEST, an_answer(Proceed({}), a_line(annotations=many)))
    annotations = entry["receipt"][0]["annotations"]
    assert len(annotations) == MAX_ANNOTATIONS
    assert annotations["key-0"] == "x" * MAX_ANNOTATION + "…"


def test_texts_of_hooks_are_written_only_when_the_operator_says_so() -> None:
    assert "42" not in json.dumps(written(REQUEST, BLOCKED))
    with_texts = written(REQUEST, BLOCKED, View(texts=True))
    assert with_texts["reason"] == "the secret is 42"
    assert with_texts["receipt"][0]["message"] == "the secret is 42"
    failed = an_answer(CallFailure(reason="HOOK_FAILED", message="it said 42"))
    assert "42" not in json.dumps(written(REQUEST, failed))
    assert written(REQUEST, failed, View(texts=True))["reason"] == "it said 42"


def test_what_an_application_says_at_length_is_cut() -> None:
    request = CallRequest(
        hook_type="t" * 5000,
        fields={},
        context=CallContext(
            user="u" * 5000,
            labels={"l" * 5000: "v" * 5000},
            scopes=tuple(str(number) for number in range(500)),
        ),
    )
    entry = written(request, an_answer(Proceed({})))
    assert entry["hook_type"] == "t" * MAX_TEXT + "…"
    assert entry["user"] == "u" * MAX_TEXT + "…"
    assert entry["labels"] == {"l" * MAX_TEXT + "…": "v" * MAX_TEXT + "…"}
    assert len(entry["scopes"]) == MAX_NAMES + 1
    assert entry["scopes"][-1] == "…"
