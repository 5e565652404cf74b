"""The part of a call's time that its observers may spend."""

from __future__ import annotations

import pytest

from sidehook_server.deadline import Budget
from sidehook_server.pipeline.share import ObserverShare


def a_share() -> ObserverShare:
    return ObserverShare(Budget(arrival=0.0, total=10.0, margin=0.0), 0.25)


def test_observers_may_spend_their_part_of_what_is_left() -> None:
    assert a_share().until(2.0) == 4.0


def test_what_one_observer_spent_is_not_the_next_ones() -> None:
    share = a_share()
    share.spend(1.5)
    assert share.until(3.5) == pytest.approx(4.0)


def test_what_is_left_over_by_rounding_is_nothing() -> None:
    share = a_share()
    share.spend(2.5 - 5e-10)
    assert share.until(2.5 - 5e-10) == 2.5 - 5e-10
