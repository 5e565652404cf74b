import threading

from sidehook import ClientStats
from sidehook._client_stats import Tally


def test_nothing_was_counted_at_first() -> None:
    assert Tally().snapshot() == ClientStats()


def test_what_is_added_is_in_the_snapshot_taken_after_it() -> None:
    tally = Tally()
    before = tally.snapshot()
    tally.add("answers_late")
    assert before.answers_late == 0
    assert tally.snapshot().answers_late == 1


def test_an_unguarded_call_is_reported_once() -> None:
    tally = Tally()
    tally.unguarded()
    tally.unguarded()
    assert tally.take_unreported() == 2
    assert tally.take_unreported() == 0
    assert tally.snapshot().calls_unguarded == 2


def test_what_was_not_delivered_is_reported_with_a_later_call() -> None:
    tally = Tally()
    tally.unguarded()
    taken = tally.take_unreported()
    tally.unguarded()
    tally.give_back(taken)
    assert tally.take_unreported() == 2


def test_threads_do_not_lose_counts() -> None:
    tally = Tally()

    def add() -> None:
        for _ in range(500):
            tally.add("calls")

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tally.snapshot().calls == 4000
