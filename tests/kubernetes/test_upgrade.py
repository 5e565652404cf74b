"""An upgrade from the charts of the last tag changes nothing that may not be changed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kubernetes.commands import Commands
from tests.kubernetes.golden import golden
from tests.kubernetes.objects import Object, of_kind
from tests.kubernetes.upgrade import CHARTS_OF_LAST_TAG, upgrade_problems
from tests.kubernetes.variants import CHARTS, MINORS, chart_of

VERSIONS = sorted(CHARTS_OF_LAST_TAG.iterdir())
EXAMPLES = sorted(CHARTS_OF_LAST_TAG.glob("*/examples/*.yaml"))


def test_the_charts_of_one_version_are_kept_whole() -> None:
    assert len(VERSIONS) == 1
    version = VERSIONS[0].name
    kept = {file.name for file in VERSIONS[0].glob("*.tgz")}
    assert kept == {f"{chart}-{version}.tgz" for chart in CHARTS}
    assert {chart_of(example) for example in EXAMPLES} == set(CHARTS)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_an_example_of_the_last_tag_can_be_upgraded(
    example: Path, helm_and_kubectl: Commands, charts: Path
) -> None:
    chart = chart_of(example)
    packed = VERSIONS[0] / f"{chart}-{VERSIONS[0].name}.tgz"
    version = "1.25" if "1.25" in example.stem else MINORS[-1]
    old, new = (
        helm_and_kubectl.template(source, files=[example], kube_version=version)
        for source in (packed, charts / chart)
    )
    assert list(upgrade_problems(old, new)) == []


def _selector(new: list[Object]) -> None:
    labels = of_kind(new, "Deployment")[0]["spec"]["selector"]["matchLabels"]
    labels["app.kubernetes.io/version"] = "2"


def _address(new: list[Object]) -> None:
    del of_kind(new, "Service")[0]["spec"]["clusterIP"]


def _name(new: list[Object]) -> None:
    of_kind(new, "Deployment")[0]["metadata"]["name"] = "renamed"


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (_selector, "spec.selector would change"),
        (_address, "spec.clusterIP would change from 'None' to None"),
        (_name, "would be gone"),
    ],
)
def test_a_change_that_would_be_refused_is_noticed(
    edit: Callable[[list[Object]], None], says: str
) -> None:
    old = golden("sidehook-workers")
    new = copy.deepcopy(old)
    assert list(upgrade_problems(old, new)) == []
    edit(new)
    assert any(says in problem for problem in upgrade_problems(old, new))
