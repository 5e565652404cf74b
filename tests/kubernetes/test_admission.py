"""The admission policy: which pods it refuses, by its own expressions."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.kubernetes.admission import ExpressionError, refusals
from tests.kubernetes.golden import golden
from tests.kubernetes.objects import Object, of_kind

NO_SIDECAR = "has no sidecar"
NO_CALLER = "nobody can call"
OTHER_REPOSITORY = "another repository"
NATIVE = ("sidehook-app", "sidehook-app-airgapped", "sidehook-app-journal", "kustomize-native")
PLAIN = ("sidehook-app-1.25", "kustomize-plain")


def policy(name: str = "kustomize-admission-policy") -> Object:
    return of_kind(golden(name), "ValidatingAdmissionPolicy")[0]


def pod(name: str) -> Object:
    """The pod that the Deployment of an example makes."""
    template = of_kind(golden(name), "Deployment")[0]["spec"]["template"]
    return {"apiVersion": "v1", "kind": "Pod", **copy.deepcopy(template)}


@pytest.mark.parametrize("example", [*NATIVE, *PLAIN])
def test_a_pod_with_the_sidecar_is_let_in(example: str) -> None:
    assert "sidehook.required" in pod(example)["metadata"]["labels"]
    assert refusals(policy(), pod(example)) == []


def _without(kind: str) -> Callable[[Object], None]:
    def edit(broken: Object) -> None:
        broken["spec"][kind] = [c for c in broken["spec"][kind] if c["name"] != "sidehook"]

    return edit


def _no_init_containers(broken: Object) -> None:
    del broken["spec"]["initContainers"]


def _an_init_container_that_ends(broken: Object) -> None:
    for container in broken["spec"]["initContainers"]:
        del container["restartPolicy"]


def _another_name(broken: Object) -> None:
    for container in broken["spec"]["initContainers"]:
        container["name"] = f"x-{container['name']}"


def _no_mounts(broken: Object) -> None:
    for container in broken["spec"]["containers"]:
        container.pop("volumeMounts", None)


def _other_mounts(broken: Object) -> None:
    for container in broken["spec"]["containers"]:
        for mount in container.get("volumeMounts", ()):
            mount["name"] = "other"


def _any_value_of_the_label(broken: Object) -> None:
    broken["metadata"]["labels"]["sidehook.required"] = "no"
    _no_init_containers(broken)


@pytest.mark.parametrize(
    ("example", "edit", "says"),
    [
        ("sidehook-app", _without("initContainers"), NO_SIDECAR),
        ("sidehook-app", _no_init_containers, NO_SIDECAR),
        ("sidehook-app", _an_init_container_that_ends, NO_SIDECAR),
        ("sidehook-app", _another_name, NO_SIDECAR),
        ("sidehook-app", _any_value_of_the_label, NO_SIDECAR),
        ("sidehook-app-1.25", _without("containers"), NO_SIDECAR),
        ("sidehook-app", _no_mounts, NO_CALLER),
        ("sidehook-app", _other_mounts, NO_CALLER),
        ("sidehook-app-1.25", _no_mounts, NO_CALLER),
    ],
    ids=lambda part: getattr(part, "__name__", str(part)),
)
def test_a_labelled_pod_without_it_is_refused(
    example: str, edit: Callable[[Object], None], says: str
) -> None:
    broken = pod(example)
    edit(broken)
    said = refusals(policy(), broken)
    assert any(says in message for message in said), said


def test_a_pod_without_the_label_is_none_of_its_business() -> None:
    other = pod("sidehook-app")
    _no_init_containers(other)
    del other["metadata"]["labels"]["sidehook.required"]
    assert refusals(policy(), other) == []
    del other["metadata"]["labels"]
    assert refusals(policy(), other) == []


REPOSITORY = "registry.corp.example:5000/mirror/sidehook-sidecar"


@pytest.mark.parametrize(
    ("image", "is_refused"),
    [
        (f"{REPOSITORY}@sha256:{'1' * 64}", False),
        (f"{REPOSITORY}:0.1.0", False),
        (REPOSITORY, False),
        (f"{REPOSITORY}-of-another:0.1.0", True),
        ("busybox:1", True),
        (f"x/{REPOSITORY}:1", True),
    ],
)
def test_the_image_must_be_from_a_repository_that_is_named(image: str, *, is_refused: bool) -> None:
    tried = pod("sidehook-app-airgapped")
    for container in tried["spec"]["initContainers"]:
        container["image"] = image
    said = refusals(policy("sidehook-app-airgapped"), tried)
    assert bool(said) is is_refused
    assert all(OTHER_REPOSITORY in message for message in said)


@pytest.mark.parametrize(
    "expression", ["object.spec.nothing.x", "object.spec.(", "variables.nobody.size() > 0"]
)
def test_an_expression_that_fails_is_noticed(expression: str) -> None:
    broken = policy()
    broken["spec"]["validations"][0]["expression"] = expression
    with pytest.raises(ExpressionError):
        refusals(broken, pod("sidehook-app"))


@pytest.mark.parametrize("number", [0, 1])
def test_a_validation_that_is_always_true_would_be_noticed(number: int) -> None:
    """The pods above are refused by these validations, and by nothing else."""
    edits: list[Callable[[Any], None]] = [_another_name, _no_mounts]
    broken, lax = pod("sidehook-app"), policy()
    edits[number](broken)
    lax["spec"]["validations"][number]["expression"] = "true"
    assert refusals(policy(), broken) != []
    assert refusals(lax, broken) == []


def test_the_chart_and_kustomize_have_the_same_policy() -> None:
    ours, charts = policy()["spec"], policy("sidehook-app-airgapped")["spec"]
    validations = charts.pop("validations")
    assert validations[: len(ours["validations"])] == ours.pop("validations")
    assert charts == ours


def test_the_policy_fails_closed_and_is_bound() -> None:
    objects = golden("kustomize-admission-policy")
    assert policy()["spec"]["failurePolicy"] == "Fail"
    binding = of_kind(objects, "ValidatingAdmissionPolicyBinding")[0]
    assert binding["spec"]["validationActions"] == ["Deny"]
