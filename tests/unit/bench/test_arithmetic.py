import pytest

from bench.arithmetic import Spread, percentile, ratios, slope, spread


def test_a_spread_is_the_median_between_its_quartiles() -> None:
    assert spread([5, 1, 3, 2, 4]) == Spread(median=3, low=2, high=4)
    assert spread([1, 2, 3, 4]) == Spread(median=2.5, low=1.75, high=3.25)


def test_one_round_is_its_own_spread_and_none_is_refused() -> None:
    assert spread([7]) == Spread(7, 7, 7)
    with pytest.raises(ValueError, match="no rounds"):
        spread([])


def test_ratios_pair_the_rounds_that_ran_side_by_side() -> None:
    assert ratios([2, 30, 4], [1, 10, 2]) == [2, 3, 2]


def test_a_machine_that_slows_down_for_both_changes_no_ratio() -> None:
    drift = [1.0, 5.0, 2.0]
    assert ratios([3 * each for each in drift], drift) == pytest.approx([3, 3, 3])


def test_rounds_without_a_partner_are_refused() -> None:
    with pytest.raises(ValueError, match="not pairs"):
        ratios([1, 2], [1])


def test_a_slope_is_what_one_more_adds_whatever_the_first_cost() -> None:
    assert slope([1, 2, 4, 64], [103, 106, 112, 292]) == pytest.approx(3)
    assert slope([1, 2, 4, 64], [5, 5, 5, 5]) == 0


def test_percentiles_are_calls_that_were_made() -> None:
    took = [10.0, 20.0, 30.0, 40.0]
    assert [percentile(took, share) for share in (0, 0.5, 0.99, 1)] == [10, 30, 40, 40]
    with pytest.raises(ValueError, match="no calls"):
        percentile([], 0.5)
