"""Who may call what: who a peer is, what is granted to it, and what it is told when it may not."""

from __future__ import annotations

import hashlib

import pytest

from sidehook._hook_list import ScopeName
from sidehook_server.config.model import CallerConfig
from sidehook_server.registry import transitions
from sidehook_server.registry.caller_refusals import refused_call, refused_scope
from sidehook_server.registry.callers import CallerBook, Rights
from sidehook_server.registry.identity import STRANGER, Certificate, Peer
from tests.unit.registry.scripted import (
    OTHER_TYPE,
    TYPE,
    Scripted,
    a_config,
    a_hook,
    a_manifest,
)

RIGHT = hashlib.sha256(b"right").hexdigest()
WRONG = hashlib.sha256(b"wrong").hexdigest()
TYPES = (TYPE, OTHER_TYPE)


def caller(name: str = "chat", /, **said: object) -> CallerConfig:
    sets = {
        key: frozenset(value) if isinstance(value, (list, tuple)) else value
        for key, value in said.items()
    }
    return CallerConfig(name=name, **sets)  # type: ignore[arg-type]  # as the test names them


def rights(peer: Peer, *callers: CallerConfig) -> Rights:
    return CallerBook(callers, TYPES).rights(peer)


def may(who: Rights, hook_type: str = TYPE, tenant: str = "") -> bool:
    return tenant in who.tenants(hook_type)


def with_uri(*uris: str) -> Peer:
    return Peer(certificate=Certificate(uris=frozenset(uris), has_alternative_names=True))


def test_without_callers_everybody_may_call_everything() -> None:
    assert may(CallerBook().rights(STRANGER), "whatever", "anybody")


def test_with_an_empty_list_of_callers_nobody_may_call() -> None:
    assert not may(rights(Peer(uid=0, is_on_socket=True)))


def test_an_application_in_the_process_of_the_sidecar_may_call_everything() -> None:
    assert may(rights(Peer(is_this_process=True)))


@pytest.mark.parametrize(
    ("said", "peer"),
    [
        ({"token_sha256": RIGHT}, Peer(token_sha256=RIGHT)),
        ({"uid": 7}, Peer(uid=7, is_on_socket=True)),
        ({"unix_socket": True}, Peer(is_on_socket=True)),
        (
            {"unix_socket": True, "token_sha256": RIGHT},
            Peer(is_on_socket=True, token_sha256=RIGHT),
        ),
        ({"certificate": "spiffe://here/ns/chat"}, with_uri("spiffe://here/ns/chat")),
        ({"certificate": "spiffe://here/ns/*"}, with_uri("spiffe://here/ns/chat")),
        ({"certificate": "spiffe://here/ns/*"}, with_uri("spiffe://here/ns/chat/sa/app")),
        ({"certificate": "chat"}, Peer(certificate=Certificate(common_name="chat"))),
        (
            {"certificate": "chat.example", "token_sha256": RIGHT},
            Peer(
                token_sha256=RIGHT,
                certificate=Certificate(
                    dns=frozenset({"chat.example"}), has_alternative_names=True
                ),
            ),
        ),
    ],
)
def test_who_shows_all_that_is_said_of_a_caller_is_it(said: dict[str, object], peer: Peer) -> None:
    assert may(rights(peer, caller(**said)))


@pytest.mark.parametrize(
    ("said", "peer"),
    [
        ({}, Peer(uid=0, token_sha256=RIGHT, is_on_socket=True)),
        ({"token_sha256": RIGHT}, STRANGER),
        ({"token_sha256": RIGHT}, Peer(token_sha256=WRONG)),
        ({"uid": 7}, Peer(is_on_socket=True)),
        ({"uid": 7}, Peer(uid=8, is_on_socket=True)),
        ({"uid": 0}, Peer(is_on_socket=True)),
        ({"unix_socket": True}, Peer(token_sha256=RIGHT)),
        ({"unix_socket": True, "token_sha256": RIGHT}, Peer(is_on_socket=True)),
        ({"certificate": "spiffe://here/ns/chat"}, STRANGER),
        ({"certificate": "spiffe://here/ns/chat"}, with_uri("spiffe://here/ns/chat/more")),
        ({"certificate": "spiffe://here/ns/*"}, with_uri("spiffe://here/ns-evil/chat")),
        ({"certificate": "spiffe://here/ns/*"}, with_uri("spiffe://here/ns")),
        ({"certificate": "spiffe://here/ns/*"}, with_uri("spiffe://here/ns/")),
        ({"certificate": "spiffe://here/ns/*"}, with_uri("spiffe://here/ns/../other")),
        ({"certificate": "spiffe://here/ns/*"}, with_uri("spiffe://here/ns/./chat")),
        ({"certificate": "spiffe://here/ns/*"}, with_uri("spiffe://there/ns/chat")),
        (
            {"certificate": "spiffe://here/ns/*"},
            Peer(certificate=Certificate(common_name="spiffe://here/ns/chat")),
        ),
        (
            {"certificate": "chat"},
            Peer(certificate=Certificate(common_name="chat", has_alternative_names=True)),
        ),
        (
            {"certificate": "spiffe://here/ns/chat", "token_sha256": RIGHT},
            with_uri("spiffe://here/ns/chat"),
        ),
    ],
)
def test_who_shows_less_or_something_else_is_not(said: dict[str, object], peer: Peer) -> None:
    who = rights(peer, caller(**said))
    assert who.names == ()
    assert not may(who)


@pytest.mark.parametrize(
    ("patterns", "hook_type", "allowed"),
    [
        (None, "anything", True),
        ([], TYPE, False),
        ([TYPE], TYPE, True),
        ([TYPE], OTHER_TYPE, False),
        (["component_*"], TYPE, True),
        (["component_*"], OTHER_TYPE, False),
        (["*_pre_invoke"], OTHER_TYPE, True),
        (["tool_*_invoke"], OTHER_TYPE, True),
        (["tool_pre*pre_invoke"], OTHER_TYPE, False),
        (["*"], "of_my_own", True),
        (["of_*"], "of_my_own", True),
        (["of_*"], "", False),
    ],
)
def test_a_caller_may_call_what_its_patterns_stand_for(
    patterns: list[str] | None, hook_type: str, *, allowed: bool
) -> None:
    who = rights(Peer(token_sha256=RIGHT), caller(token_sha256=RIGHT, hook_types=patterns))
    assert may(who, hook_type) == allowed


def test_a_caller_with_tenants_may_call_for_them_alone() -> None:
    who = rights(Peer(token_sha256=RIGHT), caller(token_sha256=RIGHT, tenants=["acme", ""]))
    assert [may(who, TYPE, tenant) for tenant in ("acme", "", "other")] == [True, True, False]


def test_who_is_several_callers_may_call_what_each_of_them_may_and_no_mixture() -> None:
    who = rights(
        Peer(token_sha256=RIGHT, is_on_socket=True),
        caller("one", token_sha256=RIGHT, hook_types=[TYPE], tenants=["a"]),
        caller("two", unix_socket=True, hook_types=[TYPE, OTHER_TYPE], tenants=["b"]),
        caller("three", token_sha256=WRONG),
    )
    assert who.names == ("one", "two")
    assert [may(who, TYPE, "a"), may(who, TYPE, "b"), may(who, OTHER_TYPE, "b")] == [True] * 3
    assert not may(who, OTHER_TYPE, "a")


def test_a_refused_call_says_who_it_was_and_what_to_do() -> None:
    peer = Peer(token_sha256=RIGHT)
    who = rights(peer, caller(token_sha256=RIGHT, hook_types=[TYPE], tenants=["acme"]))
    by_type = refused_call(who, peer, hook_type=OTHER_TYPE, tenant="acme")
    assert by_type.reason == "CALLER_FORBIDDEN"
    assert "caller 'chat' may not call hook type 'tool_pre_invoke';" in by_type.message
    assert "callers[chat].hook_types" in by_type.message
    assert by_type.metadata == {
        "hook_type": OTHER_TYPE,
        "tenant": "acme",
        "caller": "chat",
        "identity": "on TCP, a token, no certificate",
    }
    by_tenant = refused_call(who, peer, hook_type=TYPE, tenant="other")
    assert "may not call hook type 'component_pre_execute' for tenant 'other'" in by_tenant.message
    assert "callers[chat].tenants" in by_tenant.message
    without = refused_call(who, peer, hook_type=TYPE, tenant="")
    assert "hook type 'component_pre_execute' without a tenant;" in without.message


def test_a_refused_call_names_every_caller_that_the_peer_is() -> None:
    peer = Peer(token_sha256=RIGHT)
    who = rights(
        peer,
        caller("one", token_sha256=RIGHT, hook_types=[]),
        caller("two", token_sha256=RIGHT, hook_types=[]),
    )
    refusal = refused_call(who, peer, hook_type=TYPE, tenant="")
    assert refusal.message.startswith("caller 'one', 'two' may not call")
    assert refusal.metadata["caller"] == "one, two"


@pytest.mark.parametrize(
    ("peer", "identity"),
    [
        (STRANGER, "on TCP, no token, no certificate"),
        (Peer(is_on_socket=True), "on the Unix socket, user id unknown, no token, no certificate"),
        (
            Peer(is_on_socket=True, uid=0, token_sha256=WRONG),
            "on the Unix socket, user id 0, a token, no certificate",
        ),
    ],
)
def test_a_refusal_says_what_the_peer_showed(peer: Peer, identity: str) -> None:
    nobody = rights(peer)
    for failure in (
        refused_call(nobody, peer, hook_type=TYPE, tenant=""),
        refused_scope(nobody, peer),
    ):
        assert f"({identity})" in failure.message
        assert (failure.metadata["caller"], failure.metadata["identity"]) == ("", identity)


def test_a_stranger_is_told_what_it_showed_and_never_the_token() -> None:
    peer = Peer(
        uid=7,
        is_on_socket=True,
        token_sha256=WRONG,
        certificate=Certificate(uris=frozenset({"spiffe://x/y"}), has_alternative_names=True),
    )
    for failure in (
        refused_call(rights(peer), peer, hook_type="t" * 1000, tenant="n" * 1000),
        refused_scope(rights(peer), peer),
    ):
        assert failure.reason == "CALLER_FORBIDDEN"
        assert "none of the configured callers" in failure.message
        assert "user id 7, a token, the certificate of 'spiffe://x/y'" in failure.message
        assert "add this client under callers" in failure.message
        assert WRONG not in str(failure)
        assert len(failure.message) < 1024
        assert all(len(text) <= 256 for text in failure.metadata.values())


def test_a_caller_sees_the_list_without_what_it_may_not_call() -> None:
    config = a_config(callers=(caller(token_sha256=RIGHT, hook_types=[TYPE]),))
    sidecar = Scripted(config).attach("one", a_hook(hook_type=TYPE), a_hook(hook_type=OTHER_TYPE))
    whole = sidecar.registry.hook_list()
    seen = sidecar.registry.callers.rights(Peer(token_sha256=RIGHT)).sees(whole)
    assert list(seen.types) == [TYPE]
    assert seen.types[TYPE] is whole.types[TYPE]
    assert (seen.filtered, seen.version, seen.complete) == (True, whole.version, True)
    nothing = sidecar.registry.callers.rights(STRANGER).sees(whole)
    assert (dict(nothing.types), nothing.filtered) == ({}, True)
    assert not whole.filtered
    assert Scripted().registry.callers.rights(STRANGER).sees(whole) is whole


def test_a_caller_with_tenants_sees_their_scopes_alone_and_makes_every_call() -> None:
    config = a_config(callers=(caller(token_sha256=RIGHT, tenants=["acme"]),))
    sidecar = Scripted(config)
    for tenant in ("acme", "other"):
        manifest = a_manifest(a_hook(scope="beta"), worker=f"of_{tenant}", tenant=tenant)
        sidecar.apply(transitions.attached(sidecar.registry, tenant, manifest))
    who = sidecar.registry.callers.rights(Peer(token_sha256=RIGHT))
    seen = who.sees(sidecar.registry.hook_list())
    assert seen.types[TYPE].scopes == {ScopeName("acme", "beta")}
    assert seen.types[OTHER_TYPE].has_hooks


def test_other_callers_make_another_version_of_the_list() -> None:
    sidecar = Scripted()
    before = sidecar.registry.list_version
    callers = (caller(unix_socket=True),)
    sidecar.apply(transitions.configured(sidecar.registry, a_config(callers=callers)))
    after = sidecar.registry.list_version
    assert after == before + 1
    assert not sidecar.registry.callers.is_open
    assert may(sidecar.registry.callers.rights(Peer(is_on_socket=True)))
    assert not may(sidecar.registry.callers.rights(STRANGER))
    sidecar.apply(transitions.configured(sidecar.registry, a_config(callers=callers)))
    assert sidecar.registry.list_version == after
