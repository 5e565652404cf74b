"""Every case comes to the same when every worker takes several hooks in one run."""

from pathlib import Path
from typing import Final

import pytest

from tests.conformance.language.cases import Case, Runner
from tests.conformance.runners.pipeline_stage import pipeline_stage
from tests.conformance.runners.play import play
from tests.conformance.suite import cases_for

_TOLD_ONCE: Final = (
    "what is left is told once for the run, and its worker takes off what has passed; this "
    "one has no clock"
)
_GOES_ON: Final = (
    "the worker goes on after an answer that no SDK would give, until the sidecar cancels the "
    "run and sends the next hook again"
)

OTHERWISE: Final = {
    "dead_guards.yaml: a draining worker gets no new run": (
        "the run that it finishes holds the next hook too"
    ),
    "malformed.yaml: an answer that blocks and modifies is malformed, and nothing of it applies": (
        _GOES_ON
    ),
    "state.yaml: state that is no JSON is malformed, and the patch beside it is not applied": (
        _GOES_ON
    ),
    "values.yaml: one bad value spoils the whole patch": _GOES_ON,
    "time.yaml: a hook has the less of its timeout and what is left": _TOLD_ONCE,
    "time.yaml: a budget is spent over the chain, and each hook is told what is left": _TOLD_ONCE,
    "time.yaml: AUDIT hooks together have a fifth of what is left": _TOLD_ONCE,
}
"""The cases in which workers see something else, and why. A case that does not fails."""


# Those of fusion.yaml say for themselves who fuses.
CASES: Final = [case for case in cases_for(Runner.PIPELINE) if case.file != "fusion.yaml"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
async def test_a_case_comes_to_the_same_fused(case: Case, socket_folder: Path) -> None:
    async with pipeline_stage(case, socket_folder, all_fuse=True) as stage:
        differences = await play(case, stage)
    if case.id in OTHERWISE:
        assert differences, f"{case.id} comes to the same; take it out of the table"
    else:
        assert not differences, "\n".join([case.id, *differences])
