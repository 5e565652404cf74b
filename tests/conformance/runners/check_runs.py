"""How the runs that workers saw, and their notices, differ from what a case expects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, zip_longest
from typing import Final

from sidehook._call import CallEnd
from sidehook._types import JSON, Mode, Value, ValueKind
from tests.conformance.language.expectations import (
    CallExpectation,
    EndExpectation,
    NoticeExpectation,
    RunExpectation,
)
from tests.conformance.language.values import same
from tests.conformance.runners.book import Book, Seen
from tests.conformance.runners.check_answer import field_differences

_CLOSE: Final = 0.0015
"""Seconds by which a time that a hook is told may differ, where times are exact."""


def run_differences(
    call: str, expect: CallExpectation, book: Book, *, exact: bool
) -> Iterator[str]:
    """How the runs of one call differ."""
    for what, expected, detached in (
        ("runs", expect.runs, False),
        ("detached", expect.detached, True),
    ):
        if expected is not None:
            runs = _in_order(book.of_call(call, detached=detached))
            yield from _differences(f"{call}: {what}", expected, runs, exact=exact)
    if expect.sent is not None:
        # Workers get their runs when they do; what is in one is in order.
        sent = sorted(hooks for call_id, hooks in book.sent if call_id == call)
        if sent != sorted(expect.sent):
            yield f"{call}: the runs were of {sent}, not {sorted(expect.sent)}"


def _in_order(runs: Sequence[Seen]) -> list[Seen]:
    """As they came; those that were sent at once, by worker and hook."""
    ordered: list[Seen] = []
    for mode, group in groupby(runs, lambda seen: seen.hook.mode):
        at_once = list(group)
        if mode in (Mode.CONCURRENT, Mode.FIRE_AND_FORGET):
            at_once.sort(key=lambda seen: seen.path)
        ordered += at_once
    return ordered


def _differences(
    what: str, expected: Sequence[RunExpectation], runs: Sequence[Seen], *, exact: bool
) -> Iterator[str]:
    wanted, there = [run.hook for run in expected], [seen.path for seen in runs]
    if wanted != there:
        yield f"{what} are {there}, not {wanted}"
        return
    for run, seen in zip(expected, runs, strict=True):
        for text in (*_seen(run, seen), *_times(run, seen, exact=exact)):
            yield f"{what}: {run.hook}: {text}"


def _seen(run: RunExpectation, seen: Seen) -> Iterator[str]:
    hook, request = seen.hook, seen.request
    yield from field_differences("the payload", run.fields, request.fields)
    if run.state is not None:
        state = {key: Value(ValueKind.JSON, text) for key, text in request.context.state.items()}
        yield from field_differences("the state", run.state, state)
    writable = None if run.writable is None else frozenset(run.writable)
    for name, wanted, there in (
        ("instance", run.instance, seen.instance),
        ("cancelled", run.cancelled, seen.cancelled),
        ("mode", run.mode, hook.mode),
        ("may_block", run.may_block, hook.may_block),
        ("may_modify", run.may_modify, hook.may_modify),
        ("writable", writable, hook.writable_fields),
    ):
        if wanted is not None and wanted != there:
            yield f"{name} is {there!r}, not {wanted!r}"
    yield from _context(run.context, seen)
    yield from _end(run.end, run.withheld, request.call_end)


def _context(wanted: Mapping[str, JSON], seen: Seen) -> Iterator[str]:
    context = seen.request.context
    there: dict[str, JSON] = {
        "request_id": context.request_id,
        "session_id": context.session_id,
        "tenant": context.tenant,
        "user": context.user,
        "labels": dict(context.labels),
        "scopes": list(context.scopes),
        "idempotency_key": seen.request.idempotency_key,
    }
    for name, value in wanted.items():
        if not same(value, there.get(name)):
            yield f"{name} is {there.get(name)!r}, not {value!r}"


def _end(
    end: EndExpectation | None, withheld: tuple[str, ...] | None, actual: CallEnd | None
) -> Iterator[str]:
    if actual is None:
        if end is not None:
            yield "it was not told how the call ended"
        return
    names = actual.field_names if actual.payload_withheld else None
    if names != withheld:
        yield f"the values withheld are {names}, not {withheld}"
    if end is not None and (end.outcome, end.by, end.code) != (
        actual.outcome,
        actual.hook,
        actual.code,
    ):
        yield f"the call ended as {actual}, not {end}"


def _times(run: RunExpectation, seen: Seen, *, exact: bool) -> Iterator[str]:
    """A time may be exceeded nowhere; less than it is only for a clock that runs by itself."""
    for name, wanted, there in (
        ("timeout", run.timeout, seen.hook.timeout),
        ("time_left", run.time_left, seen.request.time_left),
    ):
        if wanted is None:
            continue
        if there > wanted + _CLOSE or (exact and there < wanted - _CLOSE):
            yield f"{name} is {there:g} s, not {wanted:g} s"


def notice_differences(
    expected: Mapping[str, tuple[NoticeExpectation, ...]], book: Book
) -> Iterator[str]:
    """How the notices of the workers that the case names differ."""
    for worker, notices in expected.items():
        there = [
            notice for name, notice in book.notices if name == worker and notice.code != _ACTIVE
        ]
        for wanted, actual in zip_longest(notices, there):
            if (
                wanted is None
                or actual is None
                or (wanted.code, wanted.hook) != (actual.code, actual.hook)
                or wanted.fields != tuple(sorted(actual.fields))
            ):
                yield f"a notice of {worker} is {actual}, not {wanted}"


def known_differences(expected: Mapping[str, tuple[int, ...]], book: Book) -> Iterator[str]:
    """How what was taken for known differs, for the workers that the case names."""
    for worker, wanted in expected.items():
        there = tuple(known for name, known in book.known if name == worker)
        if there != wanted:
            yield f"{worker} was said to know {list(there)} items, not {list(wanted)}"


_ACTIVE: Final = "HOOKS_ACTIVE"
