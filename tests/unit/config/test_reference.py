"""The reference is what the loader reads by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from sidehook_server.config import load_config, render_reference
from sidehook_server.config.kinds import show_duration, show_size
from sidehook_server.config.reference import EXAMPLE
from sidehook_server.config.schema import CONFIG
from sidehook_server.config.table import ListOfSections, Section
from tests.repository import ROOT

PAGE = ROOT / "docs" / "configuration.md"


def sections(section: Section) -> Iterator[Section]:
    yield section
    for key in section.keys:
        if isinstance(key.takes, Section):
            yield from sections(key.takes)
        elif isinstance(key.takes, ListOfSections):
            yield from sections(key.takes.section)


def test_the_page_is_what_the_tables_generate() -> None:
    assert PAGE.read_text() == render_reference(), "write it anew: make docs"


def test_the_example_of_the_page_loads(tmp_path: Path) -> None:
    file = tmp_path / "sidehook.yaml"
    file.write_text(EXAMPLE)
    config = load_config(file, environment={})
    assert set(config.workers) == {"pii", "metrics"}


def test_every_attribute_of_the_model_has_a_key_and_every_key_an_attribute() -> None:
    for section in sections(CONFIG):
        if section.model is str:
            continue
        attributes = {each.name for each in fields(section.model)} - {"source", "digest"}
        assert {key.target for key in section.keys} == attributes


def test_every_key_is_explained_in_sentences() -> None:
    for section in sections(CONFIG):
        for key in section.keys:
            assert key.text.endswith(".")
            assert f"| `{key.name}` |" in render_reference()


def test_no_cell_of_a_table_breaks_it() -> None:
    rows = [line for line in render_reference().splitlines() if line.startswith("| `")]
    assert rows
    assert {line.count("|") for line in rows} <= {3, 5}


def test_defaults_are_shown_as_one_writes_them() -> None:
    assert [show_duration(seconds) for seconds in (0.02, 5.0, 90.5)] == ["20ms", "5s", "90.5s"]
    assert [show_size(octets) for octets in (100, 65536, 16 << 20)] == ["100B", "64KiB", "16MiB"]
