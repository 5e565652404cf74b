"""helm and kubectl, and the charts as helm wants them: with what they depend on."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from tests.kubernetes.objects import Object
from tests.repository import ROOT

BINARIES: Final = ROOT / ".venv-kubernetes" / "commands"
"""Where `make e2e-kubernetes` puts helm and kubectl."""

HELM_CHARTS: Final = ROOT / "deploy" / "helm"
KUSTOMIZE: Final = ROOT / "deploy" / "kustomize"

# What depends on others, after what it depends on.
_WITH_DEPENDENCIES: Final = ("sidehook", "sidehook-app", "sidehook-workers", "sidehook-shared")
_SECONDS: Final = 60


class CommandMissingError(Exception):
    """helm or kubectl is not where it should be."""


class RenderError(Exception):
    """helm or kustomize refused; its own words are the message."""


@dataclass(frozen=True, slots=True)
class Commands:
    """The two commands. Every method raises RenderError with what the command said."""

    helm: Path
    kubectl: Path

    def template(
        self,
        chart: Path,
        *,
        values: object = None,
        files: Iterable[Path] = (),
        kube_version: str = "1.37",
        release: str = "demo",
        namespace: str = "chat",
    ) -> list[Object]:
        """Return the objects that a chart makes; `values` go over those of `files`."""
        more = [word for file in files for word in ("--values", str(file))]
        given = "" if values is None else yaml.safe_dump(values)
        text = self._run(
            [
                *(str(self.helm), "template", release, str(chart), "--namespace", namespace),
                *("--kube-version", kube_version, *more, "--values", "-"),
            ],
            given or "{}",
        )
        return parsed(text)

    def notes(self, chart: Path, *, files: Iterable[Path] = ()) -> str:
        """Return what `helm install` tells its user."""
        more = [word for file in files for word in ("--values", str(file))]
        text = self._run(
            [str(self.helm), "install", "demo", str(chart), "--dry-run=client", *more], ""
        )
        return text.partition("\nNOTES:\n")[2]

    def lint(self, chart: Path, *, files: Iterable[Path] = ()) -> str:
        """Return what `helm lint --strict` says."""
        more = [word for file in files for word in ("--values", str(file))]
        return self._run([str(self.helm), "lint", "--strict", str(chart), *more], "")

    def kustomize(self, folder: Path) -> list[Object]:
        """Return the objects that `kubectl kustomize` makes of a folder."""
        return parsed(self._run([str(self.kubectl), "kustomize", str(folder)], ""))

    def with_dependencies(self, charts: Path, to: Path) -> Path:
        """Copy charts and put into each what it depends on; return the copy."""
        shutil.copytree(charts, to, ignore=shutil.ignore_patterns("charts", "Chart.lock"))
        for name in _WITH_DEPENDENCIES:
            self._run([str(self.helm), "dependency", "build", str(to / name)], "")
        return to

    def package(self, chart: Path, to: Path) -> None:
        """Pack a chart, dependencies included, as it is published."""
        self._run([str(self.helm), "package", str(chart), "--destination", str(to)], "")

    def _run(self, command: Sequence[str], given: str) -> str:
        ran = subprocess.run(
            command, input=given, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
        if ran.returncode != 0:
            raise RenderError(ran.stderr.strip() or ran.stdout.strip())
        return ran.stdout


def commands(folder: Path = BINARIES) -> Commands:
    """Return the commands in a folder. Raises CommandMissingError, which says what to do."""
    found = Commands(folder / "helm", folder / "kubectl")
    for command in (found.helm, found.kubectl):
        if not command.is_file():
            raise CommandMissingError(
                f"{command.name} is not in {folder}; `make e2e-kubernetes` puts it there, from the "
                "package in requirements/kubernetes-tools.lock"
            )
    return found


def parsed(text: str) -> list[Object]:
    """Return the objects of a YAML text."""
    return [document for document in yaml.load_all(text, yaml.CSafeLoader) if document]
