"""Rule 22: named scopes, and scopes that applications serve themselves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sidehook._manifest import WorkerManifest
from sidehook_server.config.model import WorkerConfig
from sidehook_server.registry import transitions
from sidehook_server.registry.identity import Peer
from sidehook_server.registry.scopes import MAX_GONE_HANDLES, Attachment, ScopeBook
from tests.unit.registry.scripted import OTHER_TYPE, TYPE, Scripted, a_config, a_hook, a_manifest


def a_scope(sidecar: Scripted | None = None, handle: str = "h1", link: str = "app") -> Scripted:
    sidecar = sidecar or Scripted()
    return sidecar.attach(link, a_hook("own"), worker="app", scope_handle=handle)


def test_a_scope_that_no_hook_is_in_is_unknown() -> None:
    registry = Scripted().attach("one", a_hook(scope="inner")).registry
    assert registry.unknown_scopes("", ("inner", "outer")) == ("outer",)
    assert registry.unknown_scopes("acme", ("inner",)) == ("inner",)


def test_a_scope_known_for_another_type_is_known() -> None:
    registry = Scripted().attach("one", a_hook(hook_type=OTHER_TYPE, scope="inner")).registry
    assert registry.unknown_scopes("", ("inner",)) == ()


def test_strictness_about_scopes_is_the_operators_choice() -> None:
    assert not Scripted().registry.strict_scopes
    assert Scripted(a_config(strict_scopes=True)).registry.strict_scopes


def test_the_hooks_of_a_handle_are_found_by_it_and_served_by_its_connection() -> None:
    registry = a_scope().registry
    hooks = registry.scope_hooks("h1", TYPE)
    assert hooks is not None
    assert [(hook.path, hook.handle) for hook in hooks] == [("app/own", "h1")]
    assert registry.candidates(hooks[0]) == ("app",)
    assert registry.scope_hooks("h1", OTHER_TYPE) == ()


def test_the_hooks_of_a_handle_have_no_terms_but_their_own() -> None:
    sidecar = a_scope()
    (hook,) = sidecar.registry.scope_hooks("h1", TYPE) or ()
    assert sidecar.goodbye("app").registry.is_in_force(hook)
    assert sidecar.detach("app").registry.is_in_force(hook)


def test_hooks_of_an_unknown_handle_or_worker_are_served_by_nobody() -> None:
    sidecar = a_scope()
    hooks = sidecar.registry.scope_hooks("h1", TYPE)
    assert hooks is not None
    assert Scripted().registry.candidates(hooks[0]) == ()
    assert Scripted().registry.candidates(replace(hooks[0], handle=None)) == ()


def test_an_unknown_handle_is_told_from_one_without_hooks() -> None:
    assert Scripted().registry.scope_hooks("never minted", TYPE) is None


def test_a_scope_changes_no_plan_no_list_and_nothing_that_is_kept() -> None:
    sidecar = Scripted().attach("one", a_hook())
    before = sidecar.registry
    a_scope(sidecar)
    assert sidecar.last.effects == ()
    assert sidecar.registry.plans is before.plans
    assert sidecar.registry.statuses is before.statuses
    assert sidecar.registry.generation == before.generation
    assert sidecar.registry.list_version == before.list_version
    assert sidecar.registry.kept() == before.kept()


def test_two_handles_never_share_hooks() -> None:
    sidecar = a_scope(a_scope(), "h2", "app2")
    one = sidecar.registry.scope_hooks("h1", TYPE)
    two = sidecar.registry.scope_hooks("h2", TYPE)
    assert one is not None
    assert two is not None
    assert sidecar.registry.candidates(one[0]) == ("app",)
    assert sidecar.registry.candidates(two[0]) == ("app2",)


@pytest.mark.parametrize("gone", ["detach", "goodbye", "unhealthy"])
def test_the_hooks_of_a_handle_that_is_gone_are_unreachable_and_not_forgotten(gone: str) -> None:
    sidecar = a_scope()
    if gone == "unhealthy":
        sidecar.health("app", is_healthy=False)
    else:
        getattr(sidecar, gone)("app")
    hooks = sidecar.registry.scope_hooks("h1", TYPE)
    assert hooks is not None
    assert sidecar.registry.candidates(hooks[0]) == ()


def test_only_the_newest_handles_that_are_gone_are_remembered() -> None:
    last = Attachment(handle="last", link_id="app", worker="w", hooks={})
    gone = [replace(last, handle=f"h{number}", link_id=None) for number in range(MAX_GONE_HANDLES)]
    full = ScopeBook(gone={attachment.handle: attachment for attachment in gone})
    book = full.with_attachment(last).without_link("app")
    assert len(book.gone) == MAX_GONE_HANDLES
    assert book.attachment("h0") is None
    assert book.attachment("h1") is not None
    assert book.attachment("last") is not None


def test_a_scope_may_declare_other_hooks_on_its_connection() -> None:
    sidecar = a_scope().remanifest("app", a_hook("other"), worker="app")
    hooks = sidecar.registry.scope_hooks("h1", TYPE)
    assert hooks is not None
    assert [(hook.name, hook.handle) for hook in hooks] == [("other", "h1")]
    assert "app" not in sidecar.registry.workers


def test_a_scope_with_a_bad_manifest_is_refused() -> None:
    sidecar = Scripted().attach("app", a_hook(scope="inner"), scope_handle="h1")
    assert sidecar.problems() == (
        "worker 'w', hook 'guard', field scope: hooks that a scope handle names have no other "
        "scope; leave it out",
    )
    assert sidecar.registry.scope_hooks("h1", TYPE) is None


def test_a_scope_may_not_take_a_name_that_is_bound_to_another_user() -> None:
    sidecar = Scripted(a_config(WorkerConfig(name="w", uid=10, optional=True)))
    sidecar.attach("app", a_hook(), scope_handle="h1", peer=Peer(uid=11))
    assert "bound to user id 10" in sidecar.problems()[0]


def test_a_scope_is_no_sign_of_life_of_a_worker_of_that_name() -> None:
    sidecar = Scripted(a_config(WorkerConfig(name="w"))).attach("a", a_hook(), scope_handle="h1")
    assert sidecar.last.refusal is None
    assert not sidecar.registry.is_ready


def test_a_handle_is_given_once_even_when_its_connection_is_gone() -> None:
    registry = a_scope().detach("app").registry
    with pytest.raises(ValueError, match="one connection only"):
        transitions.attached(registry, "app2", WorkerManifest(worker="app"), scope_handle="h1")


def test_a_link_serves_a_scope_or_a_worker_and_not_both() -> None:
    with pytest.raises(ValueError, match="attached already"):
        transitions.attached(a_scope().registry, "app", a_manifest())


def test_a_connection_that_is_gone_serves_no_scope_any_more() -> None:
    sidecar = a_scope().detach("app")
    before = sidecar.registry
    assert sidecar.detach("app").registry is before
    hooks = a_scope(sidecar, "h2", "app").registry.scope_hooks("h2", TYPE)
    assert hooks is not None
    assert sidecar.registry.candidates(hooks[0]) == ("app",)


def test_the_connections_of_other_scopes_are_known_when_one_is_gone() -> None:
    sidecar = a_scope(a_scope(), "h2", "app2").detach("app")
    hooks = sidecar.registry.scope_hooks("h2", TYPE)
    assert hooks is not None
    assert sidecar.registry.candidates(hooks[0]) == ("app2",)
    assert sidecar.goodbye("app2").registry.candidates(hooks[0]) == ()


def test_a_scope_is_not_put_back_without_its_connection() -> None:
    gone = a_scope().detach("app").registry.scopes.attachment("h1")
    assert gone is not None
    with pytest.raises(ValueError, match="handle 'h1' is given without its link"):
        ScopeBook().with_attachment(gone)


def test_a_scope_that_declares_itself_anew_keeps_its_name_and_its_identity() -> None:
    sidecar = Scripted(a_config(WorkerConfig(name="w", uid=10, optional=True)))
    sidecar.attach("app", a_hook("a"), scope_handle="h1", peer=Peer(uid=10))
    assert sidecar.remanifest("app", a_hook("b")).problems() == ()
    sidecar.remanifest("app", a_hook("b"), worker="v")
    assert "this connection belongs to worker 'w'" in sidecar.problems()[0]
    sidecar.remanifest("app", a_hook("b", scope="inner"))
    assert "hooks that a scope handle names have no other scope" in sidecar.problems()[0]
    hooks = sidecar.registry.scope_hooks("h1", TYPE)
    assert hooks is not None
    assert [hook.name for hook in hooks] == ["b"]


def test_a_scope_declares_the_hooks_of_each_type_in_order() -> None:
    hooks = (a_hook("b"), a_hook("c", OTHER_TYPE), a_hook("a"))
    registry = Scripted().attach("app", *hooks, worker="app", scope_handle="h1").registry
    of_type = registry.scope_hooks("h1", TYPE)
    of_other = registry.scope_hooks("h1", OTHER_TYPE)
    assert of_type is not None
    assert of_other is not None
    assert [hook.path for hook in of_type] == ["app/b", "app/a"]
    assert [hook.path for hook in of_other] == ["app/c"]
    assert {hook.handle for hook in (*of_type, *of_other)} == {"h1"}


def test_a_draining_scope_that_is_well_again_gets_no_runs() -> None:
    sidecar = a_scope().goodbye("app").health("app", is_healthy=True)
    hooks = sidecar.registry.scope_hooks("h1", TYPE)
    assert hooks is not None
    assert sidecar.registry.candidates(hooks[0]) == ()
    well = a_scope().health("app", is_healthy=False).health("app", is_healthy=True)
    hooks = well.registry.scope_hooks("h1", TYPE)
    assert hooks is not None
    assert well.registry.candidates(hooks[0]) == ("app",)
    assert well.last.effects == ()
