from dataclasses import replace

import pytest

from sidehook import UnknownHookTypeError
from sidehook._hook_list import HookList, ScopeName
from sidehook._live_list import NOTHING_HELD, Held, LiveList, unheard_of
from sidehook._merged_list import MergedList
from tests.unit.client.test_live_list import hook_list


def held(known: HookList, until: float = 100.0) -> Held:
    return Held(known, until, unheard_of(known))


def merged(*lists: Held) -> LiveList:
    live = LiveList()
    live.held = MergedList().of(lists)
    return live


def test_of_no_sidecar_nothing_is_known() -> None:
    assert MergedList().of(()) == NOTHING_HELD
    assert merged().has_hooks("any", 0.0)


def test_one_sidecar_s_word_is_its_own() -> None:
    alone = held(hook_list(quiet=False, loud=True))
    assert MergedList().of([alone]) is alone


def test_nobody_listens_only_where_every_sidecar_says_so() -> None:
    one, two = hook_list(a=False, b=False, c=True), hook_list(a=False, b=True, c=True)
    live = merged(held(one), held(two))
    assert not live.has_hooks("a", 0.0)
    assert live.has_hooks("b", 0.0)
    assert live.has_hooks("c", 0.0)
    assert live.held.unheard == {"a"}


def test_a_sidecar_whose_list_is_not_known_or_not_complete_may_have_hooks() -> None:
    quiet = held(hook_list(quiet=False))
    for other in (NOTHING_HELD, held(hook_list(complete=False, quiet=False))):
        live = merged(quiet, other)
        assert live.has_hooks("quiet", 0.0)
        assert live.held.unheard == frozenset()


def test_the_first_lease_to_run_out_ends_it_for_all() -> None:
    live = merged(held(hook_list(quiet=False), 100.0), held(hook_list(quiet=False), 50.0))
    assert not live.has_hooks("quiet", 49.9)
    assert live.has_hooks("quiet", 50.0)


def test_a_renewed_lease_counts_though_no_list_has_changed() -> None:
    together = MergedList()
    lists = [hook_list(quiet=False), hook_list(2, quiet=False)]
    assert together.of([held(each, 50.0) for each in lists]).until == 50.0
    assert together.of([held(each, 60.0) for each in lists]).until == 60.0


def test_a_changed_list_counts_at_once() -> None:
    together = MergedList()
    quiet, loud = hook_list(t=False), hook_list(2, t=True)
    assert together.of([held(quiet), held(quiet)]).unheard == {"t"}
    assert together.of([held(quiet), held(loud)]).unheard == frozenset()


def test_a_type_that_only_one_sidecar_declares_is_not_refused() -> None:
    live = merged(held(hook_list(a=False)), held(hook_list(a=False, fresh=True)))
    assert live.has_hooks("fresh", 0.0)
    with pytest.raises(UnknownHookTypeError):
        live.has_hooks("typo", 0.0)


def test_where_sidecars_disagree_on_undeclared_types_the_one_that_is_asked_says() -> None:
    strict, lax = hook_list(a=False), hook_list(a=False, undeclared_types_allowed=True)
    assert merged(held(strict), held(lax)).has_hooks("custom", 0.0)
    assert not merged(held(lax), held(replace(lax, version=2))).has_hooks("custom", 0.0)


def test_what_one_sidecar_hides_from_this_client_may_have_hooks() -> None:
    hiding = replace(hook_list(a=False), filtered=True)
    live = merged(held(hook_list(a=False, b=False)), held(hiding))
    assert not live.has_hooks("a", 0.0)
    assert live.has_hooks("b", 0.0)
    assert live.has_hooks("in_neither", 0.0)


def test_a_scope_of_any_sidecar_has_hooks() -> None:
    scope = ScopeName("acme", "guardrails")
    live = merged(
        held(hook_list(quiet=False)), held(hook_list(quiet=False, scopes=frozenset({scope})))
    )
    assert live.has_hooks("quiet", 0.0, tenant="acme", scopes=["guardrails"])
    assert not live.has_hooks("quiet", 0.0)
