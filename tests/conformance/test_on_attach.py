"""The cases on a running sidecar, to which the workers attach."""

from pathlib import Path

import pytest

from tests.conformance.judging import run
from tests.conformance.language.cases import Case, Runner
from tests.conformance.suite import cases_for


@pytest.mark.parametrize("case", cases_for(Runner.ATTACH), ids=lambda case: case.id)
async def test_a_case_passes(case: Case, socket_folder: Path) -> None:
    await run(case, Runner.ATTACH, socket_folder)
