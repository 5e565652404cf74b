"""What the images are: who runs in them, what they hold, their size, how fast they start."""

from __future__ import annotations

import json
import os
import re
import time
from datetime import UTC, datetime
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

IS_STAND_IN = "ENGINE_INSIDE" in os.environ and "BASE_IMAGE" not in os.environ
"""Whether the base is made of Debian packages, as where no registry of images is reached."""

SERVES_WITHIN = 5.0
"""Seconds after the imports: several times what it takes where others use the processor too."""

AFTER_IMPORTS = """
import sys, time
import sidehook_server.app, sidehook_server.config.load, sidehook_server.cli.serve
print("IMPORTED", time.time(), flush=True)
sidehook_server.cli.main(sys.argv[1:])
"""
"""What the image starts, and says when its imports are done."""


def pinned(lock: str) -> set[tuple[str, str]]:
    """Name and version of what a lock file pins for the images' platform."""
    text = (ROOT / "requirements" / lock).read_text()
    found = re.findall(r"^(\S+)==(\S+)(?: ; (.+))? \\$", text, re.MULTILINE)
    return {(name, version) for name, version, only in found if "win32" not in only}


def bill_of(image: str) -> Path:
    """The bill of materials that `make images` left beside the wheels."""
    return CONTEXT / f"{'sidecar' if image == SIDECAR else 'worker'}.sbom.cdx.json"


def listed(image: str) -> set[tuple[str, str]]:
    """Name and version of what an image's bill of materials lists."""
    bill = json.loads(bill_of(image).read_text())
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
    inside = idle.run("cat", "/opt/sidehook/share/sidehook/sbom.cdx.json")
    assert inside == (0, bill_of(idle.name).read_text().strip())
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


def test_the_images_are_what_the_dockerfile_builds_as_it_stands(engine: Any) -> None:
    dockerfile = ROOT / "docker" / "Dockerfile"
    assert (CONTEXT / "Dockerfile").read_text() == dockerfile.read_text()
    default = re.search(r"^ARG BASE_IMAGE=(\S+)$", dockerfile.read_text(), re.MULTILINE)
    assert default is not None
    for image in IMAGES:
        labels = engine.images.get(image).labels
        base = labels["org.opencontainers.image.base.name"]
        assert base == os.environ.get("BASE_IMAGE", default[1])
        assert labels.get("sidehook.base") == ("stand-in" if IS_STAND_IN else None)


def test_the_sidecar_serves_soon_after_its_imports(stage: Stage, report: Report) -> None:
    sidecar = stage.start(
        SIDECAR,
        name="sidecar",
        entrypoint=["python", "-c", AFTER_IMPORTS],
        # With its entry point an image's own command goes.
        command=["serve", "--config", "/etc/sidehook/sidehook.yaml"],
        memory=(SOCKETS, "/var/lib/sidehook"),
        **LOCKED_DOWN,
    )
    imported = datetime.fromtimestamp(float(sidecar.said(r"^IMPORTED (\S+)")[1]), UTC)
    sidecar.said("^READY")
    started = sidecar.said(r"^time=(\S+) .*event=sidecar_started")
    serves = (datetime.fromisoformat(started[1]) - imported).total_seconds()
    imports = (imported - moment(sidecar.state["StartedAt"])).total_seconds()
    probes = []
    for _ in range(5):
        began = time.monotonic()
        assert sidecar.run("sidehook", "health", "--live") == (0, "ok")
        probes.append(time.monotonic() - began)
    report(
        f"the sidecar in a container: {imports:.2f} s until Python and its imports are there, "
        f"{serves:.2f} s more to READY; a probe, with the engine's exec: {min(probes):.2f} s"
    )
    assert serves < SERVES_WITHIN


def moment(text: str) -> datetime:
    """A time of the engine's, which has more digits than Python reads."""
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d*Z$", r"\1+00:00", text))
