"""Keep the charts as they are, as those of the last tag: `python -m tests.kubernetes.freeze`.

Run when a version is tagged. Upgrades are then tested from there.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import yaml

from tests.kubernetes.commands import HELM_CHARTS, commands
from tests.kubernetes.upgrade import CHARTS_OF_LAST_TAG
from tests.kubernetes.variants import CHARTS


def main() -> int:
    """Pack the charts and copy their example values into a folder of their version."""
    tools = commands()
    version = yaml.safe_load((HELM_CHARTS / CHARTS[0] / "Chart.yaml").read_text())["version"]
    shutil.rmtree(CHARTS_OF_LAST_TAG, ignore_errors=True)
    to = CHARTS_OF_LAST_TAG / version
    shutil.copytree(
        HELM_CHARTS / "examples", to / "examples", ignore=shutil.ignore_patterns("*.md")
    )
    with tempfile.TemporaryDirectory() as folder:
        charts = tools.with_dependencies(HELM_CHARTS, Path(folder) / "helm")
        for chart in CHARTS:
            tools.package(charts / chart, to)
    return 0


if __name__ == "__main__":
    sys.exit(main())
