"""Log lines: a constant event name and key=value, one line each, never payload text."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, TextIO

_FIELDS: Final = "sidehook_fields"
_PLAIN: Final = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/@+%,[]{}()*#<>"
)

Field = str | int | float | bool | None
"""What may stand in a log line. None is left out."""


def log_event(logger: logging.Logger, level: int, event: str, **fields: Field) -> None:
    """Write one line. `event` is a constant name; everything that varies is a field."""
    if logger.isEnabledFor(level):
        logger.log(level, event, extra={_FIELDS: fields}, stacklevel=2)


def configure_logs(level: str, *, stream: TextIO | None = None) -> None:
    """Send every log line of this process to `stream`, standard error unless told otherwise."""
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(KeyValueFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # Its debug lines are about gRPC's inside, several for each RPC.
    logging.getLogger("grpc").setLevel(logging.WARNING)
    # It has a line for every change in a folder, also for one that this line made.
    logging.getLogger("watchfiles").setLevel(logging.WARNING)


class KeyValueFormatter(logging.Formatter):
    """One record as one line: time, level, logger, the event, and its fields as key=value."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line. Line breaks and other control characters are escaped."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        head = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        fields = dict(_fields_of(record))
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        # The event of a line of ours; for other people's the whole message.
        event = f"event={_escaped(record.getMessage())}"
        return " ".join(filter(None, (key_values(head), event, key_values(fields))))


def key_values(fields: Mapping[str, Field]) -> str:
    """Render `a=1 b="two words"`; what has a space, a quote or a control character is quoted."""
    return " ".join(
        f"{key}={_rendered(value)}" for key, value in fields.items() if value is not None
    )


def _fields_of(record: logging.LogRecord) -> Mapping[str, Field]:
    fields: Mapping[str, Field] = getattr(record, _FIELDS, {})
    return fields


def _rendered(value: Field) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    if text and _PLAIN.issuperset(text):
        return text
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{_escaped(quoted)}"'


def _escaped(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
