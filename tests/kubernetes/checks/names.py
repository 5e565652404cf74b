"""Names and labels that the server would refuse, and names that are there twice."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from tests.kubernetes.objects import Objects, at, name_of, namespace_of, pods

_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_VALUE: Final = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_KEY: Final = re.compile(
    r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
)
_PORT: Final = re.compile(r"(?=.*[a-z])[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?")
_VARIABLE: Final = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
# Their names are labels of the DNS.
_DNS_KINDS: Final = ("Service", "Deployment", "Pod")


def names(objects: Objects) -> Iterator[str]:
    """Names and labels out of their alphabets or too long; two objects, volumes, … of one name."""
    yield from _twice(
        "objects", (f"{name_of(each)} in {namespace_of(each) or 'the cluster'}" for each in objects)
    )
    for thing in objects:
        pattern = _LABEL if thing.get("kind") in _DNS_KINDS else _SUBDOMAIN
        if not pattern.fullmatch(str(thing["metadata"].get("name", ""))):
            yield f"{name_of(thing)} has a name that is none"
        yield from _labels(name_of(thing), thing["metadata"])
    for pod in pods(objects):
        yield from _labels(pod.where, pod.metadata)
        yield from _twice(f"{pod.where} containers", (each["name"] for each in pod.containers))
        yield from _twice(
            f"{pod.where} volumes", (each["name"] for each in pod.spec.get("volumes", ()))
        )
        for container in pod.containers:
            owner = f"{pod.where} {container['name']}"
            if not _LABEL.fullmatch(container["name"]):
                yield f"{owner} has a name that is none"
            variables = [each["name"] for each in container.get("env", ())]
            yield from _twice(f"{owner} variables", variables)
            yield from (f"{owner} variable {it}" for it in variables if not _VARIABLE.fullmatch(it))
            for where, port in at(container, "ports[].name"):
                if not _PORT.fullmatch(port):
                    yield f"{owner} {where} is {port}: at most 15 of a-z, 0-9 and -"


def _labels(owner: str, metadata: object) -> Iterator[str]:
    for kind in ("labels", "annotations"):
        for where, value in at(metadata, f"{kind}.*"):
            if not _KEY.fullmatch(where.removeprefix(f"{kind}.")):
                yield f"{owner} {where}: that is no key"
            if not isinstance(value, str):
                yield f"{owner} {where} is no text; quote it"
            elif kind == "labels" and not _VALUE.fullmatch(value):
                yield f"{owner} {where} is {value!r}: at most 63 letters, digits, -, _ and ."


def _twice(what: str, given: Iterator[str] | list[str]) -> Iterator[str]:
    for name, count in Counter(given).items():
        if count > 1:
            yield f"{what}: {name} is there {count} times"
