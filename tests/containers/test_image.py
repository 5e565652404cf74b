"""What the images are: who runs in them, what they hold, their size, how fast they start."""

from __future__ import annotations

import json
import re
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.containers.conftest import Report
from tests.containers.member import Member
from tests.containers.stage import LOCKED_DOWN, SIDECAR, SOCKETS, WORKER, Stage
from tests.repository import ROOT

pytestmark = pytest.mark.timeout(300)

IMAGES = (SIDECAR, WORKER)
CONTEXT = ROOT / "build" / "images"
MEGABYTES = {SIDECAR: 330, WORKER: 230}
"""What an image is at most, of a million bytes each, on the base of Debian packages."""

IMPORTS = "import sidehook_server.app, sidehook_server.config.load, sidehook_server.cli.serve"


def pinned(lock: str) -> set[tuple[str, str]]:
    """Name and version of what a lock file pins for the images' platform."""
    text = (ROOT / "requirements" / lock).read_text()
    found = re.findall(r"^(\S+)==(\S+)(?: ; (.+))? \\$", text, re.MULTILINE)
    return {(name, version) for name, version, only in found if "win32" not in only}


def listed(image: str) -> set[tuple[str, str]]:
    """Name and version of what an image's bill of materials lists."""
    name = "sidecar" if image == SIDECAR else "worker"
    bill = json.loads((CONTEXT / f"{name}.sbom.cdx.json").read_text())
    assert bill["bomFormat"] == "CycloneDX"
    return {(normal(each["name"]), each["version"]) for each in bill["components"]}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def installed(member: Member) -> set[tuple[str, str]]:
    """Name and version of what Python finds in a container."""
    code = (
        "import importlib.metadata as m\n"
        "for each in m.distributions(path=__import__('glob').glob('/opt/sidehook/lib/*/site-*')):\n"
        "    print(each.name, each.version)"
    )
    status, text = member.run("python", "-c", code)
    assert status == 0, text
    return {(normal(name), version) for name, version in map(str.split, text.splitlines())}


@pytest.fixture(params=IMAGES)
def idle(stage: Stage, request: pytest.FixtureRequest) -> Member:
    """A container of each image that does nothing."""
    image: str = request.param
    wait = ["python", "-c", "import signal; signal.pause()"]
    return stage.start(image, name=image, entrypoint=wait, **LOCKED_DOWN)


def test_what_is_in_an_image_is_what_is_pinned_and_listed(idle: Member) -> None:
    lock = "image-sidecar.lock" if idle.name == SIDECAR else "image-worker.lock"
    found = installed(idle)
    ours = {each for each in found if each[0].startswith("sidehook")}
    assert len(ours) == (2 if idle.name == SIDECAR else 1)
    assert found - ours == {(normal(name), version) for name, version in pinned(lock)}
    assert listed(idle.name) == found
    licences = (CONTEXT / Path(lock).stem.removeprefix("image-")).with_suffix(".licences.txt")
    text = licences.read_text()
    named = re.findall(r"^(\S+) (\S+): (?=.)", text.partition("\n===")[0], re.MULTILINE)
    assert {(normal(name), version) for name, version in named} == found
    assert "Apache License" in text


def test_an_image_runs_as_a_user_of_its_own_and_holds_no_installer(idle: Member) -> None:
    user = {SIDECAR: "10001 10001", WORKER: "10002 10001"}[idle.name]
    code = "import os, sys; print(os.getuid(), os.getgid())"
    assert idle.run("python", "-c", code) == (0, user)
    status, _ = idle.run("python", "-c", "import pip")
    assert status == 1
    # Compiled while the image was built, since nothing can be written later.
    code = "import sidehook, os; print(os.path.exists(sidehook.__cached__))"
    assert idle.run("python", "-c", code) == (0, "True")


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_says_what_it_is_and_stays_small(engine: Any, image: str, report: Report) -> None:
    attributes = engine.images.get(image).attrs
    labels = attributes["Config"]["Labels"]
    for label in ("title", "description", "licenses", "version", "revision", "base.name"):
        assert labels[f"org.opencontainers.image.{label}"] not in ("", "unknown")
    assert attributes["Config"]["StopSignal"] == "SIGTERM"
    size = attributes["Size"] / 1e6
    report(f"{image}: {size:.1f} MB, at most {MEGABYTES[image]}")
    assert size <= MEGABYTES[image]


def test_how_long_the_sidecar_takes_to_serve(stage: Stage, report: Report) -> None:
    sidecar = stage.start(
        SIDECAR,
        name="sidecar",
        memory=(SOCKETS, "/var/lib/sidehook"),
        **LOCKED_DOWN,
    )
    sidecar.said("^READY")
    started = re.search(r"^time=(\S+) .*event=sidecar_started", sidecar.log, re.MULTILINE)
    assert started is not None
    whole = (
        datetime.fromisoformat(started[1]) - moment(sidecar.state["StartedAt"])
    ).total_seconds()
    code = f"import time; t=time.monotonic(); {IMPORTS}; print(time.monotonic() - t)"
    imports = min(float(sidecar.run("python", "-c", code)[1]) for _ in range(3))
    probes = []
    for _ in range(5):
        began = time.monotonic()
        assert sidecar.run("sidehook", "health", "--live") == (0, "ok")
        probes.append(time.monotonic() - began)
    report(
        f"the sidecar in a container: {whole:.2f} s to READY, of which its imports take "
        f"{imports:.2f} s; a probe, with the engine's exec: {min(probes):.2f} s"
    )


def moment(text: str) -> datetime:
    """A time of the engine's, which has more digits than Python reads."""
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d*Z$", r"\1+00:00", text))
