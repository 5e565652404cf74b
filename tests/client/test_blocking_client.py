import asyncio
import gc
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import sidehook
from sidehook import (
    Client,
    DeadlineExceededError,
    HookError,
    SidecarError,
    SidecarUnavailableError,
    UnknownHookTypeError,
    Violation,
    ViolationError,
)
from sidehook._call import StateChange
from sidehook.testing._fake_sidecar import FakeSidecar
from tests.client.test_invoke import echo
from tests.client.waiting import WAIT, block_until


@pytest.fixture
def blocking(fake: FakeSidecar) -> Iterator[Client]:
    with Client(fake.target) as client:
        yield client


def test_it_proceeds_is_patched_blocked_and_failed_like_the_other(
    blocking: Client, fake: FakeSidecar
) -> None:
    fake.answer("patched", {"n": 2})
    fake.answer("blocked", Violation(reason="no", code="C", hook="h", worker="w"))
    fake.answer("failed", sidehook.CallFailure(reason="HOOK_FAILED", message="m"))
    assert blocking.invoke("unchanged", n=1) == {"n": 1}
    patched = blocking.call("patched", {"n": 1}, budget=5.0, request_id="r")
    assert patched == {"n": 2}
    assert patched.receipt is not None
    with pytest.raises(ViolationError, match=r"\[C\] no"):
        blocking.invoke("blocked")
    with pytest.raises(sidehook.HookFailedError):
        blocking.invoke("failed")
    assert fake.calls[1].context.request_id == "r"


def test_threads_share_it_and_each_gets_its_own_answers(
    blocking: Client, fake: FakeSidecar
) -> None:
    fake.answer("t", echo)
    with ThreadPoolExecutor(16) as pool:
        payloads = list(pool.map(lambda n: blocking.invoke("t", n=n), range(200)))
    assert [payload.echo for payload in payloads] == list(range(200))
    assert blocking.stats.calls == 200
    assert blocking.stats.connections == 1


def test_threads_never_see_each_other_s_scopes(blocking: Client, fake: FakeSidecar) -> None:
    together = threading.Barrier(8)

    def one(name: str) -> None:
        with blocking.session(name), blocking.scope(name):
            together.wait(WAIT)
            blocking.invoke("t", name=name)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, [f"s-{n}" for n in range(8)]))
    for call in fake.calls:
        assert call.context.scopes == (call.context.session_id,)
        assert sidehook.Payload(call.fields)["name"] == call.context.session_id
    assert len(fake.calls) == 8


def test_state_is_carried(blocking: Client, fake: FakeSidecar) -> None:
    fake.hold("t")
    with ThreadPoolExecutor(1) as pool, blocking.session("s") as session:
        under_way = pool.submit(session_call, blocking, session)
        fake.next_call().answer({}, state=StateChange(set={"w/n": b"1"}))
        under_way.result(WAIT)
    assert session.state == {"w/n": 1}


def session_call(client: Client, session: sidehook.Session) -> None:
    with session:
        client.invoke("t")


def test_a_deadline_cancels_the_call(blocking: Client, fake: FakeSidecar) -> None:
    fake.hold("t")
    blocking.connect()
    with pytest.raises(DeadlineExceededError) as caught:
        blocking.call("t", {}, budget=0.05)
    assert caught.value.hook_type == "t"
    assert fake.next_call().cancelled.wait(WAIT)


def test_an_interrupt_cancels_the_call(fake: FakeSidecar) -> None:
    fake.hold("t")
    script = (
        "import signal, sys, sidehook\n"
        # What starts a test in the background may have interrupts ignored, here too.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "with sidehook.Client(sys.argv[1]) as client:\n"
        "    try: client.invoke('t')\n"
        "    except KeyboardInterrupt: print('interrupted', client.stats.calls)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, fake.target], stdout=subprocess.PIPE, text=True
    ) as process:
        held = fake.next_call()
        process.send_signal(signal.SIGINT)
        assert held.cancelled.wait(WAIT)
        output, _ = process.communicate(timeout=WAIT)
    assert output == "interrupted 1\n"
    assert process.returncode == 0


def test_no_sidecar_is_an_error_that_names_it_or_a_choice(socket_folder: Path) -> None:
    nowhere = str(socket_folder / "nowhere.sock")
    with Client(nowhere) as client, pytest.raises(SidecarUnavailableError, match="sidehook serve"):
        client.invoke("t")
    with Client(nowhere, on_unavailable="proceed") as client:
        assert client.invoke("t", n=1) == {"n": 1}
        assert client.stats.calls_unguarded == 1
    with pytest.raises(SidecarUnavailableError, match="sidehook serve"):
        Client(nowhere, required=True).__enter__()


def test_the_live_list_saves_its_round_trips_too(blocking: Client, fake: FakeSidecar) -> None:
    blocking.connect()
    fake.hooks({"quiet": False, "loud": True}, lease=30.0)
    assert not blocking.has_hooks("quiet")
    assert blocking.has_hooks("loud")
    assert blocking.invoke("quiet", n=1) == {"n": 1}
    assert fake.calls == []
    with pytest.raises(UnknownHookTypeError):
        blocking.invoke("typo")


def test_it_finds_a_sidecar_that_restarts(blocking: Client, fake: FakeSidecar) -> None:
    blocking.invoke("t")
    fake.stop()
    with pytest.raises(SidecarUnavailableError):
        blocking.invoke("t")
    fake.start()
    assert blocking.invoke("t", n=1) == {"n": 1}


def test_closing_ends_a_call_that_waits_in_another_thread(fake: FakeSidecar) -> None:
    fake.hold("t")
    client = Client(fake.target)
    with ThreadPoolExecutor(1) as pool:
        under_way = pool.submit(client.invoke, "t")
        fake.next_call()
        client.close()
        with pytest.raises(HookError, match="closed"):
            under_way.result(WAIT)
    client.close()
    with pytest.raises(SidecarError, match="closed"):
        client.invoke("t")


def test_closing_ends_its_thread(fake: FakeSidecar) -> None:
    before = set(threading.enumerate())
    with Client(fake.target) as client:
        client.invoke("t")
        mine = [thread for thread in client_threads() if thread not in before]
        assert len(mine) == 1
    assert not mine[0].is_alive()


def test_a_block_that_is_not_entered_leaves_no_thread(socket_folder: Path) -> None:
    before = set(client_threads())
    with pytest.raises(SidecarUnavailableError):
        Client(str(socket_folder / "nowhere.sock"), required=True).__enter__()
    assert set(client_threads()) <= before


def client_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "sidehook-client"]


def test_a_client_that_is_dropped_closes_its_connection(fake: FakeSidecar) -> None:
    client = Client(fake.target)
    client.invoke("t")
    assert fake.streams == 1
    del client
    gc.collect()
    block_until(lambda: fake.streams == 0)


def test_a_program_that_forgets_to_close_its_client_ends_quietly(fake: FakeSidecar) -> None:
    script = "import sys, sidehook; c = sidehook.Client(sys.argv[1]); c.invoke('t'); print('done')"
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", script, fake.target],
        capture_output=True,
        text=True,
        timeout=WAIT * 3,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "done\n")
    assert "Traceback" not in done.stderr


async def test_it_can_be_called_in_a_thread_of_an_asyncio_program(fake: FakeSidecar) -> None:
    with Client(fake.target) as client:
        payload = await asyncio.to_thread(lambda: client.invoke("t", n=1))
    assert payload == {"n": 1}


def test_closing_while_many_threads_call_leaves_none_of_them_waiting(fake: FakeSidecar) -> None:
    for _ in range(5):
        client = Client(fake.target)
        client.connect()
        together = threading.Barrier(9)

        def call_until_closed(client: Client = client, start: threading.Barrier = together) -> str:
            start.wait(WAIT)
            try:
                while True:
                    client.invoke("t")
            except SidecarError as error:
                return error.reason

        with ThreadPoolExecutor(8) as pool:
            calling = [pool.submit(call_until_closed) for _ in range(8)]
            together.wait(WAIT)
            client.close()
            assert {future.result(WAIT) for future in calling} == {"CLIENT_CLOSED"}
