"""What the log is told of each change: the event, how loud it is, and every field of it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from sidehook._manifest import ErrorPolicy
from sidehook._run import Notice
from sidehook._types import FailureClass, Mode, OnError
from sidehook_server.config.model import HookConfig, OnDowngrade, WorkerConfig
from sidehook_server.registry import transitions
from sidehook_server.registry.effects import (
    AnnounceActive,
    Level,
    ListChanged,
    Log,
    Refuse,
    TellWorker,
)
from sidehook_server.registry.identity import Peer
from tests.unit.registry.scripted import (
    IGNORE,
    OTHER_TYPE,
    TYPE,
    Scripted,
    a_config,
    a_hook,
    a_manifest,
)

LINK = {"worker": "w", "instance": "host-7", "link": "one"}


def told(sidecar: Scripted) -> list[tuple[Level, str, Mapping[str, str]]]:
    return [(log.level, log.event, dict(log.fields)) for log in sidecar.effects(Log)]


def attached(*names: str) -> Scripted:
    return Scripted().attach("one", *map(a_hook, names), instance="host-7")


def test_a_worker_that_attached_is_logged_with_its_hooks_in_order() -> None:
    hooks = (a_hook("b"), a_hook("a"), a_hook("c", OTHER_TYPE))
    sidecar = Scripted().attach("one", *hooks, instance="host-7")
    names = f"a ({TYPE}), b ({TYPE}), c ({OTHER_TYPE})"
    assert told(sidecar) == [(Level.INFO, "worker_attached", {**LINK, "hooks": names})]


def test_a_worker_that_declares_itself_anew_is_logged_with_its_hooks() -> None:
    sidecar = attached("a").remanifest("one", a_hook("a"), a_hook("b"))
    fields = {**LINK, "instance": "", "hooks": f"a ({TYPE}), b ({TYPE})"}
    assert told(sidecar) == [(Level.INFO, "worker_declared_anew", fields)]


def test_a_goodbye_is_logged_with_the_hooks_that_it_leaves_unreachable() -> None:
    sidecar = attached("b", "a").goodbye("one")
    left = {"worker": "w", "hooks": f"a ({TYPE}), b ({TYPE})"}
    assert told(sidecar) == [
        (Level.WARNING, "hooks_unreachable", left),
        (Level.INFO, "worker_draining", LINK),
    ]
    assert sidecar.goodbye("one").last.effects == ()


def test_a_lost_connection_is_logged() -> None:
    sidecar = attached("a").goodbye("one").detach("one")
    assert told(sidecar) == [(Level.INFO, "worker_detached", LINK)]


def test_a_link_that_is_not_well_is_a_warning_and_one_that_is_well_again_is_none() -> None:
    sidecar = attached("a").health("one", is_healthy=False)
    hooks = {"worker": "w", "hooks": f"a ({TYPE})"}
    assert told(sidecar) == [
        (Level.WARNING, "hooks_unreachable", hooks),
        (Level.WARNING, "worker_unhealthy", LINK),
    ]
    assert told(sidecar.health("one", is_healthy=True)) == [
        (Level.INFO, "hooks_reachable", hooks),
        (Level.INFO, "worker_healthy", LINK),
    ]
    assert sidecar.health("one", is_healthy=True).last.effects == ()


def test_only_the_hooks_whose_reach_changed_are_named() -> None:
    sidecar = Scripted().attach("one", a_hook("a"), a_hook("b")).attach("two", a_hook("b"))
    (log,) = (it for it in sidecar.goodbye("one").effects(Log) if it.event == "hooks_unreachable")
    assert log.fields["hooks"] == f"a ({TYPE})"
    sidecar.attach("three", a_hook("a"), a_hook("b"))
    (log,) = (it for it in sidecar.effects(Log) if it.event == "hooks_reachable")
    assert log.fields["hooks"] == f"a ({TYPE})"
    assert "hooks_reachable" not in Scripted().attach("one", a_hook()).events()


def test_a_refused_registration_is_logged_with_every_problem() -> None:
    sidecar = Scripted().attach("one", a_hook(hook_type=""), a_hook("a", timeout=0.0))
    refuse, log = sidecar.last.effects
    assert isinstance(refuse, Refuse)
    assert len(refuse.problems) == 2
    assert log == Log(
        Level.WARNING,
        "registration_refused",
        {
            "worker": "w",
            "link": "one",
            "reason": "INVALID_MANIFEST",
            "problems": "; ".join(refuse.problems),
        },
    )


def test_a_refused_retirement_is_logged_without_a_link() -> None:
    sidecar = attached("a").retire("w")
    assert sidecar.last.refusal is not None
    problems = "; ".join(sidecar.last.refusal.problems)
    fields = {"worker": "w", "link": "", "reason": "HOOK_IN_USE", "problems": problems}
    assert told(sidecar) == [(Level.WARNING, "registration_refused", fields)]


def test_a_retired_hook_is_logged_by_name() -> None:
    sidecar = attached("b", "a", "c").detach("one").retire("w")
    names = f"a ({TYPE}), b ({TYPE}), c ({TYPE})"
    fields = {"worker": "w", "hooks": names}
    assert told(sidecar) == [(Level.WARNING, "hooks_left_plan", fields)]


def test_terms_that_changed_are_logged_for_each_hook() -> None:
    word = HookConfig(name="a", priority=7)
    config = a_config(WorkerConfig(name="w", hooks=(word,)), source="/etc/sidehook.yaml")
    sidecar = attached("a", "b").configure(config)
    fields = {"worker": "w", "hook": "a", "hook_type": TYPE}
    assert told(sidecar) == [
        (Level.INFO, "hook_terms_changed", fields),
        (Level.INFO, "configuration_applied", {"source": "/etc/sidehook.yaml"}),
    ]


def test_a_hook_that_was_weakened_is_a_warning_with_everything_it_lost() -> None:
    sidecar = Scripted(a_config(on_downgrade=OnDowngrade.ACCEPT))
    sidecar.attach("one", a_hook(), instance="host-7").remanifest(
        "one", a_hook(mode=Mode.AUDIT, on_error=IGNORE)
    )
    level, event, fields = told(sidecar)[0]
    assert (level, event) == (Level.WARNING, "hook_weakened")
    assert fields == {
        "worker": "w",
        "hook": "guard",
        "hook_type": TYPE,
        "losses": "mode sequential -> audit can no longer block or modify; on_error fail -> ignore",
    }


def test_a_refused_downgrade_is_logged_and_told_to_the_worker_alone() -> None:
    sidecar = attached("guard").attach(
        "two", a_hook(mode=Mode.AUDIT, on_error=IGNORE), instance="host-8"
    )
    version = sidecar.registry.list_version
    lost = "mode sequential -> audit can no longer block or modify; on_error fail -> ignore"
    link = {"worker": "w", "instance": "host-8", "link": "two"}
    assert sidecar.last.effects == (
        Log(Level.INFO, "worker_attached", {**link, "hooks": f"guard ({TYPE})"}),
        Log(Level.WARNING, "downgrade_refused", {**link, "hook": "guard", "losses": lost}),
        TellWorker(
            "two",
            Notice(
                code="DOWNGRADE_REFUSED",
                hook="guard",
                message=f"this manifest weakens w/guard ({lost}); the old terms stay in force and "
                "this instance gets no runs of the hook; declare the old terms, or have the "
                "operator set on_downgrade: accept or retire the hook",
            ),
        ),
        AnnounceActive("two", version),
    )


def test_terms_that_only_differ_are_logged_as_waiting_and_the_others_after_them_too() -> None:
    sidecar = attached("a", "b", "c").attach(
        "two", a_hook("a", priority=1), a_hook("b"), a_hook("c", priority=1), instance="host-8"
    )
    link = {"worker": "w", "instance": "host-8", "link": "two"}
    assert told(sidecar)[1:] == [
        (Level.INFO, "hook_terms_wait", {**link, "hook": "a"}),
        (Level.INFO, "hook_terms_wait", {**link, "hook": "c"}),
    ]


def test_a_process_that_lost_its_name_is_logged_as_a_refused_registration() -> None:
    sidecar = Scripted().attach("one", a_hook(), peer=Peer(uid=7))
    sidecar.configure(a_config(WorkerConfig(name="w", uid=8)))
    (log,) = (it for it in sidecar.effects(Log) if it.event == "registration_refused")
    assert (log.fields["worker"], log.fields["link"]) == ("w", "one")
    assert log.fields["reason"] == "WORKER_IDENTITY"


@pytest.mark.parametrize("kind", list(FailureClass))
def test_each_class_of_failures_that_is_let_through_is_named(kind: FailureClass) -> None:
    policy = ErrorPolicy(default=OnError.FAIL, overrides={kind: OnError.DISABLE})
    sidecar = attached("guard").attach("two", a_hook(on_error=policy))
    (log,) = (it for it in sidecar.effects(Log) if it.event == "downgrade_refused")
    assert log.fields["losses"] == f"on_error fail -> disable for {kind.value}"


def test_what_comes_back_from_before_a_restart_changes_the_list_once() -> None:
    sidecar = attached("a").restarted()
    assert sidecar.last.effects == (ListChanged(sidecar.registry.list_version),)
    again = transitions.restored(sidecar.registry, sidecar.registry.kept())
    assert again.effects == ()


def test_a_manifest_without_an_instance_is_logged_with_an_empty_one() -> None:
    sidecar = Scripted()
    sidecar.apply(transitions.attached(sidecar.registry, "one", a_manifest(a_hook("a"))))
    assert told(sidecar)[0][2]["instance"] == ""


def test_a_hook_whose_terms_changed_is_logged_whatever_became_of_those_before_it() -> None:
    word = HookConfig(name="b", priority=7)
    sidecar = attached("a", "b").configure(a_config(WorkerConfig(name="w", hooks=(word,))))
    assert told(sidecar)[0] == (
        Level.INFO,
        "hook_terms_changed",
        {"worker": "w", "hook": "b", "hook_type": TYPE},
    )
    sidecar = Scripted(a_config(dev=True)).attach("one", a_hook("a"))
    sidecar.remanifest("one", a_hook("new"), a_hook("a", priority=7))
    assert sidecar.events() == ["hook_terms_changed", "worker_declared_anew"]


def test_a_hook_that_nobody_serves_from_the_beginning_is_logged_as_unreachable() -> None:
    sidecar = attached("a").health("one", is_healthy=False).remanifest("one", a_hook("b"))
    assert told(sidecar)[0] == (
        Level.WARNING,
        "hooks_unreachable",
        {"worker": "w", "hooks": f"b ({TYPE})"},
    )
    assert sidecar.events() == ["hooks_unreachable", "worker_declared_anew"]


def test_a_refused_manifest_is_logged_with_the_link_that_it_came_over() -> None:
    sidecar = attached("a").remanifest("one", a_hook(hook_type=""))
    (log,) = sidecar.effects(Log)
    assert (log.fields["worker"], log.fields["link"]) == ("w", "one")
    scope = Scripted().attach("app", a_hook(), worker="app", scope_handle="h1")
    (log,) = scope.remanifest("app", a_hook(hook_type=""), worker="app").effects(Log)
    assert (log.fields["worker"], log.fields["link"]) == ("app", "app")
