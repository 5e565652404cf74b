"""The Python of docs/mellea.md, run from top to bottom as one program."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.e2e.conftest import StartSidecar, StartWorker
from tests.fenced_blocks import blocks
from tests.mellea.model import Model
from tests.repository import ROOT

pytest.importorskip("mellea.plugins", reason="needs mellea: make test-mellea")

GUARD = """
    from sidehook import block, hook

    @hook("component_pre_execute")
    def guard(payload, ctx):
        if "forbidden" in payload.action["args"]["description"]:
            return block("not this", code="NOT_THIS", description="Really not.", details={"a": 1})
"""


async def test_the_examples_of_the_page_do_what_it_says(
    model: Model,
    start_sidecar: StartSidecar,
    start_worker: StartWorker,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sidecar = await start_sidecar()
    await start_worker(sidecar, GUARD, name="guards")
    monkeypatch.setenv("SIDEHOOK_TARGET", sidecar.calls[0])
    monkeypatch.setenv("OPENAI_BASE_URL", model.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    page = (ROOT / "docs" / "mellea.md").read_text()
    program = [one for one in blocks(page, name="mellea.md") if one.language == "python"]
    assert len(program) > 3
    names: dict[str, Any] = {}

    def run() -> None:
        sessions = []
        for block in program:
            exec(compile(block.text, block.place, "exec"), names)
            sessions.append(names["session"])
        for session in sessions:
            session.backend.close()

    await asyncio.to_thread(run)
    said = capsys.readouterr().out
    assert "fine\n" in said
    assert "NOT_THIS guards/guard Really not. {'a': 1}\n" in said
    assert "guards guard sequential blocked\n" in said
    assert [request.get("temperature") for request in model.requests] == [None, 0.2, None]
