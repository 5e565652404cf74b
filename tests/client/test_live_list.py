"""Calls that need no round trip, and calls that do (rules 29 and 30)."""

import asyncio
from functools import partial

import pytest

from sidehook import EncodeError, Receipt, UnknownHookTypeError, aio
from sidehook.testing._fake_sidecar import FakeSidecar
from tests.client.waiting import until


async def listed(fake: FakeSidecar, client: aio.Client, **types: bool) -> None:
    """Put a complete list in force and wait until the client acts on it."""
    await client.connect()
    await asyncio.to_thread(partial(fake.hooks, types, lease=30.0))


async def test_a_type_that_nobody_listens_to_costs_no_round_trip(
    client: aio.Client, fake: FakeSidecar
) -> None:
    await listed(fake, client, quiet=False, loud=True)
    await client.invoke("loud")
    quiet = await client.invoke("quiet", n=1)
    assert [call.hook_type for call in fake.calls] == ["loud"]
    assert quiet == {"n": 1}
    assert client.stats.calls_skipped == 1
    assert client.stats.calls == 1


async def test_a_skipped_call_has_a_receipt_of_no_hooks(
    client: aio.Client, fake: FakeSidecar
) -> None:
    await listed(fake, client, quiet=False)
    receipt = (await client.invoke("quiet")).receipt
    assert receipt is not None
    assert receipt == Receipt(call_id=receipt.call_id)
    assert receipt.call_id


async def test_a_skipped_call_encodes_nothing_until_it_is_read(
    client: aio.Client, fake: FakeSidecar
) -> None:
    await listed(fake, client, quiet=False)
    answer = await client.invoke("quiet", n=object())
    with pytest.raises(EncodeError):
        dict(answer)


async def test_before_the_list_is_known_every_call_is_made(
    client: aio.Client, fake: FakeSidecar
) -> None:
    await client.invoke("anything")
    assert len(fake.calls) == 1
    assert client.has_hooks("anything")


async def test_an_undeclared_type_is_refused_without_a_round_trip(
    client: aio.Client, fake: FakeSidecar
) -> None:
    await listed(fake, client, quiet=False)
    with pytest.raises(UnknownHookTypeError, match="'typo' is not declared"):
        await client.invoke("typo")
    with pytest.raises(UnknownHookTypeError, match="'typo' is not declared"):
        client.has_hooks("typo")
    assert fake.calls == []


async def test_an_incomplete_list_is_never_taken_for_nobody_listens(
    client: aio.Client, fake: FakeSidecar
) -> None:
    await client.connect()
    await asyncio.to_thread(partial(fake.hooks, {"quiet": False}, complete=False, lease=30.0))
    await client.invoke("quiet")
    await client.invoke("not_in_the_list")
    assert len(fake.calls) == 2
    assert client.has_hooks("quiet")


async def test_a_hook_that_appears_is_asked_once_its_list_is_acknowledged(
    client: aio.Client, fake: FakeSidecar
) -> None:
    await listed(fake, client, t=False)
    await client.invoke("t")
    await listed(fake, client, t=True)
    await client.invoke("t")
    assert len(fake.calls) == 1


async def test_a_new_list_is_acknowledged_at_once_and_not_with_the_next_renewal(
    client: aio.Client, fake: FakeSidecar
) -> None:
    await client.connect()
    # With this lease the renewal after the first list is twenty minutes away.
    for has_hooks in (False, True, False):
        await asyncio.to_thread(partial(fake.hooks, {"t": has_hooks}, lease=3600.0))
        assert client.has_hooks("t") is has_hooks


async def test_a_lease_is_renewed_as_long_as_the_sidecar_answers(
    client: aio.Client, fake: FakeSidecar
) -> None:
    await client.connect()
    await asyncio.to_thread(partial(fake.hooks, {"quiet": False}, lease=0.3))
    probes = fake.probes
    await until(lambda: fake.probes >= probes + 5)
    await until(lambda: not client.has_hooks("quiet"))


async def test_a_list_that_is_frozen_is_not_believed_past_its_lease(
    client: aio.Client, fake: FakeSidecar
) -> None:
    await client.connect()
    await asyncio.to_thread(partial(fake.hooks, {"quiet": False}, lease=0.3))
    assert not client.has_hooks("quiet")
    fake.freeze_list()
    await until(lambda: client.has_hooks("quiet"))
    await client.invoke("quiet")
    assert len(fake.calls) == 1
    fake.thaw_list()
    await until(lambda: not client.has_hooks("quiet"))


async def test_a_list_that_changed_while_frozen_is_not_believed_when_the_lease_is_over(
    client: aio.Client, fake: FakeSidecar
) -> None:
    await client.connect()
    await asyncio.to_thread(partial(fake.hooks, {"t": False}, lease=0.3))
    fake.freeze_list()
    fake.hooks({"t": True}, lease=0.3, wait=False)
    await until(lambda: client.has_hooks("t"))
    await client.invoke("t")
    assert len(fake.calls) == 1


async def test_a_broken_connection_forgets_the_list_inside_its_lease(
    client: aio.Client, fake: FakeSidecar
) -> None:
    await listed(fake, client, quiet=False)
    fake.freeze_list()
    fake.drop()
    await until(lambda: client.stats.connections_lost == 1)
    assert client.has_hooks("quiet")


async def test_a_list_stream_that_breaks_alone_is_opened_again(
    client: aio.Client, fake: FakeSidecar
) -> None:
    await listed(fake, client, quiet=False)
    probes = fake.probes
    fake.drop_list()
    await until(lambda: fake.probes > probes)
    await until(lambda: not client.has_hooks("quiet"))
    assert client.stats.connections == 1


async def test_a_call_that_names_scopes_is_always_made(
    client: aio.Client, fake: FakeSidecar
) -> None:
    await listed(fake, client, quiet=False)
    with client.scope("guardrails"):
        await client.invoke("quiet")
    assert [call.context.scopes for call in fake.calls] == [("guardrails",)]


async def test_has_hooks_knows_the_scopes_of_the_tenant(fake: FakeSidecar) -> None:
    async with aio.Client(fake.target, tenant="acme") as client:
        await client.connect()
        scopes = {"t": [("acme", "guardrails"), ("other", "theirs")]}
        await asyncio.to_thread(partial(fake.hooks, {"t": False}, scopes=scopes, lease=30.0))
        assert not client.has_hooks("t")
        assert client.has_hooks("t", scopes=("guardrails",))
        assert not client.has_hooks("t", scopes=("theirs",))
        with client.scope("guardrails"):
            assert client.has_hooks("t")
            assert not client.has_hooks("t", scopes=())
        with client.session(tenant="other"), client.scope("theirs"):
            assert client.has_hooks("t")


async def test_undeclared_types_go_without_hooks_where_they_are_allowed(
    client: aio.Client, fake: FakeSidecar
) -> None:
    await client.connect()
    await asyncio.to_thread(partial(fake.hooks, {}, undeclared_types_allowed=True, lease=30.0))
    assert not client.has_hooks("custom")
    assert await client.invoke("custom", n=1) == {"n": 1}
    assert fake.calls == []
