from dataclasses import replace

import pytest

from sidehook import UnknownHookTypeError
from sidehook._hook_list import HookList, HookTypeStatus, ScopeName, WatchResponse
from sidehook._live_list import LiveList


def hook_list(
    version: int = 1,
    *,
    complete: bool = True,
    undeclared_types_allowed: bool = False,
    scopes: frozenset[ScopeName] = frozenset(),
    **types: bool,
) -> HookList:
    return HookList(
        version=version,
        complete=complete,
        undeclared_types_allowed=undeclared_types_allowed,
        types={
            name: HookTypeStatus(hook_type=name, has_hooks=has_hooks, scopes=scopes)
            for name, has_hooks in types.items()
        },
    )


def held(content: HookList, *, sent: float = 100.0, lease: float = 2.0) -> LiveList:
    """A live list whose probe was sent at `sent` and answered with `content`."""
    live = LiveList()
    probe = live.probe(sent)
    live.apply(
        WatchResponse(probe=probe.probe, version=content.version, lease=lease, hook_list=content)
    )
    return live


def test_an_unknown_list_never_says_that_nobody_listens() -> None:
    assert LiveList().has_hooks("any", 0.0)


def test_a_complete_list_inside_its_lease_says_who_listens() -> None:
    live = held(hook_list(quiet=False, loud=True))
    assert not live.has_hooks("quiet", 101.0)
    assert live.has_hooks("loud", 101.0)


def test_an_incomplete_list_never_says_that_nobody_listens() -> None:
    live = held(hook_list(complete=False, quiet=False))
    assert live.has_hooks("quiet", 101.0)
    assert live.has_hooks("not_declared", 101.0)


def test_the_lease_runs_from_the_moment_its_probe_was_sent() -> None:
    live = held(hook_list(quiet=False), sent=100.0, lease=2.0)
    assert not live.has_hooks("quiet", 101.999)
    assert live.has_hooks("quiet", 102.0)


def test_an_answer_to_an_old_probe_extends_the_lease_from_that_old_probe_only() -> None:
    live = held(hook_list(quiet=False), sent=100.0)
    first = live.probe(101.0)
    live.probe(105.0)
    live.apply(WatchResponse(probe=first.probe, version=1, lease=2.0))
    assert not live.has_hooks("quiet", 102.9)
    assert live.has_hooks("quiet", 103.1)


def test_an_answer_to_a_probe_never_sent_gives_no_lease() -> None:
    live = LiveList()
    live.apply(WatchResponse(probe=7, version=1, lease=99.0, hook_list=hook_list(quiet=False)))
    assert live.has_hooks("quiet", 0.0)


def test_another_version_in_force_than_the_one_held_ends_the_lease_at_once() -> None:
    live = held(hook_list(quiet=False), sent=100.0)
    probe = live.probe(100.5)
    live.apply(WatchResponse(probe=probe.probe, version=2, lease=2.0))
    assert live.has_hooks("quiet", 100.6)


def test_a_new_list_is_to_be_acknowledged_and_the_next_probe_does() -> None:
    live = LiveList()
    probe = live.probe(100.0)
    assert probe.applied_version == 0
    fresh = live.apply(
        WatchResponse(probe=probe.probe, version=3, lease=2.0, hook_list=hook_list(3, a=False))
    )
    assert fresh
    following = live.probe(100.1)
    assert following.applied_version == 3
    assert not live.apply(WatchResponse(probe=following.probe, version=3, lease=2.0))


def test_probes_count_up() -> None:
    live = LiveList()
    assert [live.probe(0.0).probe for _ in range(3)] == [1, 2, 3]


def test_a_lost_connection_forgets_the_list_even_inside_its_lease() -> None:
    live = held(hook_list(quiet=False), sent=100.0)
    live.lost()
    assert live.has_hooks("quiet", 100.1)
    assert live.probe(100.2).applied_version == 0


def test_an_undeclared_type_is_refused_by_name() -> None:
    live = held(hook_list(quiet=False))
    with pytest.raises(UnknownHookTypeError, match="'typo' is not declared") as caught:
        live.has_hooks("typo", 101.0)
    assert caught.value.hook_type == "typo"
    assert caught.value.reason == "UNKNOWN_HOOK_TYPE"


def test_an_undeclared_type_is_not_refused_on_a_list_past_its_lease() -> None:
    assert held(hook_list(quiet=False)).has_hooks("typo", 200.0)


def test_an_undeclared_type_has_no_hooks_where_undeclared_types_are_allowed() -> None:
    live = held(hook_list(undeclared_types_allowed=True, quiet=False))
    assert not live.has_hooks("custom", 101.0)


def test_a_scope_has_hooks_for_its_own_tenant_only() -> None:
    live = held(hook_list(quiet=False, scopes=frozenset({ScopeName("acme", "guardrails")})))
    assert live.has_hooks("quiet", 101.0, tenant="acme", scopes=["other", "guardrails"])
    assert not live.has_hooks("quiet", 101.0, tenant="", scopes=["guardrails"])
    assert not live.has_hooks("quiet", 101.0, tenant="acme", scopes=["other"])


def test_probes_come_several_times_within_a_lease() -> None:
    assert held(hook_list(a=False), lease=2.0).renewal < 1.0
    assert 0.0 < held(hook_list(a=False), lease=0.001).renewal <= 0.1
    assert LiveList().renewal > 0.0


def test_probes_without_answers_do_not_pile_up() -> None:
    live = held(hook_list(quiet=False), sent=0.0)
    last = [live.probe(float(second)) for second in range(1000)][-1]
    live.apply(WatchResponse(probe=last.probe, version=1, lease=2.0))
    assert not live.has_hooks("quiet", 1000.0)
    live.apply(WatchResponse(probe=2, version=1, lease=2000.0))
    assert live.has_hooks("quiet", 1000.0), "a probe that was forgotten gives no lease"


def test_what_a_list_of_its_own_leaves_out_is_asked_for() -> None:
    own = replace(hook_list(quiet=False), filtered=True)
    assert not held(own).has_hooks("quiet", 101.0)
    assert held(own).has_hooks("left_out", 101.0)
    assert held(replace(own, undeclared_types_allowed=True)).has_hooks("left_out", 101.0)
