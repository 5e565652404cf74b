"""What a client shows besides certificates, and where it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from sidehook import Tls
from sidehook._client_settings import Settings
from sidehook._token import TokenError

SOCKET = "unix:///run/s.sock"
FAR = "sidecar.svc:7000"


@pytest.fixture(autouse=True)
def _nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SIDEHOOK_CALLER_TOKEN", "SIDEHOOK_CALLER_TOKEN_FILE", "SIDEHOOK_TLS_CA"):
        monkeypatch.delenv(name, raising=False)


def test_nothing_is_shown_when_nothing_is_said() -> None:
    assert Settings().token_for(FAR) is None


def test_a_token_is_given_or_in_a_file_or_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text("of-the-file\n")
    assert Settings(token="given").token_for(SOCKET) == "given"
    assert Settings(token_file=file).token_for(SOCKET) == "of-the-file"
    monkeypatch.setenv("SIDEHOOK_CALLER_TOKEN", "of-the-environment")
    assert Settings().token_for(SOCKET) == "of-the-environment"
    monkeypatch.setenv("SIDEHOOK_CALLER_TOKEN_FILE", str(file))
    assert Settings().token_for(SOCKET) == "of-the-file"
    assert Settings(token="given").token_for(SOCKET) == "given"


def test_a_file_is_read_anew_each_time(tmp_path: Path) -> None:
    file = tmp_path / "token"
    settings = Settings(token_file=file)
    with pytest.raises(TokenError, match="cannot be read"):
        settings.token_for(SOCKET)
    for text in ("one", "two"):
        file.write_text(text)
        assert settings.token_for(SOCKET) == text


@pytest.mark.parametrize("target", [SOCKET, "127.0.0.1:7000", "localhost:7000"])
def test_a_token_may_go_to_this_machine_in_plain_text(target: str) -> None:
    assert Settings(token="t").token_for(target) == "t"


def test_a_token_goes_to_another_machine_over_tls_only(tmp_path: Path) -> None:
    with pytest.raises(TokenError, match="over the network in plain text"):
        Settings(token="s3cret").token_for(FAR)
    assert Settings(token="s3cret", tls=Tls(ca=tmp_path / "ca.pem")).token_for(FAR) == "s3cret"


@pytest.mark.parametrize("token", ["", "two words", "schlüssel"])
def test_a_token_that_no_header_carries_is_not_sent(token: str) -> None:
    with pytest.raises(TokenError) as raised:
        Settings(token=token).token_for(SOCKET)
    assert not token or token not in str(raised.value)


def test_a_token_is_not_in_what_settings_look_like() -> None:
    assert "s3cret" not in repr(Settings(token="s3cret"))
