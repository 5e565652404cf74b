"""Whether a case that was played passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.language.cases import Case, Runner
from tests.conformance.runners.pipeline_stage import pipeline_stage
from tests.conformance.runners.play import play
from tests.conformance.runners.sidecar_stage import sidecar_stage
from tests.conformance.suite import known_failures


async def run(case: Case, runner: Runner, folder: Path) -> None:
    """Plays a case; fails with every difference, and for a known failure that passes."""
    if runner is Runner.PIPELINE:
        async with pipeline_stage(case, folder) as stage:
            differences = await play(case, stage)
    else:
        async with sidecar_stage(case, folder, runner=runner) as sidecar:
            differences = await play(case, sidecar)
    because = known_failures().get((case.id, runner))
    if because is None:
        assert not differences, "\n".join([case.id, *differences])
    elif not differences:
        pytest.fail(f"{case.id} is in known_failures.yaml and passes; remove it there")
    else:
        pytest.xfail(because)
