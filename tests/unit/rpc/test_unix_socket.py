import os
import socket
import stat
import threading
from pathlib import Path

import pytest

from sidehook_server.errors import ListenError
from sidehook_server.rpc.unix_socket import claimed, folder_is_open, is_private


def bound(path: Path, *, listening: bool) -> socket.socket:
    it = socket.socket(socket.AF_UNIX)
    it.bind(str(path))
    if listening:
        it.listen()
    return it


def test_the_folder_is_made_for_its_owner_alone(socket_folder: Path) -> None:
    path = socket_folder / "run" / "sidehook" / "it.sock"
    with claimed(path, mode=0o600):
        pass
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o600, 0o660, 0o666])
def test_a_socket_has_its_permissions_from_its_first_moment(socket_folder: Path, mode: int) -> None:
    path = socket_folder / "it.sock"
    before = os.umask(0o022)
    try:
        with claimed(path, mode=mode), bound(path, listening=True):
            assert stat.S_IMODE(path.stat().st_mode) == mode
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)


def test_a_path_of_over_107_bytes_is_refused_and_the_limit_named(socket_folder: Path) -> None:
    path = socket_folder / ("x" * 120)
    with (
        pytest.raises(ListenError, match=r"has \d+ bytes and Unix sockets allow 107"),
        claimed(path, mode=0o600),
    ):
        pass


def test_a_path_of_107_bytes_is_taken(socket_folder: Path) -> None:
    path = socket_folder / ("x" * (106 - len(str(socket_folder))))
    assert len(os.fsencode(path)) == 107
    with claimed(path, mode=0o600), bound(path, listening=True):
        assert path.is_socket()


def test_a_socket_that_nobody_answers_on_is_taken_over(socket_folder: Path) -> None:
    path = socket_folder / "it.sock"
    bound(path, listening=True).close()
    with claimed(path, mode=0o600) as taken_over:
        assert taken_over
        assert not path.exists()


def test_a_socket_that_somebody_answers_on_is_left_alone(socket_folder: Path) -> None:
    path = socket_folder / "it.sock"
    with bound(path, listening=True):
        with (
            pytest.raises(ListenError, match="another process answers there"),
            claimed(path, mode=0o600),
        ):
            pass
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(str(path))


def test_a_socket_whose_owner_is_too_busy_to_accept_counts_as_answered(
    socket_folder: Path,
) -> None:
    path = socket_folder / "it.sock"
    with socket.socket(socket.AF_UNIX) as it, socket.socket(socket.AF_UNIX) as waiting:
        it.bind(str(path))
        it.listen(0)
        waiting.connect(str(path))
        with (
            pytest.raises(ListenError, match="another process answers there"),
            claimed(path, mode=0o600),
        ):
            pass


def test_a_file_that_is_no_socket_is_never_removed(socket_folder: Path) -> None:
    path = socket_folder / "it.sock"
    path.write_text("precious")
    with pytest.raises(ListenError, match="no socket"), claimed(path, mode=0o600):
        pass
    assert path.read_text() == "precious"


def test_a_folder_that_cannot_be_made_is_named(socket_folder: Path) -> None:
    (socket_folder / "file").write_text("")
    path = socket_folder / "file" / "below" / "it.sock"
    with pytest.raises(ListenError, match=str(path.parent)), claimed(path, mode=0o600):
        pass


def test_two_that_start_at_once_take_turns(socket_folder: Path) -> None:
    path = socket_folder / "it.sock"
    seen: list[str] = []
    listening: list[socket.socket] = []

    def second() -> None:
        try:
            with claimed(path, mode=0o600):
                seen.append("claimed")
        except ListenError as error:
            seen.append(error.problem)

    with claimed(path, mode=0o600):
        other = threading.Thread(target=second)
        other.start()
        listening.append(bound(path, listening=True))
        assert seen == []
    other.join(10)
    listening[0].close()
    assert seen == ["another process answers there"]


def test_a_socket_is_private_when_only_its_owner_can_reach_it(socket_folder: Path) -> None:
    path = socket_folder / "it.sock"
    with bound(path, listening=True):
        socket_folder.chmod(0o755)
        path.chmod(0o600)
        assert is_private(path)
        path.chmod(0o666)
        assert not is_private(path)
        socket_folder.chmod(0o700)
        assert is_private(path)


def test_a_folder_is_open_when_others_may_replace_what_is_in_it(socket_folder: Path) -> None:
    path = socket_folder / "it.sock"
    for mode, is_open in ((0o700, False), (0o755, False), (0o777, True), (0o1777, False)):
        socket_folder.chmod(mode)
        assert folder_is_open(path) is is_open
