import hashlib

import pytest

from sidehook._call import CallFailure, CallRequest, Proceed, Violation
from sidehook._types import HookOutcome, Mode, Value, ValueKind
from sidehook_server.config.model import DecisionLogConfig, DecisionSink, ShowConfig
from sidehook_server.ops.decision_log.values import LARGEST, How, View, view_of
from tests.unit.ops.decision_log.calls import a_line, a_request, an_answer, json_value, written
from tests.unit.registry.scripted import a_config

SECRET = '"the secret"'
REQUEST = a_request(text=SECRET, name='"search"')
VIEW = View(fields={"tool_pre_invoke": {"text": How.WHOLE, "name": How.WHOLE}})
HASHED = View(fields={"tool_pre_invoke": {"text": How.HASH}})


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_without_a_word_of_the_operators_no_value_is_written() -> None:
    for view in (View(), View(texts=True), View(fields={"other": {"text": How.WHOLE}})):
        entry = written(REQUEST, an_answer(Proceed({"text": json_value(SECRET)})), view)
        assert "payload" not in entry
        assert "secret" not in str(entry)


def test_values_are_shown_whole_or_as_a_digest_and_others_not_at_all() -> None:
    entry = written(REQUEST, an_answer(Proceed({})), VIEW)
    assert entry["payload"] == {"text": {"value": "the secret"}, "name": {"value": "search"}}
    assert entry["payload_withheld"] == []
    entry = written(REQUEST, an_answer(Proceed({})), HASHED)
    assert entry["payload"] == {"text": {"sha256": sha256(SECRET), "bytes": len(SECRET)}}
    assert "secret" not in str(entry)


def test_a_value_is_shown_as_it_stood_at_the_verdict() -> None:
    changed = a_line(HookOutcome.MODIFIED, mode=Mode.TRANSFORM, changed_fields=("text",))
    answer = an_answer(Proceed({"text": json_value('"***"')}), changed)
    entry = written(REQUEST, answer, VIEW)
    assert entry["payload"]["text"] == {"value": "***"}
    assert "secret" not in str(entry)


@pytest.mark.parametrize(
    "outcome",
    [Violation(reason="no"), CallFailure(reason="DEADLINE_EXCEEDED", message="late")],
)
def test_what_a_hook_replaced_before_a_call_ended_otherwise_is_never_shown(
    outcome: Violation | CallFailure,
) -> None:
    changed = a_line(HookOutcome.MODIFIED, changed_fields=("text",))
    entry = written(REQUEST, an_answer(outcome, changed), VIEW)
    assert entry["payload"] == {"name": {"value": "search"}}
    assert entry["payload_withheld"] == ["text"]
    assert "secret" not in str(entry)


@pytest.mark.parametrize(
    "outcome", [HookOutcome.SKIPPED_HALTED, HookOutcome.FAILED_OPEN, HookOutcome.SKIPPED_DISABLED]
)
def test_nothing_is_shown_where_a_transform_hook_had_no_turn(outcome: HookOutcome) -> None:
    line = a_line(outcome, mode=Mode.TRANSFORM)
    for view in (VIEW, HASHED):
        entry = written(REQUEST, an_answer(Proceed({}), line), view)
        assert entry["payload"] == {}
        assert "text" in entry["payload_withheld"]
        assert sha256(SECRET) not in str(entry)


def test_payload_on_block_lets_it_be_shown_all_the_same() -> None:
    line = a_line(HookOutcome.SKIPPED_HALTED, mode=Mode.TRANSFORM)
    view = View(payload_on_block=True, fields=VIEW.fields)
    entry = written(REQUEST, an_answer(Violation(reason="no"), line), view)
    assert entry["payload"]["text"] == {"value": "the secret"}


def test_a_line_stays_one_line_whatever_white_space_is_in_a_value() -> None:
    request = a_request(text='{\n "a":\r\n [1,\t2]\n}')
    entry = written(request, an_answer(Proceed({})), VIEW)
    assert entry["payload"]["text"] == {"value": {"a": [1, 2]}}


def test_a_value_that_is_large_or_no_json_is_shown_as_its_digest() -> None:
    large = '"' + "x" * LARGEST + '"'
    for text in (large, "{not json\n"):
        entry = written(a_request(text=text), an_answer(Proceed({})), VIEW)
        assert entry["payload"]["text"] == {"sha256": sha256(text), "bytes": len(text)}


def test_raw_values_are_shown_in_base64() -> None:
    request = CallRequest(hook_type="t", fields={"image": Value(ValueKind.RAW, b"\x00\xff")})
    view = View(fields={"t": {"image": How.WHOLE, "absent": How.WHOLE}})
    entry = written(request, an_answer(Proceed({})), view)
    assert entry["payload"] == {"image": {"base64": "AP8="}}
    assert entry["payload_withheld"] == []


def test_the_view_is_what_the_configuration_says() -> None:
    config = a_config(
        decision_log=DecisionLogConfig(
            to=DecisionSink.STDOUT,
            texts=True,
            show=(ShowConfig(hook_type="t", fields=frozenset("a"), hash=frozenset("b")),),
        ),
        payload_on_block=True,
    )
    assert view_of(config) == View(
        texts=True, payload_on_block=True, fields={"t": {"a": How.WHOLE, "b": How.HASH}}
    )
