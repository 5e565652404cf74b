import pytest

from tests.soak.report import memory_bound, not_flat, table
from tests.soak.trend import Point, judged, slope, trend


def series(*values: float) -> list[Point]:
    """A value each second."""
    return [Point(float(at), value) for at, value in enumerate(values)]


def test_a_line_has_its_own_slope_and_noise_around_nothing_has_none() -> None:
    assert slope(series(5, 7, 9, 11)) == pytest.approx(2)
    assert slope(series(5, 6, 5, 6, 5)) == pytest.approx(0)
    assert slope([Point(1, 5), Point(1, 9)]) == 0


def test_a_trend_is_per_minute_and_from_the_first_third_to_the_last() -> None:
    it = trend(series(1, 1, 2, 3, 4, 6))
    assert (it.first, it.last) == (1, 5)
    assert (it.least, it.most, it.rise) == (1, 6, 3)
    assert it.slope == pytest.approx(60)


def test_what_comes_before_the_warm_up_and_right_after_a_start_does_not_count() -> None:
    points = judged(series(*range(20)), since=4, starts=[0, 10], settle=3)
    assert [point.at for point in points] == [4, 5, 6, 7, 8, 9, *range(13, 20)]


def flat(**measured: list[Point]) -> list[str]:
    named = {("it", name): points for name, points in measured.items()}
    return list(not_flat(named, minutes=10, rolled=["rolled"]))


def test_memory_that_grows_faster_than_its_bound_is_not_flat() -> None:
    bound = memory_bound(10) / 60
    assert flat(memory=series(*(100 + bound * 0.9 * n for n in range(10)))) == []
    (problem,) = flat(memory=series(*(100 + bound * 1.1 * n for n in range(10))))
    assert problem.startswith("it: memory grows by ")


def test_memory_that_shrinks_is_flat() -> None:
    assert flat(memory=series(*range(1000, 0, -100))) == []


def test_what_comes_and_goes_is_load_and_what_stays_is_a_leak() -> None:
    assert flat(files=series(4, 9, 4, 9, 90, 4)) == []
    assert flat(files=series(4, 4, 9, 9, 44, 44)) == [
        "it: files are never again as few: 40 more; at most 10 are tolerated"
    ]


def test_the_memory_of_a_rolled_worker_is_that_of_many_processes_and_not_judged() -> None:
    measured = {("rolled", "memory"): series(*range(0, 60000, 6000))}
    assert list(not_flat(measured, minutes=10, rolled=["rolled"])) == []


def test_too_few_samples_are_a_problem_and_have_a_row() -> None:
    measured = {("it", "memory"): series(1, 2)}
    assert list(not_flat(measured, minutes=10, rolled=[])) == ["it: only 2 samples of memory count"]
    assert table(measured).splitlines()[1].split() == ["it", "memory", "-", "-", "-", "-", "-"]
