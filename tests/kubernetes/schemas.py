"""Objects against the schemas of Kubernetes, custom resources against their operators'."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

import yaml

from tests.kubernetes.objects import Object, Objects, name_of

CUSTOM_RESOURCES: Final = Path(__file__).parent / "custom_resources"
"""A schema for each kind, by its name."""

# The kinds that came later than the oldest version that is looked at.
_SINCE: Final[Mapping[str, tuple[int, int]]] = {
    "ValidatingAdmissionPolicy": (1, 30),
    "ValidatingAdmissionPolicyBinding": (1, 30),
}


def schema_problems(objects: Objects, minor: str) -> Iterator[str]:
    """Yield what is wrong with objects for a minor version, unknown fields included."""
    for thing in objects:
        if problem := _problem(json.dumps(thing, sort_keys=True), minor):
            yield f"{name_of(thing)} for {minor}: {problem}"


@cache
def _problem(text: str, minor: str) -> str:
    """Most variants have most objects in common, and validating takes a tenth of a second."""
    thing: Object = json.loads(text)
    if (CUSTOM_RESOURCES / f"{thing['kind']}.yaml").is_file():
        return _custom_problem(thing)
    since = _SINCE.get(thing["kind"], (0, 0))
    if tuple(map(int, minor.split("."))) < since:
        return f"its kind is there from {since[0]}.{since[1]} on"
    # Only the suite's own environment has it; the checks are tested without it, too.
    import kubernetes_validate

    try:
        kubernetes_validate.validate(thing, minor, strict=True)
    except kubernetes_validate.SchemaNotFoundError:
        return f"{thing['apiVersion']} {thing['kind']} has no schema"
    except kubernetes_validate.ValidationError as error:
        return f"{'.'.join(map(str, error.path))}: {error.message}"
    return ""


def _custom_problem(thing: Object) -> str:
    import jsonschema

    schema = yaml.safe_load((CUSTOM_RESOURCES / f"{thing['kind']}.yaml").read_text())
    found = next(jsonschema.Draft202012Validator(schema).iter_errors(thing), None)
    return "" if found is None else f"{found.json_path}: {found.message}"
