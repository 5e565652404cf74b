from dataclasses import replace

from bench.experiments.every import EVERY
from bench.experiments.targets import TARGETS
from bench.run import fitted, takes


def test_with_time_enough_every_round_is_run() -> None:
    assert fitted(TARGETS, 1e6) == TARGETS[0]


def test_when_time_is_short_all_experiments_give_up_rounds_in_proportion() -> None:
    whole = sum(map(takes, TARGETS))
    shorter = [fitted(TARGETS[at:], 0.7 * sum(map(takes, TARGETS[at:]))) for at in range(4)]
    assert all(
        4 <= short.rounds < planned.rounds
        for short, planned in zip(shorter, TARGETS[:4], strict=True)
    )
    assert sum(map(takes, shorter)) < whole


def test_fewer_than_four_rounds_are_no_measurement() -> None:
    assert fitted(TARGETS, 0.0).rounds == 4
    few = replace(TARGETS[0], rounds=4)
    assert fitted([few], takes(few)).rounds == 4


def test_the_targets_fit_into_five_minutes_and_everything_into_twenty_five() -> None:
    assert sum(map(takes, TARGETS)) < 4.75 * 60
    assert sum(map(takes, EVERY)) < 25 * 60


def test_experiments_and_the_legs_of_each_have_names_of_their_own() -> None:
    assert len({each.name for each in EVERY}) == len(EVERY)
    for each in EVERY:
        assert len({leg.name for leg in each.legs}) == len(each.legs)
