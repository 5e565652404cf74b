"""An event is the same after it was written and read."""

import pytest

from sidehook._errors import MalformedError
from sidehook._types import CallOutcome, Value, ValueKind
from sidehook_server.journal.record import decode, encode
from tests.unit.journal.events import SECRET, an_event, fields_of

EVENTS = {
    "plain": an_event(),
    "idempotent": an_event(idempotent=True),
    "scope": an_event(scope="s"),
    "handle": an_event(handle="h"),
    "raw": an_event(fields={"raw": Value(ValueKind.RAW, bytes(range(256)))}),
    "empty": an_event(fields={}),
}


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_an_event_survives_unchanged(event: object) -> None:
    assert decode(encode(event)) == event  # type: ignore[arg-type]  # from the table above


def test_masked_fields_are_not_written_and_the_hook_is_told() -> None:
    octets = encode(an_event(), mask=frozenset({"text", "absent"}))
    assert SECRET.encode() not in octets
    request = decode(octets).request
    assert request.fields == fields_of(other="public")
    assert request.call_end is not None
    assert request.call_end.outcome is CallOutcome.PROCEEDED
    assert request.call_end.payload_withheld
    assert request.call_end.field_names == ("other", "text")


def test_an_event_without_a_masked_field_is_written_as_it_is() -> None:
    event = an_event()
    assert decode(encode(event, mask=frozenset({"absent"}))) == event


BROKEN = {
    "nothing": b"",
    "no head": b"\0\0\0\5hello",
    "a list": b"\0\0\0\2[]",
    "no worker": b"\0\0\0\2{}",
    "no run": encode(an_event())[:-1],
    "half": encode(an_event())[:20],
}


@pytest.mark.parametrize("octets", BROKEN.values(), ids=BROKEN)
def test_what_nobody_wrote_is_malformed(octets: bytes) -> None:
    with pytest.raises(MalformedError):
        decode(octets)
