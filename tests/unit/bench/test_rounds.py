from contextlib import AbstractContextManager

import pytest

from bench.rounds import cpu, cpu_of, interleave, p50
from bench.stage import Leg, LegError, MissingPeerError, Stage
from tests.unit.bench.fakes import Playback, a_round, series


def test_legs_take_turns_and_the_first_round_of_each_is_dropped() -> None:
    asked: list[str] = []
    a = Leg(name="a", stage=Playback("a", asked, a_round(999), a_round(1), a_round(2)))
    b = Leg(name="b", stage=Playback("b", asked, a_round(888), a_round(10), a_round(20)))
    measured = interleave([a, b], rounds=2, seconds=0.1)
    assert asked == ["a", "b", "a", "b", "a", "b"]
    assert measured.series["a"].of(p50) == [1, 2]
    assert measured.series["b"].of(p50) == [10, 20]


def test_legs_on_one_stage_share_its_processes() -> None:
    shared = Playback("s", [], a_round(1))
    legs = [Leg(name=name, stage=shared) for name in ("few", "many")]
    assert set(interleave(legs, rounds=1, seconds=0.1).series) == {"few", "many"}
    assert not shared.is_open


def test_a_ratio_of_legs_is_the_median_of_the_ratios_of_their_rounds() -> None:
    ours = series("ours", [a_round(20), a_round(200), a_round(30)])
    floor = series("floor", [a_round(10), a_round(100), a_round(10)])
    assert ours.against(floor, p50).median == 2


def test_cpu_is_told_by_process_and_summed() -> None:
    one = a_round(sidecar=3.0, application=2.0)
    assert (cpu_of("sidecar")(one), cpu(one)) == (3.0, 5.0)


def test_a_peer_that_is_not_installed_is_missing_and_the_others_are_measured() -> None:
    def not_installed() -> AbstractContextManager[Stage]:
        raise MissingPeerError("there is no .venv-peer: no wheel for this machine")

    here = Leg(name="here", stage=Playback("h", [], a_round()))
    measured = interleave([here, Leg(name="peer", stage=not_installed)], rounds=1, seconds=0.1)
    assert set(measured.series) == {"here"}
    assert measured.missing == {"peer": "there is no .venv-peer: no wheel for this machine"}


def test_a_leg_whose_result_is_wrong_fails_the_run_by_its_name() -> None:
    class Wrong(Playback):
        def round(self, **_: object) -> object:  # type: ignore[override]  # never returns
            raise LegError("WrongResultError: temperature 0.2 instead of 0.7")

    with pytest.raises(LegError, match=r"five: WrongResultError: temperature 0\.2"):
        interleave([Leg(name="five", stage=Wrong("f", []))], rounds=1, seconds=0.1)
