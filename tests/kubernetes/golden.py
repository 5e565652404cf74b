"""The golden files: what every example renders to, reviewed in the repository.

`python -m tests.kubernetes.golden` writes them anew; the difference is to be read.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Final

import yaml

from tests.kubernetes.commands import HELM_CHARTS, commands, parsed
from tests.kubernetes.objects import Object, Objects
from tests.kubernetes.variants import Variant, examples

GOLDEN: Final = Path(__file__).parent / "golden"


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as people write them."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def written(objects: Objects) -> str:
    """Return objects as a golden file has them: in a fixed order, with sorted keys."""
    ordered = sorted(objects, key=lambda thing: (thing["kind"], thing["metadata"]["name"]))
    return yaml.dump_all(ordered, Dumper=_Dumper, width=110, explicit_start=True)


def golden(name: str) -> list[Object]:
    """Return the objects of a golden file, fresh each time."""
    return parsed((GOLDEN / f"{name}.yaml").read_text())


def file_of(variant: Variant) -> Path:
    """Return where the golden file of an example is."""
    return GOLDEN / f"{variant.name}.yaml"


def main() -> int:
    """Write the golden file of every example, and remove those of examples that are gone."""
    tools = commands()
    wanted = {file_of(variant) for variant in examples()}
    for file in set(GOLDEN.glob("*.yaml")) - wanted:
        file.unlink()
    with tempfile.TemporaryDirectory() as folder:
        charts = tools.with_dependencies(HELM_CHARTS, Path(folder) / "helm")
        for variant in examples():
            file_of(variant).write_text(written(variant.render(tools, charts)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
