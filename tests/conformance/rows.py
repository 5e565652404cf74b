"""The rows about cpex, each of which has a case."""

from __future__ import annotations

from dataclasses import dataclass

from tests.conformance.language import reading
from tests.conformance.language.reading import Keys
from tests.conformance.language.yaml_text import read_yaml
from tests.conformance.suite import FOLDER


@dataclass(frozen=True, slots=True)
class Row:
    """What cpex does, and what we do."""

    name: str
    cpex: str
    we: str


def rows() -> list[Row]:
    """Every row of cpex_rows.yaml."""
    found = []
    content = read_yaml(FOLDER / "cpex_rows.yaml")
    for place, item in enumerate(reading.list_of(reading.anything)(content, "cpex_rows.yaml")):
        keys = Keys(item, f"cpex_rows.yaml: {place}")
        row = Row(
            keys.required("row", reading.text),
            keys.required("cpex", reading.text),
            keys.required("we", reading.text),
        )
        keys.finish()
        found.append(row)
    return found
