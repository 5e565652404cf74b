"""The engine of the suite: where none can be had it fails, and the private one is alone."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.repository import ROOT


def test_without_an_engine_nothing_is_skipped_and_what_is_missing_is_said() -> None:
    nobody = {"ENGINE": "host", "DOCKER_HOST": "unix:///nowhere/docker.sock"}
    ended = subprocess.run(
        [ROOT / "docker" / "engine.sh", "true"],
        env=os.environ | nobody,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 69
    assert "no container engine can be had: ENGINE=host, and no engine answers" in ended.stderr


def test_no_packet_leaves_the_private_engine() -> None:
    routes = [line.split() for line in Path("/proc/net/route").read_text().splitlines()[1:]]
    leads_out = any(destination == "00000000" for _, destination, *_ in routes)
    is_private = "ENGINE_INSIDE" in os.environ
    assert not (is_private and leads_out)
