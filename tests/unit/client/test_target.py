from pathlib import Path

import pytest

from sidehook import _client_target
from sidehook._client_target import checked_target, default_target, socket_path


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
