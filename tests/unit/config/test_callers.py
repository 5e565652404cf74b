"""Callers in the configuration: what is read, refused and warned of."""

from __future__ import annotations

from pathlib import Path

import pytest

from sidehook_server.config import Config, ConfigError, load_config
from tests.certificates import Authority

DIGEST = "0123456789abcdef" * 4


def load(tmp_path: Path, text: str) -> Config:
    file = tmp_path / "s.yaml"
    file.write_text(text)
    return load_config(file, environment={})


def problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, text)
    return [str(each).replace(f"{tmp_path}/", "") for each in raised.value.problems]


@pytest.fixture
def tls(tmp_path: Path) -> str:
    """The keys of a sidecar that asks for certificates."""
    Authority(tmp_path).issue_for_this_machine()
    return (
        "listen: {tcp: '0.0.0.0:7000', "
        "tls: {certificate: server.pem, key: server.key, client_ca: authority.pem}}\n"
    )


def test_nothing_said_is_everybody_and_an_empty_list_nobody(tmp_path: Path) -> None:
    assert load(tmp_path, "").callers is None
    assert load(tmp_path, "callers: []").callers == ()


def test_who_may_call_what_is_read(tmp_path: Path, tls: str) -> None:
    callers = load(
        tmp_path,
        tls + "callers:\n"
        "- {name: chat, certificate: 'spiffe://here/ns/chat/*', hook_types: [component_*]}\n"
        f"- {{name: batch, token_sha256: {DIGEST.upper()}, tenants: [acme, '']}}\n"
        "- {name: here, unix_socket: true, uid: 7, hook_types: []}\n",
    ).callers
    assert callers is not None
    chat, batch, here = callers
    assert (chat.certificate, chat.hook_types) == (
        "spiffe://here/ns/chat/*",
        frozenset({"component_*"}),
    )
    assert (chat.tenants, batch.hook_types) == (None, None)
    assert (batch.token_sha256, batch.tenants) == (DIGEST, frozenset({"acme", ""}))
    assert (here.unix_socket, here.uid, here.hook_types) == (True, 7, frozenset())


@pytest.mark.parametrize(
    ("caller", "problem"),
    [
        ("hook_types: ['*']", "callers[c]: nothing says who this is; add certificate,"),
        ("unix_socket: false", "callers[c]: nothing says who this is"),
        ("token_sha256: s3cret", "callers[0].token_sha256: takes 64 hexadecimal digits"),
        ("certificate: '*'", "only a URI may have a '*'"),
        ("certificate: '*.example'", "only a URI may have a '*'"),
        ("certificate: 'spiffe://*'", "only a URI may have a '*'"),
        ("certificate: 'spiffe://*/ns'", "only a URI may have a '*'"),
        ("certificate: 'spiffe://here/ns*'", "only a URI may have a '*'"),
        ("certificate: 'spiffe://here/*/x'", "only a URI may have a '*'"),
        ("unix_socket: true, hook_types: [a*b*]", "one '*' for any of them"),
        ("unix_socket: true, hook_types: ['']", "use 1 to 128 of letters"),
        (
            "unix_socket: true, hook_types: [component_pre_exekute]",
            "callers[c].hook_types: hook type 'component_pre_exekute' is not declared; add it to "
            "hook_types; did you mean 'component_pre_execute'?",
        ),
        (
            "unix_socket: true, hook_types: [komponent_*]",
            "'komponent_*' stands for no declared hook type; check it, or remove it",
        ),
        ("certificate: chat", "nobody can call with a certificate; set listen.tcp, and listen.tls"),
    ],
)
def test_what_can_never_be_is_refused(tmp_path: Path, caller: str, problem: str) -> None:
    (text,) = problems(tmp_path, f"callers: [{{name: c, {caller}}}]")
    assert problem in text
    assert "s3cret" not in text


@pytest.mark.parametrize("more", ["uid: 7", "unix_socket: true"])
def test_nobody_is_on_the_socket_and_shows_a_certificate(
    tmp_path: Path, tls: str, more: str
) -> None:
    (text,) = problems(tmp_path, tls + f"callers: [{{name: c, certificate: x, {more}}}]")
    assert "callers[c].certificate: a certificate is shown on TCP only" in text


def test_two_callers_of_one_name_are_refused(tmp_path: Path) -> None:
    (text,) = problems(
        tmp_path, "callers: [{name: c, unix_socket: true}, {name: c, unix_socket: true}]"
    )
    assert "'c' is here twice" in text


def test_undeclared_types_may_be_named_where_they_are_allowed(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        "undeclared_types: allow\n"
        "callers: [{name: c, unix_socket: true, hook_types: [mine, my_*]}]",
    )
    assert config.callers is not None


def test_an_open_address_is_warned_of_while_nobody_is_told_apart(tmp_path: Path) -> None:
    Authority(tmp_path).issue_for_this_machine()
    tls = "listen: {tcp: '0.0.0.0:7000', tls: {certificate: server.pem, key: server.key}}\n"
    (warning,) = load(tmp_path, tls).warnings
    assert "whoever reaches it can call hooks" in warning
    told_apart = f"callers: [{{name: c, token_sha256: {DIGEST}}}]"
    assert load(tmp_path, tls + told_apart).warnings == ()


def test_tokens_of_callers_that_travel_in_plain_text_are_warned_of(tmp_path: Path) -> None:
    _, warning = load(
        tmp_path,
        "listen: {tcp: '0.0.0.0:7000', insecure_tcp: true}\n"
        f"callers: [{{name: c, token_sha256: {DIGEST}}}]",
    ).warnings
    assert "the tokens of c can be read by others when they are sent to listen.tcp" in warning
