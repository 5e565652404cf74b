import asyncio
import logging
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from sidehook import (
    CallFailure,
    ProtocolError,
    SidecarError,
    SidecarUnavailableError,
    aio,
)
from sidehook.testing._fake_sidecar import FakeSidecar
from tests.client.waiting import until


@pytest.fixture
def nowhere(socket_folder: Path) -> str:
    return str(socket_folder / "nowhere.sock")


async def test_the_error_names_the_socket_and_the_command_that_starts_a_sidecar(
    nowhere: str,
) -> None:
    async with aio.Client(nowhere) as client:
        with pytest.raises(SidecarUnavailableError) as caught:
            await client.invoke("t")
    assert str(caught.value) == (
        f"no sidecar at unix://{nowhere}: No such file or directory; "
        f"start one with: sidehook serve --socket {nowhere}"
    )
    assert caught.value.hook_type == "t"
    assert not caught.value.started
    assert caught.value.metadata["target"] == f"unix://{nowhere}"


async def test_a_socket_file_that_nobody_serves_is_no_sidecar(nowhere: str) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(nowhere)
    async with aio.Client(nowhere) as client:
        with pytest.raises(SidecarUnavailableError, match="Connection refused"):
            await client.invoke("t")


async def test_a_port_that_nobody_serves_is_no_sidecar() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed_soon:
        target = f"127.0.0.1:{closed_soon.getsockname()[1]}"
    async with aio.Client(target) as client:
        with pytest.raises(SidecarUnavailableError, match=f"{target}.*SIDEHOOK_TARGET") as caught:
            await client.invoke("t")
    assert "sidehook serve" in str(caught.value)


async def test_every_call_raises_an_error_of_its_own(nowhere: str) -> None:
    async with aio.Client(nowhere) as client:
        errors = await asyncio.gather(
            *(client.invoke(f"type-{n}") for n in range(5)), return_exceptions=True
        )
    assert [getattr(error, "hook_type", None) for error in errors] == [
        f"type-{n}" for n in range(5)
    ]


async def test_entering_needs_no_sidecar_unless_it_is_required(nowhere: str) -> None:
    async with aio.Client(nowhere):
        pass
    with pytest.raises(SidecarUnavailableError, match="sidehook serve"):
        async with aio.Client(nowhere, required=True):
            pytest.fail("there is no sidecar")
    await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})


async def test_a_required_sidecar_that_is_there_lets_the_client_in(fake: FakeSidecar) -> None:
    async with aio.Client(fake.target, required=True) as client:
        assert client.stats.connections == 1


async def test_a_sidecar_that_comes_later_is_found_by_the_next_call(nowhere: str) -> None:
    async with aio.Client(nowhere) as client:
        with pytest.raises(SidecarUnavailableError):
            await client.invoke("t")
        with FakeSidecar(nowhere):
            assert await client.invoke("t", n=1) == {"n": 1}


async def test_a_sidecar_that_comes_later_is_found_by_itself(nowhere: str) -> None:
    async with aio.Client(nowhere) as client:
        with FakeSidecar(nowhere):
            await until(lambda: client.stats.connections == 1)


class TestProceedingWithoutASidecar:
    async def test_the_payload_goes_on_as_it_was_without_a_receipt(self, nowhere: str) -> None:
        async with aio.Client(nowhere, on_unavailable="proceed") as client:
            payload = await client.invoke("t", n=1)
        assert payload == {"n": 1}
        assert payload.receipt is None

    async def test_it_is_logged_and_counted_each_time(
        self, nowhere: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with aio.Client(nowhere, on_unavailable="proceed") as client:
            with caplog.at_level(logging.WARNING, "sidehook.client"):
                await client.invoke("t", text="a secret")
                await client.invoke("t", text="a secret")
            assert client.stats.calls_unguarded == 2
        logged = [r.getMessage() for r in caplog.records if "call_without_verdict" in r.msg]
        assert len(logged) == 2
        assert all("hook_type=t" in text and nowhere in text for text in logged)
        assert "secret" not in caplog.text

    async def test_it_is_reported_with_the_next_call_that_is_answered(self, nowhere: str) -> None:
        async with aio.Client(nowhere, on_unavailable="proceed") as client:
            await client.invoke("t")
            await client.invoke("t")
            with FakeSidecar(nowhere) as fake:
                await client.invoke("t")
                await client.invoke("t")
                assert [call.unguarded_calls for call in fake.calls] == [2, 0]

    async def test_what_a_lost_call_was_to_report_is_reported_later(self, nowhere: str) -> None:
        async with aio.Client(nowhere, on_unavailable="proceed") as client:
            await client.invoke("t")
            with FakeSidecar(nowhere) as fake:
                fake.hold("t")
                lost = asyncio.create_task(client.invoke("t"))
                await asyncio.to_thread(fake.next_call)
                fake.drop()
                assert (await lost).receipt is None
                fake.answer("t", {})
                await client.invoke("t")
                assert fake.calls[-1].unguarded_calls == 2

    async def test_a_payload_that_has_a_receipt_of_an_earlier_call_loses_it(
        self, fake: FakeSidecar
    ) -> None:
        async with aio.Client(fake.target, on_unavailable="proceed") as client:
            first = await client.invoke("t", n=1)
            fake.stop()
            second = await client.invoke("t", first)
        assert first.receipt is not None
        assert second.receipt is None
        assert second == first

    async def test_a_failure_that_the_sidecar_decided_is_still_raised(
        self, fake: FakeSidecar
    ) -> None:
        fake.answer("t", CallFailure(reason="HOOK_FAILED", message="a guard is gone"))
        async with aio.Client(fake.target, on_unavailable="proceed") as client:
            with pytest.raises(SidecarError, match="a guard is gone"):
                await client.invoke("t")


class TestWhatListensIsNoSidecarOfOurs:
    @pytest.fixture
    def other_server(self, nowhere: str) -> Iterator[str]:
        server = grpc.server(ThreadPoolExecutor(2))
        server.add_insecure_port(f"unix://{nowhere}")
        server.start()
        yield nowhere
        server.stop(None).wait()

    async def test_a_grpc_server_without_our_service_says_so(self, other_server: str) -> None:
        async with aio.Client(other_server) as client:
            with pytest.raises(ProtocolError, match=r"does not serve sidehook\.v1\.HookService"):
                await client.invoke("t")

    async def test_it_is_no_sidecar_to_proceed_without(self, other_server: str) -> None:
        async with aio.Client(other_server, on_unavailable="proceed") as client:
            with pytest.raises(ProtocolError):
                await client.invoke("t")

    async def test_another_version_of_the_contract_names_both_versions(self) -> None:
        with FakeSidecar(protocol_version=2) as fake:
            async with aio.Client(fake.target) as client:
                with pytest.raises(ProtocolError, match=r"version 2 .* and this client version 1"):
                    await client.invoke("t")

    @pytest.mark.parametrize(
        ("reason", "kind"),
        [("UNKNOWN_PROTOCOL_VERSION", ProtocolError), ("DRAINING", SidecarUnavailableError)],
    )
    async def test_a_sidecar_that_ends_the_stream_is_heard(
        self, fake: FakeSidecar, reason: str, kind: type[SidecarError]
    ) -> None:
        fake.refuse_calls(CallFailure(reason=reason, message="the sidecar says why"))
        async with aio.Client(fake.target) as client:
            with pytest.raises(kind, match="the sidecar says why"):
                await client.invoke("t")
