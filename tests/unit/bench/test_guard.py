import json

import pytest

from bench.experiments.model import Experiment
from bench.guard import BASELINE, EXPERIMENTS, FACTOR, compare, measure
from bench.rounds import Measured, Series
from tests.unit.bench.fakes import a_round


def running(*, sidecar: float, worker: float = 10.0) -> dict[str, float]:
    """The ratios of a run in which these were the CPU µs per call, and 10 each of the relay's."""

    def run(experiment: Experiment) -> Measured:
        bare = a_round(application=10.0, relay=10.0, worker=10.0)
        own = a_round(application=10.0, sidecar=sidecar, worker=worker)
        return Measured(
            {
                leg.name: Series(leg, (bare if leg.name == "relay" else own,) * 3)
                for leg in experiment.legs
            },
            {},
        )

    return measure(run)


def test_the_same_run_again_passes() -> None:
    assert compare(running(sidecar=20.0), running(sidecar=20.0)) == []


def test_a_sidecar_that_takes_more_than_half_as_much_again_fails() -> None:
    problems = compare(running(sidecar=31.0), running(sidecar=20.0))
    assert problems
    assert all(problem.startswith("sidecar/") for problem in problems)
    assert "3.10 times the CPU of the floor, above 3.00" in problems[0]


def test_a_slower_hook_path_fails_the_chain_though_the_sidecar_is_as_before() -> None:
    problems = compare(running(sidecar=20.0, worker=60.0), running(sidecar=20.0))
    assert problems
    assert all(problem.startswith("chain/") for problem in problems)


def test_a_machine_that_is_slower_for_both_passes() -> None:
    found = running(sidecar=20.0)
    assert found["sidecar/one-hook/1"] == 2
    assert compare(found, running(sidecar=20.0 / FACTOR + 0.01)) == []


def test_a_ratio_without_a_baseline_fails() -> None:
    found = running(sidecar=20.0)
    baseline = {name: ratio for name, ratio in found.items() if name != "chain/one-hook/1"}
    assert len(compare(found, baseline)) == 1


def test_the_baseline_that_is_checked_in_has_every_ratio() -> None:
    assert json.loads(BASELINE.read_text()).keys() == running(sidecar=1.0).keys()


def test_the_guard_takes_at_most_a_minute_of_rounds() -> None:
    rounds = sum(len(each.legs) * (each.rounds + 1) * each.seconds for each in EXPERIMENTS)
    assert rounds == pytest.approx(35.1)
