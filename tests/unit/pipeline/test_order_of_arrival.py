"""Rules 4 and 16: what a CONCURRENT phase decides does not hang on which answer came first."""

from itertools import permutations

import pytest

from sidehook._call import CallFailure, Proceed, Violation
from sidehook._types import Mode, OnError
from tests.unit.pipeline.scripted import NOTHING, Scripted, a_hook, a_plan, block, patch

ANSWERS = {
    "proceeds": NOTHING,
    "modifies": patch(a="9"),
    "blocks": block(),
}
PHASES = [
    ("proceeds", "modifies", "fails open"),
    ("proceeds", "modifies", "blocks"),
    ("proceeds", "fails open", "blocks"),
    ("proceeds", "fails", "modifies"),
    ("blocks", "fails", "fails open"),
]


def a_phase(hooks: tuple[str, ...]) -> Scripted:
    """A call with a CONCURRENT hook for each, named by what it will do."""
    return Scripted(
        a_plan(
            *(
                a_hook(
                    name,
                    Mode.CONCURRENT,
                    on_error=OnError.IGNORE if name == "fails open" else OnError.FAIL,
                )
                for name in hooks
            )
        )
    )


def answered_in(order: tuple[str, ...]) -> Scripted:
    """The call at its end; hooks that were cancelled before their turn say nothing."""
    call = a_phase(tuple(sorted(order)))
    for name in order:
        if call.answer is None:
            if name.startswith("fails"):
                call.fails(name)
            else:
                call.says(name, ANSWERS[name])
    return call


@pytest.mark.parametrize("hooks", PHASES, ids=", ".join)
def test_whether_a_call_proceeds_never_depends_on_the_order_of_arrival(
    hooks: tuple[str, ...],
) -> None:
    calls = [answered_in(order) for order in permutations(hooks)]
    proceeds = {isinstance(call.verdict.outcome, Proceed) for call in calls}
    assert proceeds == {not {"blocks", "fails"} & set(hooks)}
    patches = {
        tuple(call.verdict.outcome.patch)
        for call in calls
        if isinstance(call.verdict.outcome, Proceed)
    }
    assert patches <= {()}


def test_the_first_of_a_block_and_a_failure_is_the_one_reported() -> None:
    hooks = ("blocks", "fails", "proceeds")
    for first, second in (("blocks", "fails"), ("fails", "blocks")):
        call = answered_in(("proceeds", first, second))
        expected = Violation if first == "blocks" else CallFailure
        assert isinstance(call.verdict.outcome, expected)
        assert call.outcomes[second] == "cancelled"
        assert set(call.outcomes) == set(hooks)
