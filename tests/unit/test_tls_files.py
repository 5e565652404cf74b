"""Files that TLS cannot be spoken with: each problem by itself, before gRPC meets them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sidehook import Tls
from sidehook._tls import TlsError
from sidehook._tls_files import file_problems, read_files
from tests.certificates import CLIENT_ONLY, DAY, SERVER_ONLY, Authority, Pair


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def pair(authority: Authority) -> Pair:
    return authority.issue_for_this_machine()


def problems(tls: Tls, *, listens: bool = True) -> list[tuple[str, str]]:
    return list(file_problems(tls, listens=listens))


@pytest.mark.parametrize("listens", [True, False])
def test_files_that_fit_are_read_whole(authority: Authority, pair: Pair, listens: bool) -> None:  # noqa: FBT001 - parametrized
    tls = pair.tls(authority)
    assert problems(tls, listens=listens) == []
    files = read_files(tls, listens=listens)
    assert files.ca == authority.ca.read_bytes()
    assert files.certificate == pair.certificate.read_bytes()
    assert files.key == pair.key.read_bytes()


def test_who_connects_needs_no_files_and_who_listens_a_certificate() -> None:
    assert problems(Tls(), listens=False) == []
    ((name, text),) = problems(Tls(), listens=True)
    assert (name, text) == (
        "certificate",
        "who listens must show a certificate; name one, and its key",
    )


def test_the_secret_is_not_in_what_the_files_look_like(pair: Pair) -> None:
    assert "PRIVATE" not in repr(read_files(pair.tls(), listens=True))


def test_every_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    tls = Tls(ca=tmp_path / "a", certificate=tmp_path / "b", key=tmp_path / "c")
    assert problems(tls) == [
        (
            name,
            f"{tmp_path / file} cannot be read (No such file or directory); name a file that can",
        )
        for name, file in (("ca", "a"), ("certificate", "b"), ("key", "c"))
    ]
    with pytest.raises(TlsError) as raised:
        read_files(tls, listens=True)
    assert len(raised.value.problems) == 3


@pytest.mark.parametrize("name", ["certificate", "key"])
def test_certificate_and_key_go_together(pair: Pair, name: str) -> None:
    tls = Tls(**{name: getattr(pair, name)})
    assert problems(tls, listens=False) == [
        (name, "certificate and key go together; name both, or neither")
    ]


@pytest.mark.parametrize("name", ["ca", "certificate", "key"])
@pytest.mark.parametrize("text", ["", "not PEM at all"])
def test_what_is_no_pem_is_named(authority: Authority, pair: Pair, name: str, text: str) -> None:
    tls = pair.tls(authority)
    Path(str(getattr(tls, name))).write_text(text)
    ((key, problem),) = problems(tls)
    assert key == name
    assert "in PEM" in problem


def test_a_key_of_another_certificate_is_refused(authority: Authority, pair: Pair) -> None:
    other = authority.issue("other")
    ((name, text),) = problems(Tls(certificate=pair.certificate, key=other.key))
    assert name == "key"
    assert f"{other.key} is not the key of {pair.certificate}" in text


def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked_for_it(
    authority: Authority,
) -> None:
    ((name, text),) = problems(authority.issue("locked", passphrase="secret").tls())
    assert name == "key"
    assert "or one with a passphrase" in text


@pytest.mark.parametrize("listens", [True, False])
def test_a_certificate_out_of_its_time_is_refused(authority: Authority, listens: bool) -> None:  # noqa: FBT001 - parametrized
    old = authority.issue("old", ends=-DAY)
    young = authority.issue("young", starts=DAY, ends=2 * DAY)
    for pair, problem in ((old, "certificate has expired"), (young, "is not yet valid")):
        ((name, text),) = problems(pair.tls(), listens=listens)
        assert name == "certificate"
        assert problem in text
        assert str(pair.certificate) in text


def test_a_certificate_for_the_other_side_only_is_refused(authority: Authority) -> None:
    for usage, listens in ((CLIENT_ONLY, True), (SERVER_ONLY, False)):
        pair = authority.issue("one-way", only_for=usage)
        assert problems(pair.tls(), listens=not listens) == []
        ((name, text),) = problems(pair.tls(), listens=listens)
        assert name == "certificate"
        assert "purpose" in text


def test_an_authority_that_has_expired_is_refused(tmp_path: Path, pair: Pair) -> None:
    expired = Authority(tmp_path, "expired", ends=-DAY)
    ((name, text),) = problems(pair.tls(expired))
    assert name == "ca"
    assert "has expired" in text


def test_several_problems_are_reported_at_once(tmp_path: Path, pair: Pair) -> None:
    pair.key.write_text("nothing")
    tls = Tls(ca=tmp_path / "nowhere.pem", certificate=pair.certificate, key=pair.key)
    assert [name for name, _ in problems(tls)] == ["ca", "key"]
