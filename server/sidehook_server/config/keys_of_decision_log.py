"""The keys about the decision log."""

from __future__ import annotations

from typing import Final

from sidehook_server.config import kinds
from sidehook_server.config.model import (
    DecisionLogConfig,
    ShowConfig,
)
from sidehook_server.config.table import Key, ListOf, ListOfSections, Section

SHOW: Final = Section(
    (
        Key(
            "type",
            kinds.NAME_OF_TYPE,
            "The hook type whose payloads it is about.",
            required=True,
            attribute="hook_type",
        ),
        Key("fields", ListOf(kinds.FIELD_NAME), "Fields whose values are written whole."),
        Key(
            "hash",
            ListOf(kinds.FIELD_NAME),
            "Fields of which the SHA-256 of the value is written. A value that can be guessed can "
            "be found by its digest.",
        ),
    ),
    ShowConfig,
    lambda values: ShowConfig(**values),
)

DECISION_LOG: Final = Section(
    (
        Key("to", kinds.DECISION_SINK, "Where it goes."),
        Key("path", kinds.PATH, "The file of `to: file`. It is made with the file mode 0600."),
        Key("max_bytes", kinds.SIZE, "A file that would become larger is put aside first."),
        Key("keep", kinds.COUNT, "Files put aside (`path.1`, `path.2`, …) before one is removed."),
        Key(
            "endpoint",
            kinds.URL,
            "The OTLP receiver of `to: otlp`, asked by gRPC: `http://host:port`, or `https://` for "
            "TLS. Needs the extra `sidehook-server[otlp]`.",
        ),
        Key("queue", kinds.COUNT, "Lines that may wait to be written; one more is lost, counted."),
        Key(
            "texts",
            kinds.BOOLEAN,
            "The reasons of violations and the messages of failures are written too. They are "
            "texts of hooks, and may quote the payload.",
        ),
        Key(
            "show",
            ListOfSections(SHOW, by="hook_type"),
            "Values of payloads that are written.",
            default="none",
        ),
    ),
    DecisionLogConfig,
    lambda values: DecisionLogConfig(**values),
)
