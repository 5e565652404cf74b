import io
import logging
from collections.abc import Iterator

import pytest

from sidehook_server.ops.logs import KeyValueFormatter, key_values, log_event

log = logging.getLogger("tests.logs")


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the logger writes."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(KeyValueFormatter())
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    yield written
    log.removeHandler(handler)


def test_a_line_is_time_level_logger_event_and_fields(lines: io.StringIO) -> None:
    log_event(log, logging.WARNING, "call_failed", call_id="c1", seconds=0.25, sent=True)
    head, _, rest = lines.getvalue().partition(" ")
    assert head.startswith("time=2")
    assert head.endswith("Z")
    assert rest == (
        "level=warning logger=tests.logs event=call_failed call_id=c1 seconds=0.25 sent=true\n"
    )


def test_a_field_that_is_none_is_left_out() -> None:
    assert key_values({"a": None, "b": 1}) == "b=1"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain/name-1.0", "plain/name-1.0"),
        ("two words", '"two words"'),
        ("", '""'),
        ('a "quote"', r'"a \"quote\""'),
        ("back\\slash", r'"back\\slash"'),
        ("a=b", '"a=b"'),
    ],
)
def test_values_that_could_be_misread_are_quoted(value: str, text: str) -> None:
    assert key_values({"key": value}) == f"key={text}"


@pytest.mark.parametrize("value", ["two\nlines", "\x1b[31mred", "\x00", "\u2028", "\r"])
def test_no_value_breaks_the_line_or_reaches_the_terminal(value: str) -> None:
    rendered = key_values({"key": value})
    assert rendered.isprintable()
    assert len(rendered.splitlines()) == 1


def test_a_message_of_another_library_stays_on_one_line(lines: io.StringIO) -> None:
    log.warning("worker said %s", "a\nevent=forged")
    assert len(lines.getvalue().splitlines()) == 1


def test_a_traceback_is_a_field_of_its_line(lines: io.StringIO) -> None:
    try:
        raise ValueError("oh")
    except ValueError:
        log.exception("background_broken")
    (line,) = lines.getvalue().splitlines()
    assert "event=background_broken traceback=" in line
    assert "ValueError: oh" in line


def test_what_is_below_the_level_is_not_written(lines: io.StringIO) -> None:
    log_event(log, logging.DEBUG, "detail", call_id="c1")
    assert lines.getvalue() == ""
