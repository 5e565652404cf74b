"""Every variant of the charts and of kustomize: valid, and without a problem that schemas miss."""

from __future__ import annotations

from itertools import combinations

import pytest

from tests.kubernetes.checks import problems
from tests.kubernetes.conftest import Render
from tests.kubernetes.golden import GOLDEN, file_of, written
from tests.kubernetes.objects import Objects, name_of, of_kind
from tests.kubernetes.pairwise import all_pairs, pairs
from tests.kubernetes.schemas import schema_problems
from tests.kubernetes.variants import CHARTS, MINORS, SWITCHES, Variant, everything, examples

EVERYTHING = list(everything())

CLUSTER_SCOPED = (
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "MutatingWebhookConfiguration",
    "Namespace",
    "PriorityClass",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
)


@pytest.mark.parametrize("variant", EVERYTHING, ids=lambda variant: variant.name)
def test_a_variant_is_valid_and_has_no_problem_that_schemas_miss(
    variant: Variant, render: Render
) -> None:
    objects = render(variant)
    invalid = [it for minor in variant.minors for it in schema_problems(objects, minor)]
    assert objects
    assert [*invalid, *problems(objects), *_of_the_cluster(variant, objects)] == []


def _of_the_cluster(variant: Variant, objects: Objects) -> list[str]:
    """An object that belongs to no namespace comes only when it is asked for."""
    asked = variant.values.get("sidehook", {}).get("admissionPolicy", {}).get("create")
    if asked or variant.name in ("sidehook-app-airgapped", "kustomize-admission-policy"):
        return []
    return [f"{name_of(each)} is of the cluster" for each in of_kind(objects, *CLUSTER_SCOPED)]


@pytest.mark.parametrize("variant", examples(), ids=lambda variant: variant.name)
def test_an_example_renders_to_what_was_reviewed(variant: Variant, render: Render) -> None:
    assert written(render(variant)) == file_of(variant).read_text(), (
        "read the difference; `.venv-kubernetes/bin/python -m tests.kubernetes.golden` accepts it"
    )


def test_every_golden_file_has_its_example() -> None:
    assert set(GOLDEN.iterdir()) == {file_of(variant) for variant in examples()}


@pytest.mark.parametrize("chart", CHARTS)
def test_every_two_settings_of_a_chart_meet(chart: str) -> None:
    switches = {name: list(settings) for name, settings in SWITCHES[chart].items()}
    met = {
        tuple(sorted(two)) for row in all_pairs(switches) for two in combinations(row.items(), 2)
    }
    assert set(pairs(switches)) <= met


def test_there_are_three_minor_versions() -> None:
    assert len(set(MINORS)) == 3


def test_an_object_of_the_cluster_that_nobody_asked_for_is_noticed(render: Render) -> None:
    variant = next(each for each in examples() if each.name == "kustomize-native")
    objects = [*render(variant), {"kind": "ClusterRole", "metadata": {"name": "all"}}]
    assert _of_the_cluster(variant, objects) == ["ClusterRole/all is of the cluster"]
