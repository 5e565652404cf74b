import asyncio
import logging

import pytest

from sidehook import CallFailure, HookFailedError, Payload, Receipt, Violation, ViolationError, aio
from sidehook._call import CallAnswer, Proceed, StateChange
from sidehook._session import MAX_STATE_BYTES
from sidehook.testing._fake_sidecar import FakeSidecar

RECEIPT = Receipt(call_id="c")


def keeping(n: int) -> StateChange:
    return StateChange(set={"w/n": str(n).encode()})


async def test_what_hooks_keep_travels_with_the_next_call_of_the_session(
    client: aio.Client, fake: FakeSidecar
) -> None:
    fake.answer("t", CallAnswer(Proceed({}), RECEIPT, keeping(1)))
    with client.session("s") as session:
        await client.invoke("t")
        await client.invoke("t")
    assert [call.context.state for call in fake.calls] == [{}, {"w/n": b"1"}]
    assert session.state == {"w/n": 1}


async def test_state_is_carried_over_blocked_and_failed_calls(
    client: aio.Client, fake: FakeSidecar
) -> None:
    fake.answer("blocked", CallAnswer(Violation(reason="no"), RECEIPT, keeping(1)))
    failure = CallFailure(reason="HOOK_FAILED", message="m")
    removing = StateChange(removed=frozenset({"w/old"}))
    fake.answer("failed", CallAnswer(failure, RECEIPT, removing))
    with client.session("s", state={"w/old": 0}) as session:
        with pytest.raises(ViolationError):
            await client.invoke("blocked")
        assert session.state == {"w/old": 0, "w/n": 1}
        with pytest.raises(HookFailedError):
            await client.invoke("failed")
        assert session.state == {"w/n": 1}


async def test_state_goes_to_the_session_the_call_was_made_in(
    client: aio.Client, fake: FakeSidecar
) -> None:
    fake.hold("t")
    with client.session("one") as one:
        under_way = asyncio.create_task(client.invoke("t"))
        held = await asyncio.to_thread(fake.next_call)
    with client.session("other") as other:
        held.answer({}, state=keeping(1))
        await under_way
    assert one.state == {"w/n": 1}
    assert other.state == {}


async def test_outside_a_session_state_is_not_carried(
    client: aio.Client, fake: FakeSidecar
) -> None:
    fake.answer("t", CallAnswer(Proceed({}), RECEIPT, keeping(1)))
    await client.invoke("t")
    await client.invoke("t")
    assert [call.context.state for call in fake.calls] == [{}, {}]


async def test_state_without_room_is_refused_counted_and_logged(
    client: aio.Client, fake: FakeSidecar, caplog: pytest.LogCaptureFixture
) -> None:
    large = StateChange(set={"w/large": b'"' + b"x" * MAX_STATE_BYTES + b'"'})
    fake.answer("t", CallAnswer(Proceed(Payload.from_values({"n": 1}).wire_fields), RECEIPT, large))
    with client.session("s-1") as session, caplog.at_level(logging.WARNING, "sidehook.client"):
        payload = await client.invoke("t")
    assert payload.n == 1
    assert session.state == {}
    assert client.stats.state_refused == 1
    assert "session_state_refused" in caplog.text
    assert "s-1" in caplog.text
    assert "xxx" not in caplog.text
