"""Whose a worker's name is: each way to be bound, by itself and together."""

from __future__ import annotations

import hashlib

import pytest

from sidehook_server.config.model import WorkerConfig
from sidehook_server.registry import transitions
from sidehook_server.registry.effects import Log, RefusalReason
from sidehook_server.registry.identity import STRANGER, Certificate, Peer
from tests.unit.registry.scripted import Scripted, a_config, a_hook, a_manifest

RIGHT = hashlib.sha256(b"right").hexdigest()
WRONG = hashlib.sha256(b"wrong").hexdigest()
PII = Certificate(dns=frozenset({"pii.example"}), has_alternative_names=True)


def bound(**terms: object) -> Scripted:
    """A sidecar whose worker `w` is bound to something."""
    return Scripted(a_config(WorkerConfig(name="w", optional=True, **terms)))  # type: ignore[arg-type]  # as the test names them


def test_a_name_bound_to_a_token_is_given_to_who_has_it() -> None:
    sidecar = bound(token_sha256=RIGHT)
    assert sidecar.attach("one", a_hook(), peer=Peer(token_sha256=RIGHT)).problems() == ()


@pytest.mark.parametrize(
    ("peer", "problem"),
    [
        (STRANGER, "bound to a token, and none came with this connection; attach with --token-fi"),
        (Peer(token_sha256=WRONG), "bound to a token, and another one came with this connection"),
        (Peer(uid=0, certificate=PII), "bound to a token, and none came with this connection"),
    ],
)
def test_a_name_bound_to_a_token_is_refused_to_others(peer: Peer, problem: str) -> None:
    sidecar = bound(token_sha256=RIGHT).attach("one", a_hook(), peer=peer)
    (text,) = sidecar.problems()
    assert problem in text
    assert RIGHT not in text
    assert WRONG not in text
    assert sidecar.last.refusal is not None
    assert sidecar.last.refusal.reason is RefusalReason.WORKER_IDENTITY
    (log,) = sidecar.effects(Log)
    assert (log.event, log.fields["reason"]) == ("registration_refused", "WORKER_IDENTITY")
    assert sidecar.registry.workers == {}


def test_a_token_for_a_name_that_is_not_bound_says_nothing() -> None:
    sidecar = Scripted().attach("one", a_hook(), peer=Peer(token_sha256=WRONG))
    assert sidecar.problems() == ()


def test_a_name_bound_to_a_certificate_is_given_to_who_shows_it() -> None:
    sidecar = bound(certificate="pii.example")
    assert sidecar.attach("one", a_hook(), peer=Peer(certificate=PII)).problems() == ()


@pytest.mark.parametrize(
    ("peer", "problem"),
    [
        (STRANGER, "certificate of 'other.example', and this connection has none; attach over"),
        (Peer(certificate=PII), "and the one of this connection names 'pii.example'; attach with"),
        (Peer(certificate=Certificate()), "names nobody by URI or DNS name"),
    ],
)
def test_a_name_bound_to_a_certificate_is_refused_to_others(peer: Peer, problem: str) -> None:
    sidecar = bound(certificate="other.example").attach("one", a_hook(), peer=peer)
    assert problem in sidecar.problems()[0]


@pytest.mark.parametrize(
    ("certificate", "names"),
    [
        (Certificate(common_name="pii"), {"pii"}),
        (PII, {"pii.example"}),
        (
            Certificate(
                common_name="pii",
                dns=frozenset({"a.example", "b.example"}),
                uris=frozenset({"spiffe://here/pii"}),
                has_alternative_names=True,
            ),
            {"a.example", "b.example", "spiffe://here/pii"},
        ),
        # An authority that looks at the alternative names need not look at these.
        (Certificate(common_name="pii", has_alternative_names=True), set()),
        (Certificate(common_name="spiffe://here/pii"), set()),
        (
            Certificate(dns=frozenset({"spiffe://here/pii"}), has_alternative_names=True),
            set(),
        ),
        (Certificate(uris=frozenset({"pii"}), has_alternative_names=True), set()),
        (Certificate(dns=frozenset({"*.example"}), has_alternative_names=True), set()),
    ],
)
def test_which_names_a_certificate_stands_for(certificate: Certificate, names: set[str]) -> None:
    asked = {"pii", "pii.example", "a.example", "b.example", "spiffe://here/pii", "PII", ""}
    assert {name for name in asked if certificate.is_for(name)} - {""} == names


def test_a_name_bound_in_two_ways_needs_both() -> None:
    sidecar = bound(token_sha256=RIGHT, uid=1000)
    problems = sidecar.attach("one", a_hook()).problems()
    assert len(problems) == 2
    assert all(text.startswith("worker 'w': the name is bound to ") for text in problems)
    only = Peer(uid=1000)
    assert len(sidecar.attach("two", a_hook(), peer=only).problems()) == 1
    both = Peer(uid=1000, token_sha256=RIGHT)
    assert sidecar.attach("three", a_hook(), peer=both).problems() == ()


def test_who_was_let_in_with_a_token_may_declare_itself_anew() -> None:
    sidecar = bound(token_sha256=RIGHT).attach("one", a_hook("a"), peer=Peer(token_sha256=RIGHT))
    assert sidecar.remanifest("one", a_hook("a"), a_hook("b")).problems() == ()
    assert sidecar.candidates("b") == ("one",)


def test_a_scope_of_an_application_does_not_get_a_name_that_is_bound() -> None:
    sidecar = bound(token_sha256=RIGHT).attach("app", a_hook(), scope_handle="h1")
    assert "bound to a token" in sidecar.problems()[0]


def test_the_name_of_a_dialled_worker_is_not_given_to_one_that_attaches() -> None:
    sidecar = bound(target="dns:///pii:7000")
    (problem,) = sidecar.attach("one", a_hook()).problems()
    assert "belongs to the worker that the sidecar dials at dns:///pii:7000" in problem
    assert sidecar.attach("two", a_hook(), expected_worker="w").problems() == ()
    assert sidecar.remanifest("two", a_hook(), a_hook("b")).problems() == ()


def test_in_one_process_nobody_is_asked() -> None:
    sidecar = bound(token_sha256=RIGHT, uid=1, target="unix:///run/w.sock", certificate="w")
    assert sidecar.attach("one", a_hook(), peer=Peer(is_this_process=True)).problems() == ()


@pytest.mark.parametrize(
    ("peer", "problems"),
    [(None, 0), (STRANGER, 1), (Peer(token_sha256=WRONG), 1), (Peer(token_sha256=RIGHT), 0)],
)
def test_hooks_of_a_bound_name_are_retired_by_the_operator_and_by_its_owner(
    peer: Peer | None, problems: int
) -> None:
    sidecar = bound(token_sha256=RIGHT)
    sidecar.attach("one", a_hook(), peer=Peer(token_sha256=RIGHT)).detach("one")
    sidecar.apply(transitions.retired(sidecar.registry, "w", "guard", peer=peer))
    assert len(sidecar.problems()) == problems
    if sidecar.last.refusal is None:
        assert sidecar.last.retired == ("w/guard",)
    else:
        assert sidecar.last.refusal.reason is RefusalReason.WORKER_IDENTITY
        assert sidecar.paths() == ["w/guard"]
        (log,) = sidecar.effects(Log)
        assert (log.fields["worker"], log.fields["link"]) == ("w", "")


def test_identity_is_reported_with_everything_else_that_is_wrong() -> None:
    manifest = a_manifest(a_hook(hook_type=""))
    sidecar = bound(token_sha256=RIGHT)
    sidecar.apply(transitions.attached(sidecar.registry, "one", manifest))
    assert len(sidecar.problems()) == 2
    assert sidecar.last.refusal is not None
    assert sidecar.last.refusal.reason is RefusalReason.WORKER_IDENTITY
