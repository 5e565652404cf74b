from collections.abc import Mapping, Sequence

import pytest

from bench.experiments.targets import HOOK_COUNTS
from bench.experiments.targets import TARGETS as EXPERIMENTS
from bench.rounds import Measured
from bench.stage import Round
from bench.targets import AT_LEAST, TARGETS, Results, Target, idle_memory, judge
from tests.unit.bench.fakes import a_round, series

BY_ID: Mapping[str, Target] = {target.id: target for target in TARGETS}


def results(experiment: str, **legs: Sequence[Round]) -> Results:
    found = {name.replace("_", "-"): rounds for name, rounds in legs.items()}
    return {experiment: Measured({name: series(name, found[name]) for name in found}, {})}


def test_there_is_a_target_for_every_row_that_was_agreed() -> None:
    assert {target.id: (target.kind, target.bound) for target in TARGETS} == {
        "five-workers-vs-cpex-grpc": ("at most", 0.25),
        "fused-vs-own-relay": ("at most", 1.25),
        "fused-64-vs-cpex-inprocess": ("at least", 4),
        "five-workers-64-vs-cpex-grpc": ("at least", 15),
        "sidecar-cpu-vs-relay": ("at most", 1.5),
        "mellea-100-turns": ("at most", 0.5),
        "no-hook-vs-empty-coroutine": ("at most", 10),
        "fused-extra-hook": ("at most", 0.04),
        "one-mb-vs-relay": ("at most", 1.2),
        "thousand-types-vs-one": ("at most", 1.05),
    }
    idle = idle_memory(79.0)
    assert (idle.id, idle.bound, idle.unit) == ("idle-rss-mib", 80, "MiB")


def test_every_target_finds_its_legs_in_the_experiments_that_are_run() -> None:
    whole = {
        each.name: Measured(
            {
                leg.name: series(leg.name, [a_round(5.0, sidecar=1.0, relay=1.0)])
                for leg in each.legs
            },
            {},
        )
        for each in EXPERIMENTS
    }
    assert all(judge(target, whole).value is not None for target in TARGETS)


@pytest.mark.parametrize(("mine", "holds"), [(1.24, True), (1.25, True), (1.26, False)])
def test_at_most_holds_up_to_its_bound(mine: float, holds: bool) -> None:  # noqa: FBT001 - a case
    measured = results("one-at-a-time", five_on_one=[a_round(mine)], relay=[a_round(1.0)])
    outcome = judge(BY_ID["fused-vs-own-relay"], measured)
    assert (outcome.value is not None and outcome.value.median, outcome.holds) == (mine, holds)


@pytest.mark.parametrize(("mine", "holds"), [(39.0, False), (40.0, True)])
def test_at_least_holds_from_its_bound_on(mine: float, holds: bool) -> None:  # noqa: FBT001 - a case
    measured = results(
        "64-in-flight", five_on_one=[a_round(rate=mine)], cpex_in_process=[a_round(rate=10.0)]
    )
    target = BY_ID["fused-64-vs-cpex-inprocess"]
    assert target.kind == AT_LEAST
    assert judge(target, measured).holds is holds


def test_the_sidecar_is_held_against_the_relay_and_not_against_its_neighbours() -> None:
    measured = results(
        "64-in-flight",
        one_hook=[a_round(application=900.0, sidecar=30.0)],
        relay=[a_round(application=1.0, relay=10.0)],
    )
    outcome = judge(BY_ID["sidecar-cpu-vs-relay"], measured)
    assert outcome.value is not None
    assert outcome.value.median == 3


def test_an_extra_hook_is_measured_in_relays() -> None:
    chains = {f"hooks_{count}": [a_round(1000.0 + 20.0 * count)] for count in HOOK_COUNTS}
    measured = results("hooks", relay=[a_round(500.0)], **chains)
    outcome = judge(BY_ID["fused-extra-hook"], measured)
    assert outcome.value is not None
    assert outcome.value.median == pytest.approx(0.04)


def test_a_target_whose_peer_is_missing_does_not_hold_and_says_why() -> None:
    measured = {
        "one-at-a-time": Measured(
            {"five-on-five": series("five-on-five", [a_round()])},
            {"cpex-grpc-unix": "there is no .venv-cpex"},
        )
    }
    written = judge(BY_ID["five-workers-vs-cpex-grpc"], measured).as_json()
    assert (written["value"], written["holds"]) == (None, False)
    assert written["why"] == "cpex-grpc-unix: there is no .venv-cpex"


def test_what_is_written_has_id_value_bound_and_holds() -> None:
    written = judge(idle_memory(81.5), {}).as_json()
    assert {key: written[key] for key in ("id", "value", "bound", "holds")} == {
        "id": "idle-rss-mib",
        "value": 81.5,
        "bound": 80.0,
        "holds": False,
    }
