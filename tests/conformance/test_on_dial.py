"""The cases on a running sidecar, which dials the workers."""

from pathlib import Path

import pytest

from tests.conformance.judging import run
from tests.conformance.language.cases import Case, Runner
from tests.conformance.suite import cases_for


@pytest.mark.parametrize("case", cases_for(Runner.DIAL), ids=lambda case: case.id)
async def test_a_case_passes(case: Case, socket_folder: Path) -> None:
    await run(case, Runner.DIAL, socket_folder)
