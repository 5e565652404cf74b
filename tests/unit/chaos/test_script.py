from tests.chaos.script import LONGEST, SHORTEST, script
from tests.chaos.stage import VICTIMS


def test_a_seed_makes_the_same_script_again_and_another_seed_another() -> None:
    assert list(script(7, 50, VICTIMS)) == list(script(7, 50, VICTIMS))
    assert list(script(7, 50, VICTIMS)) != list(script(8, 50, VICTIMS))


def test_a_longer_script_begins_as_a_shorter_one() -> None:
    assert list(script(7, 100, VICTIMS))[:50] == list(script(7, 50, VICTIMS))


def test_every_process_has_its_turn_and_every_kill_comes_under_load() -> None:
    rounds = list(script(7, 500, VICTIMS))
    assert {each.victim for each in rounds} == {
        name for names in VICTIMS.values() for name in names
    }
    assert all(each.victim in VICTIMS[each.kind] for each in rounds)
    assert all(SHORTEST <= each.wait <= LONGEST for each in rounds)
    assert {each.settle for each in rounds} == {True, False}
