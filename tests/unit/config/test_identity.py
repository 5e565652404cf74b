"""Tokens, certificates and TLS in the configuration: what is read, refused and warned of."""

from __future__ import annotations

from pathlib import Path

import pytest

from sidehook import Tls
from sidehook_server.config import Config, ConfigError, Override, load_config
from sidehook_server.config.model import Address
from tests.certificates import DAY, Authority

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
def authority(tmp_path: Path) -> Authority:
    """With a pair of files `server` beside the configuration."""
    authority = Authority(tmp_path)
    authority.issue_for_this_machine()
    return authority


TLS = "tls: {certificate: server.pem, key: server.key, client_ca: authority.pem}"


def test_tls_and_what_names_are_bound_to_are_read(tmp_path: Path, authority: Authority) -> None:
    config = load(
        tmp_path,
        f"listen: {{tcp_workers: '0.0.0.0:7000', {TLS}}}\n"
        "workers:\n"
        f"- {{name: t, token_sha256: {DIGEST.upper()}}}\n"
        "- {name: c, certificate: 'spiffe://here/c'}\n"
        "- {name: d, target: 'dns:///d:7000', tls: {ca: authority.pem, server_name: d.local}}\n"
        "- {name: e, target: 'e:7000', tls: {}}\n"
        "- {name: f, target: 'f:7000'}\n",
    )
    assert config.listen.tls is not None
    assert config.listen.tls.files == Tls(
        ca=str(authority.ca),
        certificate=str(tmp_path / "server.pem"),
        key=str(tmp_path / "server.key"),
    )
    assert config.workers["t"].token_sha256 == DIGEST
    assert config.workers["c"].certificate == "spiffe://here/c"
    assert config.workers["d"].tls == Tls(ca=str(authority.ca), server_name="d.local")
    assert config.workers["e"].tls == Tls()
    assert config.workers["f"].tls is None


def test_with_tls_an_address_may_be_open_and_the_admin_port_still_may_not(
    tmp_path: Path, authority: Authority
) -> None:
    listen = "listen: {tcp: '0.0.0.0:1', tcp_workers: '0.0.0.0:2', %s}"
    config = load(tmp_path, listen % TLS)
    assert config.listen.tcp == Address("0.0.0.0", 1)
    assert config.warnings == ()
    (said,) = problems(tmp_path, f"listen: {{admin: '0.0.0.0:1', {TLS}}}")
    assert "listen.admin: 0.0.0.0:1 is open to other machines, and there is no TLS" in said


def test_an_address_that_asks_for_no_certificate_is_warned_of(
    tmp_path: Path, authority: Authority
) -> None:
    config = load(
        tmp_path,
        "listen: {tcp: '127.0.0.1:1', tcp_workers: '0.0.0.0:2', "
        "tls: {certificate: server.pem, key: server.key}}",
    )
    (warning,) = config.warnings
    assert "listen.tcp_workers 0.0.0.0:2 is open to other machines that show no cert" in warning
    assert "retire hooks" in warning
    assert "listen.tls.client_ca" in warning


def test_tokens_that_travel_in_plain_text_are_warned_of(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        "listen: {tcp_workers: '0.0.0.0:2', insecure_tcp: true}\n"
        f"workers: [{{name: w, token_sha256: {DIGEST}}}]",
    )
    assert any("the tokens of w can be read by others" in text for text in config.warnings)


BAD = {
    f"workers: [{{name: w, target: 'w:1', token_sha256: {DIGEST}}}]": (
        "workers[w].token_sha256: a token is for a worker that attaches; this one is dialled, and "
        "its target is its identity (with `tls`, its certificate too); remove one of the two"
    ),
    "workers: [{name: w, target: 'w:1', certificate: w}]": (
        "workers[w].certificate: this is for a worker that attaches; the certificate of one that "
        "is dialled must be for the host of its target, or for `tls.server_name`"
    ),
    "workers: [{name: w, certificate: w}]": (
        "workers[w].certificate: nobody can attach with a certificate; set listen.tcp_workers, and "
        "listen.tls with its client_ca"
    ),
    f"listen: {{tcp_workers: '127.0.0.1:1', {TLS}}}\n"
    "workers: [{name: w, uid: 1, certificate: w}]": "nobody can have both; remove one of the two",
    "workers: [{name: w, tls: {}}]": "workers[w].tls: this is for a worker that is dialled",
    "workers: [{name: w, target: /run/w.sock, tls: {}}]": "w].tls: a Unix socket has no TLS",
    "workers: [{name: w, target: 'w:1', tls: {key: server.key}}]": (
        "workers[w].tls.key: certificate and key go together"
    ),
    "workers: [{name: w, certificate: '*.w'}]": "without wildcards; write the whole of it",
    "workers: [{name: w, certificate: ''}]": "certificate: '' cannot be used: it is empty",
    "listen: {tls: {certificate: server.pem}}": "listen.tls: the key key is missing; add it",
    "listen: {tls: {certificate: server.pem, key: authority.pem}}": (
        "listen.tls.key: authority.pem holds no private key in PEM"
    ),
}


@pytest.mark.parametrize("text", BAD)
def test_what_could_never_be_verified_is_named_with_the_fix(
    tmp_path: Path, authority: Authority, text: str
) -> None:
    (said,) = problems(tmp_path, text)
    assert said.startswith("s.yaml:")
    assert BAD[text] in said


@pytest.mark.parametrize("token", ["my-secret", "a" * 63])
def test_a_token_in_place_of_its_digest_is_refused_and_not_repeated(
    tmp_path: Path, token: str
) -> None:
    (said,) = problems(tmp_path, f"workers: [{{name: w, token_sha256: {token}}}]")
    assert "workers[0].token_sha256: takes 64 hexadecimal digits" in said
    assert token not in said


def test_certificates_are_read_with_every_other_problem_at_once(
    tmp_path: Path, authority: Authority
) -> None:
    authority.issue("old", dns=("localhost",), ends=-DAY)
    said = problems(
        tmp_path,
        "dev: maybe\n"
        "listen:\n"
        "  tls:\n"
        "    certificate: old.pem\n"
        "    key: old.key\n"
        "    client_ca: nowhere.pem\n"
        "workers:\n"
        "  - name: w\n"
        "    target: w:1\n"
        "    tls:\n"
        "      ca: server.key\n",
    )
    assert [each.split(" ")[0] for each in said] == [
        "s.yaml:1:6:",
        "s.yaml:4:5:",
        "s.yaml:6:5:",
        "s.yaml:11:7:",
    ]
    assert "old.pem cannot be shown: certificate has expired" in said[1]
    assert "nowhere.pem cannot be read (No such file or directory)" in said[2]
    assert "server.key holds no certificates in PEM" in said[3]


def test_flags_may_name_the_certificates(tmp_path: Path, authority: Authority) -> None:
    overrides = [
        Override("--x", "listen.tls.certificate", str(tmp_path / "server.pem")),
        Override("--x", "listen.tls.key", str(tmp_path / "server.key")),
    ]
    assert load_config(overrides=overrides, environment={}).listen.tls is not None
