"""The accountant of the chaos suite: each law is broken once, and must be missed."""

from dataclasses import replace

from tests.chaos.accounting import Account, Evidence, Kill, Outage, account_for
from tests.chaos.hooks import GUARD, NO, PLAN
from tests.chaos.records import BEGAN, ENDED, PROCEEDED, Call, Run

AGAIN, ONCE = "tellers/again", "tellers/once"


def a_call(number: int = 1, *, outcome: str = PROCEEDED, **lines: str) -> Call:
    """A call that went well, but for the lines that are given by the hook's own name."""
    said = {hook.path: "detached" if hook.detached else "proceeded" for hook in PLAN}
    said |= {path: lines.get(path.partition("/")[2], word) for path, word in said.items()}
    return Call(
        marker=f"m{number}",
        text="",
        call_id=f"c{number}",
        began=float(number),
        ended=number + 0.5,
        outcome=outcome,
        reason="",
        back=f"m{number}" if outcome == PROCEEDED else "",
        lines=[[path, word] for path, word in said.items()],
    )


def its_runs(call: Call) -> list[Run]:
    """The runs of all hooks for a call, once each."""
    return [
        Run(hook.path, call.call_id, f"k-{call.call_id}", call.marker, part, call.began, 1)
        for hook in PLAN
        for part in (BEGAN, ENDED)
    ]


def evidence(
    *calls: Call,
    runs: list[Run] | None = None,
    counted: dict[tuple[str, str], str] | None = None,
    kills: tuple[Kill, ...] = (),
    has_journal: bool = True,
) -> Evidence:
    ran = [run for call in calls for run in its_runs(call)] if runs is None else runs
    return Evidence(
        calls=calls,
        runs=ran,
        counted=counted or {},
        kills=kills,
        has_journal=has_journal,
    )


def without(runs: list[Run], hook: str) -> list[Run]:
    return [run for run in runs if run.hook != hook]


def problem(account: Account) -> str:
    """The only problem that there is."""
    (sentence,) = account.problems
    return sentence


def test_calls_that_went_well_break_no_law() -> None:
    account = account_for(evidence(a_call(1), a_call(2)))
    assert account.problems == ()
    assert (account.detached.accepted, account.detached.delivered) == (4, 4)


def test_a_call_that_proceeded_without_its_guard_is_found() -> None:
    call = a_call()
    runs = without(its_runs(call), GUARD)
    problems = account_for(evidence(call, runs=runs)).problems
    assert f"call m1 proceeded, and {GUARD} had not run" in problems


def test_a_guard_that_ran_after_the_answer_is_no_guard() -> None:
    call = a_call()
    late = [replace(run, at=9.0) if run.hook == GUARD else run for run in its_runs(call)]
    problems = account_for(evidence(call, runs=late)).problems
    assert f"call m1 proceeded, and {GUARD} had not run" in problems


def test_a_call_that_proceeded_past_a_block_is_found() -> None:
    call = a_call(left="blocked")
    assert problem(account_for(evidence(call))).startswith("call m1 proceeded with ")


def test_a_call_that_was_to_be_blocked_and_proceeded_is_found() -> None:
    call = replace(a_call(), text=NO)
    assert problem(account_for(evidence(call))) == "call m1 proceeded, and was to be blocked"


def test_a_receipt_without_a_hook_of_the_plan_is_found() -> None:
    call = a_call()
    short = replace(call, lines=call.lines[:-1])
    assert problem(account_for(evidence(short))).startswith("the receipt of m1 (proceeded) has ")


def test_a_failure_may_come_without_lines_and_a_verdict_may_not() -> None:
    failed = replace(a_call(outcome="failed"), lines=[])
    assert account_for(evidence(failed, runs=[])).problems == ()
    blocked = replace(failed, outcome="blocked")
    assert account_for(evidence(blocked, runs=[])).problems != ()


def test_a_line_that_says_a_hook_ran_is_held_against_the_ledger() -> None:
    call = a_call()
    runs = without(its_runs(call), "watchers/left")
    assert problem(account_for(evidence(call, runs=runs))) == (
        "the receipt of m1 says watchers/left proceeded, and it never ran"
    )


def test_the_answer_of_another_call_is_found() -> None:
    call = replace(a_call(), back="m7")
    assert problem(account_for(evidence(call))) == "call m1 got the answer of 'm7'"


def test_a_hook_that_saw_the_payload_of_another_call_is_found() -> None:
    call = a_call()
    other = [
        replace(run, marker="m7") if run.hook == "watchers/watch" else run for run in its_runs(call)
    ]
    assert problem(account_for(evidence(call, runs=other))) == (
        "watchers/watch ran for m1 and saw m7"
    )


def test_only_an_idempotent_hook_may_run_twice_for_one_call() -> None:
    call = a_call()
    again = [run for run in its_runs(call) if run.hook == AGAIN]
    assert account_for(evidence(call, runs=its_runs(call) + again)).problems == ()
    once = [run for run in its_runs(call) if run.hook == ONCE and run.part == BEGAN]
    assert problem(account_for(evidence(call, runs=its_runs(call) + once))) == (
        f"{ONCE} is not idempotent and ran 2 times for call id c1"
    )


def test_a_second_run_under_another_call_id_is_found_too() -> None:
    call = a_call()
    hidden = Run(GUARD, "c9", "k9", "m1", BEGAN, 1.0, 1)
    assert problem(account_for(evidence(call, runs=[*its_runs(call), hidden]))) == (
        f"{GUARD} is not idempotent and ran for call m1 under 2 call ids"
    )


def test_runs_of_one_event_under_two_keys_are_found() -> None:
    call = a_call()
    other = Run(AGAIN, "c1", "another", "m1", BEGAN, 2.0, 1)
    assert problem(account_for(evidence(call, runs=[*its_runs(call), other]))) == (
        f"{AGAIN} ran for call id c1 under 2 idempotency keys"
    )


def test_with_a_journal_no_accepted_event_may_be_lost() -> None:
    call = a_call()
    for hook in (AGAIN, ONCE):
        account = account_for(evidence(call, runs=without(its_runs(call), hook)))
        assert problem(account) == f"the event of m1 for {hook} was accepted and is lost"


def test_an_idempotent_event_counts_as_delivered_only_when_it_was_handled_to_its_end() -> None:
    call = a_call()
    begun = [run for run in its_runs(call) if not (run.hook == AGAIN and run.part == ENDED)]
    assert problem(account_for(evidence(call, runs=begun))) == (
        f"the event of m1 for {AGAIN} was accepted and is lost"
    )


def test_what_may_have_run_may_be_counted_as_unknown_and_what_may_be_repeated_may_not() -> None:
    call = a_call()
    runs = [run for run in its_runs(call) if run.hook not in (AGAIN, ONCE)]
    counted = {(hook, "c1"): "unknown" for hook in (AGAIN, ONCE)}
    account = account_for(evidence(call, runs=runs, counted=counted))
    assert account.detached.counted == {"unknown": 1}
    assert problem(account) == f"the event of m1 for {AGAIN} was accepted and is lost"


def test_an_event_that_expired_is_no_explanation() -> None:
    call = a_call()
    runs = without(its_runs(call), ONCE)
    account = account_for(evidence(call, runs=runs, counted={(ONCE, "c1"): "expired"}))
    assert problem(account) == "1 accepted events are counted as lost: expired"


def test_without_a_journal_at_most_what_was_queued_at_the_kill_is_lost() -> None:
    calls = (a_call(1), a_call(2))
    runs = [run for call in calls for run in without(its_runs(call), AGAIN)]
    enough, too_few = Kill(at=5.0, asked=4.0, queued=2), Kill(at=5.0, asked=4.0, queued=1)
    account = account_for(evidence(*calls, runs=runs, kills=(enough,), has_journal=False))
    assert (account.problems, len(account.detached.lost)) == ((), 2)
    account = account_for(evidence(*calls, runs=runs, kills=(too_few,), has_journal=False))
    assert problem(account) == "2 events are lost, and at most 1 were queued"


def test_what_is_accepted_between_the_question_and_the_kill_may_be_lost_too() -> None:
    call = a_call(1)
    runs = without(its_runs(call), AGAIN)
    kill = Kill(at=2.0, asked=1.2, queued=0)
    account = account_for(evidence(call, runs=runs, kills=(kill,), has_journal=False))
    assert (account.problems, account.could_be_lost) == ((), 2)


def test_without_a_journal_nothing_is_lost_after_the_last_kill() -> None:
    call = a_call(6)
    runs = without(its_runs(call), AGAIN)
    kill = Kill(at=5.0, asked=4.0, queued=3)
    account = account_for(evidence(call, runs=runs, kills=(kill,), has_journal=False))
    assert problem(account) == (
        f"the event of m6 for {AGAIN} is lost, and no sidecar was killed after"
    )


def test_the_longest_outage_is_the_longest_time_between_calls_that_proceed() -> None:
    calls = [a_call(1), a_call(3, outcome="failed"), a_call(7), a_call(8)]
    assert account_for(evidence(*calls)).longest_outage == Outage(1.5, 7.5)
