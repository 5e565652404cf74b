import asyncio
from dataclasses import replace
from typing import Any

import pytest

from sidehook import (
    CallFailure,
    EncodeError,
    FailureClass,
    HookFailedError,
    HookOutcome,
    HookType,
    Mode,
    Payload,
    PayloadTooLargeError,
    Receipt,
    ReceiptLine,
    Violation,
    ViolationError,
    aio,
)
from sidehook._call import CallAnswer, CallRequest, Proceed
from sidehook._manifest import Limits
from sidehook._types import ValueKind
from sidehook.testing._fake_sidecar import FakeSidecar
from sidehook.views import ComponentPreExecute

LINE = ReceiptLine(hook="h", worker="w", mode=Mode.SEQUENTIAL, outcome=HookOutcome.BLOCKED)


def echo(request: CallRequest) -> dict[str, object]:
    """Answer with a field that only this call has."""
    return {"echo": Payload(request.fields)["n"]}


async def test_a_call_that_no_hook_changes_gives_the_payload_back(
    client: aio.Client, fake: FakeSidecar
) -> None:
    payload = await client.invoke("t", component_type="Instruction", model_options={"seed": 7})
    assert payload == {"component_type": "Instruction", "model_options": {"seed": 7}}
    assert payload.receipt is not None
    assert payload.receipt.call_id == fake.calls[0].call_id


async def test_a_patch_changes_its_fields_and_no_others(
    client: aio.Client, fake: FakeSidecar
) -> None:
    fake.answer("t", {"model_options": {"temperature": 0.7}, "added": True})
    payload = await client.invoke("t", component_type="A", model_options={"seed": 7})
    assert payload == {
        "component_type": "A",
        "model_options": {"temperature": 0.7},
        "added": True,
    }


async def test_a_payload_is_given_as_an_object_a_mapping_or_keywords(
    client: aio.Client, fake: FakeSidecar
) -> None:
    view = ComponentPreExecute.from_values({"a": 1})
    await client.invoke("t", view)
    await client.invoke("t", {"a": 1})
    await client.invoke("t", a=1)
    await client.invoke("t", {"a": 2, "b": 3}, a=1)
    await client.invoke("t")
    sent = [dict(Payload(call.fields)) for call in fake.calls]
    assert sent == [{"a": 1}, {"a": 1}, {"a": 1}, {"a": 1, "b": 3}, {}]


async def test_a_view_comes_back_as_the_view_that_it_was(
    client: aio.Client, fake: FakeSidecar
) -> None:
    fake.answer(HookType.COMPONENT_PRE_EXECUTE, {"model_options": {"seed": 8}})
    view = ComponentPreExecute.from_values({"component_type": "A", "model_options": None})
    result = await client.invoke(HookType.COMPONENT_PRE_EXECUTE, view)
    assert type(result) is ComponentPreExecute
    assert result.model_options == {"seed": 8}
    assert fake.calls[0].hook_type == "component_pre_execute"


@pytest.mark.parametrize("payload", [3, "text", [1], object()])
async def test_what_is_no_payload_is_a_type_error(client: aio.Client, payload: Any) -> None:
    with pytest.raises(TypeError, match="a mapping from field name to value"):
        await client.invoke("t", payload)


async def test_a_value_that_cannot_travel_is_an_encode_error_and_nothing_is_sent(
    client: aio.Client, fake: FakeSidecar
) -> None:
    with pytest.raises(EncodeError, match="model_options"):
        await client.invoke("t", model_options={"callback": print})
    assert fake.calls == []


async def test_values_arrive_and_return_exactly(client: aio.Client, fake: FakeSidecar) -> None:
    values = {"big": 2**60 + 1, "count": 256, "share": 1.0, "raw": b"\x00\xff", "deep": [{"a": []}]}
    fake.answer("t", lambda request: Proceed({f"new_{k}": v for k, v in request.fields.items()}))
    payload = await client.invoke("t", values)
    for name, value in values.items():
        assert repr(payload[f"new_{name}"]) == repr(value)
    assert fake.calls[0].fields["raw"].kind is ValueKind.RAW


async def test_a_block_raises_with_everything_the_hook_said_and_the_receipt(
    client: aio.Client, fake: FakeSidecar
) -> None:
    violation = Violation(
        reason="no", code="C", description="d", details=b'{"n":1}', hook="h", worker="w"
    )
    receipt = Receipt(call_id="c", generation=4, lines=(LINE,))
    fake.answer("t", CallAnswer(violation, receipt))
    with pytest.raises(ViolationError, match=r"w/h blocked t: \[C\] no") as caught:
        await client.invoke("t")
    assert caught.value.details == {"n": 1}
    assert caught.value.hook_type == "t"
    assert caught.value.receipt == receipt


async def test_a_failure_raises_what_failed_and_the_receipt(
    client: aio.Client, fake: FakeSidecar
) -> None:
    failure = CallFailure(
        reason="HOOK_FAILED",
        message="w/h timed out",
        failure_class=FailureClass.TIMEOUT,
        hook="h",
        worker="w",
        started=True,
    )
    line = replace(LINE, outcome=HookOutcome.FAILED_CLOSED)
    fake.answer("t", CallAnswer(failure, Receipt(call_id="c", lines=(line,))))
    with pytest.raises(HookFailedError, match="w/h timed out") as caught:
        await client.invoke("t")
    assert caught.value.failure_class is FailureClass.TIMEOUT
    assert caught.value.receipt is not None
    assert caught.value.receipt.lines == (line,)


async def test_a_call_carries_its_context(fake: FakeSidecar) -> None:
    client = aio.Client(fake.target, tenant="acme", user="ann", labels={"app": "demo"}, budget=3)
    async with client:
        with client.session("s-1", user="bob", state={"w/k": 1}), client.scope("guardrails"):
            await client.call("t", {}, budget=2.0, request_id="r-1")
        await client.invoke("t")
    inside, outside = fake.calls
    assert inside.context.request_id == "r-1"
    assert inside.context.session_id == "s-1"
    assert inside.context.tenant == "acme"
    assert inside.context.user == "bob"
    assert inside.context.labels == {"app": "demo"}
    assert inside.context.state == {"w/k": b"1"}
    assert inside.context.scopes == ("guardrails",)
    assert inside.budget is not None
    assert 1.0 < inside.budget <= 2.0
    assert outside.context.session_id == ""
    assert outside.context.user == "ann"
    assert outside.context.scopes == ()
    assert outside.budget is not None
    assert 2.0 < outside.budget <= 3.0


async def test_every_call_has_an_id_of_its_own(fake: FakeSidecar) -> None:
    async with aio.Client(fake.target) as one, aio.Client(fake.target) as other:
        for client in (one, other):
            await asyncio.gather(*(client.invoke("t") for _ in range(20)))
    assert len({call.call_id for call in fake.calls}) == 40


async def test_many_calls_at_once_each_get_their_own_answer(
    client: aio.Client, fake: FakeSidecar
) -> None:
    fake.answer("t", echo)
    payloads = await asyncio.gather(*(client.invoke("t", n=n) for n in range(300)))
    assert [payload.echo for payload in payloads] == list(range(300))


async def test_a_long_payload_travels_in_parts_both_ways_and_holds_up_nobody(
    client: aio.Client, fake: FakeSidecar
) -> None:
    text = "ü" * 2_000_000
    fake.answer("t", lambda request: Proceed({"copy": request.fields["text"]}))
    long, short = await asyncio.gather(client.invoke("t", text=text), client.invoke("s", n=1))
    assert long["copy"] == text
    assert short.n == 1


async def test_a_payload_over_the_sidecar_s_limit_is_refused_here_with_both_sizes() -> None:
    limits = Limits(max_message_bytes=10_000)
    with FakeSidecar(limits=limits) as fake:
        async with aio.Client(fake.target) as client:
            with pytest.raises(PayloadTooLargeError, match="over the limit of 10000") as caught:
                await client.invoke("t", text="x" * 10_000)
            assert int(caught.value.metadata["size_bytes"]) > 10_000
            assert caught.value.hook_type == "t"
            assert await client.invoke("t", text="x" * 9_000)
        assert len(fake.calls) == 1
