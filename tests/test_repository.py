import re
import stat
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.repository import ROOT, repository_files

# All of these are spelled in parts, so that this file does not hold what it looks for.
REGISTRY_HOSTS = [
    rf"{name}\.{domain}"
    for domain, names in {
        "org": (
            "pypi",
            "pythonhosted",
            r"registry\.npmjs",
            r"(?:proxy|sum)\.golang",
            r"repo1?\.maven(?:\.apache)?",
            r"(?:deb|security|ftp)\.debian",
        ),
        "com": (r"registry\.yarnpkg",),
        "io": (r"(?:static|index)\.crates",),
    }.items()
    for name in names
]
FORBIDDEN = {
    "names a package registry's host": re.compile("|".join(REGISTRY_HOSTS).encode()),
    "names a path of one machine": re.compile(rb"(?<![\w.])/wo" rb"rk/|\.\./sha" rb"red/"),
    "is unfinished": re.compile(rb"\b(?:TO" rb"DO|FIX" rb"ME)\b"),
}
GENERATED = re.compile(r"_pb2(_grpc)?\.pyi?$")
IGNORE = re.compile(r"#\s*(?:noqa|type:\s*ignore|pragma: no cover)\b(?P<rest>.*)$")
# The codes, then a dash or another comment, then words.
REASON = re.compile(r"^(?::\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*|\[[\w, -]+\])?\s*(?:#|-|--)\s*\w+")


def _gives_reason(line: str) -> bool:
    ignore = IGNORE.search(line)
    return ignore is None or REASON.match(ignore["rest"]) is not None


def _text_lines(path: Path) -> Iterator[tuple[int, str]]:
    return enumerate((ROOT / path).read_text().splitlines(), start=1)


@pytest.mark.parametrize("fault", FORBIDDEN)
def test_no_file_holds_what_does_not_belong_in_a_repository(fault: str) -> None:
    found = [
        f"{path} {fault}: {match.group().decode()}"
        for path in repository_files()
        if (match := FORBIDDEN[fault].search((ROOT / path).read_bytes()))
    ]
    assert found == []


def test_every_ignored_warning_says_why() -> None:
    silent = [
        f"{path}:{number}: {line.strip()}"
        for path in repository_files()
        if path.suffix == ".py" and not GENERATED.search(path.name)
        for number, line in _text_lines(path)
        if not _gives_reason(line)
    ]
    assert silent == []


@pytest.mark.parametrize("codes", ["noqa: S104, B008", "type: ignore[misc]"])
def test_an_ignore_with_codes_alone_gives_no_reason(codes: str) -> None:
    assert not _gives_reason(f"# {codes}")
    assert _gives_reason(f"# {codes} - the operator asked for it")
    assert _gives_reason(f"# {codes}  # the operator asked for it")


def test_scripts_are_executable() -> None:
    scripts = [path for path in repository_files() if (ROOT / path).read_bytes()[:2] == b"#!"]
    assert Path(".ci/run") in scripts
    assert [path for path in scripts if not (ROOT / path).stat().st_mode & stat.S_IXUSR] == []


@pytest.mark.parametrize(
    ("distribution", "lock"), [("client", "dev"), ("server", "dev"), ("client", "floor")]
)
def test_a_lock_satisfies_what_a_distribution_declares(distribution: str, lock: str) -> None:
    locked = _locked(lock)
    unmet = [
        f"{requirement}, locked is {locked.get(canonicalize_name(requirement.name))}"
        for requirement in _declared(distribution)
        if not requirement.specifier.contains(
            locked.get(canonicalize_name(requirement.name), "0"), prereleases=True
        )
    ]
    assert unmet == [], "make lock writes the lock files anew"


def test_the_floor_lock_holds_the_oldest_versions_that_the_client_declares() -> None:
    locked = _locked("floor")
    for requirement in _declared("client"):
        floors = {bound.version for bound in requirement.specifier if bound.operator == ">="}
        assert floors == {locked[canonicalize_name(requirement.name)]}


def _declared(distribution: str) -> list[Requirement]:
    project = tomllib.loads((ROOT / distribution / "pyproject.toml").read_text())["project"]
    requirements = [Requirement(text) for text in project["dependencies"]]
    return [requirement for requirement in requirements if requirement.name != "sidehook"]


def _locked(lock: str) -> dict[str, str]:
    text = (ROOT / "requirements" / f"{lock}.lock").read_text()
    return dict(re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE))
