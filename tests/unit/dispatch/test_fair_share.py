"""How much of the sidecar a tenant may have."""

from __future__ import annotations

from sidehook._call import CallContext, CallFailure, CallRequest
from sidehook_server.dispatch.fair_share import FairShare, Refusal
from sidehook_server.pipeline.load import LoadLimits
from tests.unit.dispatch.fakes import Bench, FakeCall, a_hook


def let_in(shares: FairShare, tenant: str, count: int, *, limit: int = 100) -> int:
    """How many of so many calls of the tenant were let in."""
    entered = 0
    for _ in range(count):
        if shares.refusal(tenant, limit=limit, now=0.0) is None:
            shares.enter(tenant)
            entered += 1
    return entered


def test_one_tenant_alone_may_have_everything() -> None:
    shares = FairShare()
    assert let_in(shares, "a", 120) == 100
    assert shares.refusal("a", limit=100, now=0.0) is Refusal.LIMIT


def test_below_half_of_the_limit_nobody_is_asked() -> None:
    shares = FairShare()
    let_in(shares, "b", 1)
    assert let_in(shares, "a", 49) == 49


def test_above_half_a_tenant_has_its_share_while_another_has_calls_under_way() -> None:
    shares = FairShare()
    let_in(shares, "b", 1)
    assert let_in(shares, "a", 100) == 50
    assert shares.refusal("a", limit=100, now=0.0) is Refusal.SHARE
    assert let_in(shares, "b", 100) == 49


def test_a_tenant_that_was_refused_lately_counts_until_it_has_not_come_back_for_a_while() -> None:
    shares = FairShare()
    let_in(shares, "a", 100)
    assert shares.refusal("b", limit=100, now=0.0) is Refusal.LIMIT
    for _ in range(40):
        shares.leave("a")
    assert shares.refusal("a", limit=100, now=0.5) is Refusal.SHARE
    assert shares.refusal("a", limit=100, now=1.5) is None


def test_a_tenant_without_a_call_always_gets_one_below_the_limit() -> None:
    shares = FairShare()
    for number in range(99):
        assert let_in(shares, f"t{number}", 1) == 1
    assert let_in(shares, "late", 2) == 1


def test_what_a_tenant_held_is_given_back() -> None:
    shares = FairShare()
    let_in(shares, "a", 10)
    for _ in range(10):
        shares.leave("a")
    assert (shares.tenants, shares.held_by("a")) == (0, 0)


def test_made_up_tenants_are_not_remembered_without_end() -> None:
    shares = FairShare()
    let_in(shares, "a", 100)
    for number in range(5000):
        assert shares.refusal(f"made-up-{number}", limit=100, now=0.0) is Refusal.LIMIT
    for _ in range(100):
        shares.leave("a")
    assert let_in(shares, "a", 60) == 50
    assert let_in(shares, "b", 60, limit=100) == 1


def a_call(bench: Bench, tenant: str) -> FakeCall:
    context = CallContext(tenant=tenant)
    return bench.call(CallRequest(hook_type="t", fields={}, context=context))


def test_a_refusal_says_whether_it_was_the_limit_or_the_tenant_s_share() -> None:
    bench = Bench(a_hook("h"), load=LoadLimits(calls=4))
    a_call(bench, "b")
    for _ in range(2):
        a_call(bench, "a")
    share = a_call(bench, "a").answer.outcome
    a_call(bench, "b")
    limit = a_call(bench, "b").answer.outcome
    assert isinstance(share, CallFailure)
    assert isinstance(limit, CallFailure)
    assert (share.reason, limit.reason) == ("OVERLOADED", "OVERLOADED")
    assert share.metadata == {"cause": "share", "limit": "4"}
    assert "2 calls of tenant 'a' are under way, its share" in share.message
    assert limit.metadata == {"cause": "limit", "limit": "4"}
    assert "4 calls are under way, the limit" in limit.message
    assert bench.seen.calls_refused == [Refusal.SHARE, Refusal.LIMIT]
    assert not share.started


def test_the_limit_may_change_while_calls_are_under_way() -> None:
    bench = Bench(a_hook("h"), load=LoadLimits(calls=1))
    a_call(bench, "a")
    assert a_call(bench, "a").reason == "OVERLOADED"
    bench.registry.settings = bench.registry.settings.__class__(load=LoadLimits(calls=2))
    assert not a_call(bench, "a").answered
