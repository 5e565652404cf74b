"""`sidehook health` at peers that say what a test tells them to."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sidehook_server.probe.command import main

ADMIN_SAYS_NO = b"HTTP/1.1 503 Service Unavailable\r\nA: b\r\n\r\nwaiting for\nguards\n"


@contextmanager
def peer(listener: socket.socket, answer: bytes) -> Iterator[None]:
    """Answers one connection with these octets, whatever it asks."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(answer)

    listener.settimeout(10)
    thread = threading.Thread(target=serve)
    with listener:
        thread.start()
        yield
        thread.join()


def ask_admin(answer: bytes) -> int:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    with peer(listener, answer):
        return main(["--admin", f"127.0.0.1:{port}"])


def ask_socket(path: Path, answer: bytes, question: str = "--ready") -> int:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    with peer(listener, answer):
        return main(["--socket", f"unix://{path}", question])


def frame(kind: int, payload: bytes, *, flags: int = 0, stream: int = 1) -> bytes:
    head = len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big")
    return head + payload


SETTINGS = frame(4, b"", stream=0) + frame(4, b"", flags=1, stream=0)
HEADERS = frame(1, b"\x88", flags=4)


def message(status: int) -> bytes:
    return SETTINGS + HEADERS + frame(0, bytes((0, 0, 0, 0, 2, 8, status)))


def test_what_the_admin_port_says_is_printed_in_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert ask_admin(ADMIN_SAYS_NO) == 1
    assert capsys.readouterr().out == "waiting for guards\n"
    assert ask_admin(b"HTTP/1.1 200 OK\r\n\r\nok\n") == 0
    assert capsys.readouterr().out == "ok\n"


@pytest.mark.parametrize(
    "answer", [b"", b"nonsense", b"HTTP/1.1 404 Not Found\r\n\r\nok", b"HTTP/"]
)
def test_what_is_no_admin_port_is_no(answer: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask_admin(answer) == 1
    assert "does not answer as a sidecar does" in capsys.readouterr().out


def test_serving_is_yes_to_every_question(socket_folder: Path) -> None:
    for number, question in enumerate(("--started", "--ready", "--live")):
        assert ask_socket(socket_folder / f"{number}.sock", message(1), question) == 0


def test_not_serving_is_no_only_to_the_question_whether_it_is_ready(
    socket_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask_socket(socket_folder / "0.sock", message(2), "--ready") == 1
    assert capsys.readouterr().out.startswith("not ready")
    assert ask_socket(socket_folder / "1.sock", message(2), "--live") == 0
    assert ask_socket(socket_folder / "2.sock", message(2), "--started") == 0


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        SETTINGS,
        SETTINGS + frame(7, bytes(8), stream=0),
        SETTINGS + frame(3, bytes(4)),
        SETTINGS + frame(1, b"\x88", flags=5),
    ],
    ids=["nothing", "another protocol", "hung up", "goaway", "reset", "no message"],
)
def test_a_socket_that_gives_no_message_is_no(
    socket_folder: Path, answer: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask_socket(socket_folder / "s.sock", answer, "--live") == 1
    assert "does not answer as a sidecar does" in capsys.readouterr().out


def test_nobody_there_is_no_with_a_line_that_says_where(
    socket_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--socket", str(socket_folder / "none.sock")]) == 1
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert main(["--admin", f"http://127.0.0.1:{port}"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert "none.sock" in lines[0]
    assert str(port) in lines[1]


def test_one_that_never_answers_is_no_in_time(socket_folder: Path) -> None:
    path = socket_folder / "frozen.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        assert main(["--socket", str(path), "--timeout", "0.05"]) == 1


def test_the_probe_loads_none_of_what_makes_the_other_commands_slow() -> None:
    code = (
        "import sys; sys.argv = ['sidehook', 'health', '--socket', '/nowhere']\n"
        "from sidehook_server.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: print(*sorted(sys.modules))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    loaded = set(ended.stdout.splitlines()[-1].split())
    slow = {
        "argparse",
        "asyncio",
        "dataclasses",
        "grpc",
        "http",
        "rich",
        "typer",
        "sidehook",
        "yaml",
    }
    assert "sidehook_server.probe.command" in loaded
    assert not loaded & slow
