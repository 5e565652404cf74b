import os
from pathlib import Path

import pytest

from sidehook import Tls, _client_target
from sidehook._client_target import (
    TLS_VARIABLES,
    checked_target,
    default_target,
    is_local,
    socket_path,
    tls_for,
)


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIDEHOOK_TARGET", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)


def test_the_environment_names_the_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDEHOOK_TARGET", "sidecar.example:7001")
    assert default_target() == "sidecar.example:7001"


def test_an_empty_variable_is_no_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDEHOOK_TARGET", "")
    assert default_target() == "unix:///run/sidehook/sidehook.sock"


def test_without_a_runtime_folder_it_is_the_system_s_socket() -> None:
    assert default_target() == "unix:///run/sidehook/sidehook.sock"


def test_the_user_s_own_sidecar_comes_first(
    monkeypatch: pytest.MonkeyPatch, socket_folder: Path
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(socket_folder))
    expected = f"unix://{socket_folder}/sidehook/sidehook.sock"
    assert default_target() == expected, "where a sidecar of this user would listen"
    (socket_folder / "sidehook").mkdir()
    (socket_folder / "sidehook" / "sidehook.sock").touch()
    assert default_target() == expected


def test_a_folder_that_this_user_may_not_look_into_is_where_the_sidecar_is(
    monkeypatch: pytest.MonkeyPatch, socket_folder: Path
) -> None:
    shut = socket_folder / "sidehook"
    shut.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(socket_folder))
    user = os.geteuid()
    shut.chmod(0)
    try:
        if user == 0:
            # Root may look anywhere; the folder of the test is root's alone.
            os.seteuid(65534)
        assert default_target() == f"unix://{shut}/sidehook.sock"
    finally:
        os.seteuid(user)
        shut.chmod(0o700)


@pytest.mark.parametrize(
    ("given", "target"),
    [
        ("unix:///run/x.sock", "unix:///run/x.sock"),
        ("unix:/run/x.sock", "unix:///run/x.sock"),
        ("/run/x.sock", "unix:///run/x.sock"),
        ("unix:x.sock", "unix:x.sock"),
        ("127.0.0.1:7001", "127.0.0.1:7001"),
        ("dns:///sidecar:7001", "dns:///sidecar:7001"),
    ],
)
def test_the_spellings_of_a_target(given: str, target: str) -> None:
    assert checked_target(given) == target


def test_a_socket_path_that_is_too_long_names_the_limit() -> None:
    longest = "/" + "x" * 106
    assert checked_target(longest) == f"unix://{longest}"
    with pytest.raises(ValueError, match=r"has 108 bytes and Unix sockets allow 107"):
        checked_target(longest + "x")


@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_target_is_refused(empty: str) -> None:
    with pytest.raises(ValueError, match="the target is empty"):
        checked_target(empty)


def test_only_unix_targets_have_a_socket_path() -> None:
    assert socket_path("unix:///run/x.sock") == "/run/x.sock"
    assert socket_path("localhost:1") is None


def test_only_this_module_of_the_client_reads_the_environment() -> None:
    package = Path(_client_target.__file__).parent
    reading = [
        path.name
        for path in [*package.glob("_*.py"), package / "aio.py"]
        if "os.environ" in path.read_text() and path.name != Path(_client_target.__file__).name
    ]
    assert reading == []


@pytest.fixture
def tls_variables(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for variable in TLS_VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)
    return monkeypatch


def test_nothing_is_said_of_tls_and_none_is_spoken(tls_variables: pytest.MonkeyPatch) -> None:
    assert tls_for("127.0.0.1:7000", None) is None
    tls_variables.setenv("SIDEHOOK_TLS_CA", "")
    assert tls_for("127.0.0.1:7000", None) is None


def test_the_environment_says_it_for_tcp_alone(tls_variables: pytest.MonkeyPatch) -> None:
    tls_variables.setenv("SIDEHOOK_TLS_CA", "ca.pem")
    tls_variables.setenv("SIDEHOOK_TLS_SERVER_NAME", "sidecar")
    assert tls_for("127.0.0.1:7000", None) == Tls(ca="ca.pem", server_name="sidecar")
    for target in ("unix:///run/s.sock", "/run/s.sock"):
        assert tls_for(target, None) is None
        assert tls_for(target, Tls(ca="x")) is None


def test_what_is_given_stands_in_place_of_all_of_the_environment(
    tls_variables: pytest.MonkeyPatch,
) -> None:
    tls_variables.setenv("SIDEHOOK_TLS_SERVER_NAME", "sidecar")
    assert tls_for("127.0.0.1:7000", Tls(ca="ca.pem")) == Tls(ca="ca.pem")


@pytest.mark.parametrize(
    ("target", "local"),
    [
        ("unix:///run/s.sock", True),
        ("/run/s.sock", True),
        ("localhost:1", True),
        ("127.0.0.2:1", True),
        ("[::1]:1", True),
        ("dns:///localhost:1", True),
        ("dns://8.8.8.8/localhost:1", True),
        ("ipv4:127.0.0.1:1", True),
        ("ipv6:[::1]:1", True),
        ("10.0.0.1:1", False),
        ("sidecar:1", False),
        ("localhost.example:1", False),
        ("dns:///127.0.0.1.example:1", False),
        ("[::2]:1", False),
        ("xds:///localhost:1", False),
    ],
)
def test_which_targets_are_on_this_machine(target: str, local: bool) -> None:  # noqa: FBT001 - parametrized
    assert is_local(target) is local
