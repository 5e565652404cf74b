from sidehook._client_choice import MOST_SIDECARS, Choice

MANY = frozenset(f"ipv4:10.0.0.{number}:7000" for number in range(100))


def test_of_few_sidecars_all_are_used() -> None:
    few = frozenset(sorted(MANY)[:MOST_SIDECARS])
    assert Choice().among(few) == few


def test_of_many_each_client_uses_some() -> None:
    choices = [Choice().among(MANY) for _ in range(50)]
    assert {len(each) for each in choices} == {MOST_SIDECARS}
    assert frozenset().union(*choices) == MANY, "fifty clients leave none out"


def test_a_client_s_choice_stays() -> None:
    choice = Choice()
    first = choice.among(MANY)
    assert choice.among(MANY) == first
    gone = next(iter(first))
    assert len(choice.among(MANY - {gone}) - first) == 1
    assert choice.among(MANY - (MANY - first)) == first
