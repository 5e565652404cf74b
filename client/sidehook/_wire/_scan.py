"""Calls and their payloads taken apart by hand, in the form in which nearly all writers write.

Each function gives None, or raises LookupError or UnicodeDecodeError, for octets in any
other form: those are for protobuf to read, and for the code that reads its messages to
judge. What is given is exactly what that code would have given; a test and a fuzzer hold
the two against each other.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from sidehook._call import CallContext, CallEnd, CallRequest, WireFields
from sidehook._run import HookRun, RunRequest
from sidehook._types import Value, ValueKind
from sidehook._wire._durations import in_seconds
from sidehook._wire._payload import MAX_FIELDS, MAX_NAME_BYTES

_NANOS: Final = 10**9
# Beyond this, a duration is for the careful reader to judge; 2**31 seconds are 68 years.
_MAX_SECONDS: Final = 2**31
_KINDS: Final = {0x0A: ValueKind.JSON, 0x12: ValueKind.RAW}

_REMEMBERED: Final = 256
_SHORT: Final = 256

# What NamedTuple does, without its own way there.
_new_value: Final = tuple.__new__

# Contexts by their octets: most calls of a client are for the same one.
_contexts: dict[bytes, CallContext] = {}

Steps: TypeAlias = tuple[tuple[HookRun, ...], ...]
"""The steps of a run."""

_LONGEST_TEXT: Final = 1024
_LONGEST_STEPS: Final = 16 * 1024

_steps: dict[bytes, Steps] = {}
_ends: dict[bytes, CallEnd] = {}


def scan_varint(octets: bytes, at: int) -> tuple[int, int]:
    """The number at `at`, and where what follows it begins.

    Raises LookupError where there is none, and for one that is longer than it need be.
    """
    number = octets[at]
    at += 1
    if number < 0x80:
        return number, at
    number &= 0x7F
    for shift in (7, 14, 21, 28):
        octet = octets[at]
        at += 1
        number |= (octet & 0x7F) << shift
        if 0 < octet < 0x80:
            return number, at
        if octet == 0:
            break
    raise LookupError("no number in its shortest form")


def scan_duration(octets: bytes) -> float | None:
    """Seconds of a serialized Duration, 0 or more."""
    seconds = nanos = at = 0
    end = len(octets)
    if at < end and octets[at] == 0x08:
        seconds, at = scan_varint(octets, at + 1)
    if at < end and octets[at] == 0x10:
        nanos, at = scan_varint(octets, at + 1)
    if at != end or seconds >= _MAX_SECONDS or nanos >= _NANOS:
        return None
    return in_seconds(seconds, nanos)


def scan_payload(octets: bytes) -> WireFields | None:
    """The fields of a serialized payload.

    Only of one whose octets are the shortest that its fields can have, so that they hold
    nothing else: no second value, no field that is not known here.
    """
    fields = WireFields()
    at, end, entries, total = 0, len(octets), 0, 0
    while at < end:
        size, name_at = octets[at + 1], at + 4
        if size >= 0x80:
            size, name_at = scan_varint(octets, at + 1)
            name_at += 2
        stop = name_at - 2 + size
        value_at = name_at + octets[name_at - 1]
        size, kind_at = octets[value_at + 1], value_at + 2
        if size >= 0x80:
            size, kind_at = scan_varint(octets, value_at + 1)
        kind = _KINDS.get(octets[kind_at])
        rest, content_at = octets[kind_at + 1], kind_at + 2
        if rest >= 0x80:
            rest, content_at = scan_varint(octets, kind_at + 1)
        if (
            kind is None
            or octets[at] != 0x0A
            or octets[name_at - 2] != 0x0A
            or octets[name_at - 1] >= 0x80
            or octets[value_at] != 0x12
            or kind_at + size != stop
            or content_at + rest != stop
            or stop > end
        ):
            return None
        fields[str(octets[name_at:value_at], "utf-8")] = _new_value(
            Value, (kind, octets[content_at:stop])
        )
        entries += 1
        total += value_at - name_at + stop - content_at
        at = stop
    if len(fields) != entries or entries > MAX_FIELDS or "" in fields:
        return None
    fields.octets, fields.size = octets, total
    return fields


def known_context(octets: bytes) -> CallContext | None:
    """The context that was read from these octets before."""
    return _contexts.get(octets)


def remember_context(octets: bytes, context: CallContext) -> None:
    """Let `known_context` find a context, if it is small and no session's state is in it."""
    if len(octets) <= _SHORT and not context.state:
        if len(_contexts) >= _REMEMBERED:
            _contexts.clear()
        _contexts[octets] = context


assert MAX_NAME_BYTES >= 0x80, "a name that is found here is never too long"


def scan_invoke(octets: bytes, version: int) -> CallRequest | None:
    """A serialized InvokeRequest of this version of the contract, or of none that is named."""
    at, end = 0, len(octets)
    call_id = hook_type = ""
    fields: WireFields | None = None
    budget: float | None = None
    context: CallContext | None = None
    if octets[at] == 0x0A:
        stop = at + 2 + _short(octets[at + 1])
        call_id, at = str(octets[at + 2 : stop], "utf-8"), stop
    if octets[at] == 0x12:
        stop = at + 2 + _short(octets[at + 1])
        hook_type, at = str(octets[at + 2 : stop], "utf-8"), stop
    if octets[at] == 0x1A:
        size, at = scan_varint(octets, at + 1)
        fields, at = scan_payload(octets[at : at + size]), at + size
    if fields is not None and octets[at] == 0x22:
        stop = at + 2 + _short(octets[at + 1])
        budget, at = scan_duration(octets[at + 2 : stop]), stop
        if not budget:
            return None
    if octets[at] == 0x2A:
        size, at = scan_varint(octets, at + 1)
        context, at = known_context(octets[at : at + size]), at + size
    if fields is None or context is None or octets[at] != 0x40 or octets[at + 1] != version:
        return None
    if at + 2 != end:
        return None
    return CallRequest(
        hook_type=hook_type, fields=fields, call_id=call_id, budget=budget, context=context
    )


def scan_run(octets: bytes) -> RunRequest | None:
    """A serialized RunRequest whose steps and context were read before."""
    call_id, begin = _scan_text(octets, 0, 0x0A)
    hook_type, begin = _scan_text(octets, begin, 0x12)
    at = begin
    while octets[at] == 0x1A:
        size, at = scan_varint(octets, at + 1)
        at += size
    steps = _steps.get(octets[begin:at])
    if steps is None or octets[at] != 0x22:
        return None
    size, at = scan_varint(octets, at + 1)
    fields, at = scan_payload(octets[at : at + size]), at + size
    if octets[at] != 0x2A:
        return None
    size, at = scan_varint(octets, at + 1)
    context, at = known_context(octets[at : at + size]), at + size
    stop = at + 2 + _short(octets[at + 1])
    time_left = scan_duration(octets[at + 2 : stop])
    if fields is None or context is None or time_left is None or octets[at] != 0x32:
        return None
    if stop > len(octets):
        return None
    # With an octet that is no key, so that every look at the next one finds something.
    call_end, key, payload_room, state_room = _scan_run_end(octets[stop:] + b"\x00")
    return RunRequest(
        call_id=call_id,
        hook_type=hook_type,
        steps=steps,
        fields=fields,
        context=context,
        time_left=time_left,
        call_end=call_end,
        idempotency_key=key,
        payload_room=payload_room,
        state_room=state_room,
    )


def _scan_run_end(octets: bytes) -> tuple[CallEnd | None, str, int | None, int | None]:
    """The last fields of a run, each of which may be left out."""
    call_end: CallEnd | None = None
    rooms: list[int | None] = [None, None]
    at = 0
    if octets[at] == 0x3A:
        stop = at + 2 + _short(octets[at + 1])
        call_end, at = _ends[octets[at + 2 : stop]], stop
    key, at = _scan_text(octets, at, 0x42)
    for place, room in enumerate((0x48, 0x50)):
        if octets[at] == room:
            rooms[place], at = scan_varint(octets, at + 1)
    if at != len(octets) - 1:
        raise LookupError("something else behind it")
    return call_end, key, rooms[0], rooms[1]


def _scan_text(octets: bytes, at: int, key: int) -> tuple[str, int]:
    """The text with this key at `at`, empty where it is left out, and where it ends."""
    if octets[at] != key:
        return "", at
    size, begin = scan_varint(octets, at + 1)
    stop = begin + size
    if size > _LONGEST_TEXT:
        raise LookupError("a longer text")
    return str(octets[begin:stop], "utf-8"), stop


def known_steps(octets: bytes) -> Steps | None:
    """The steps that were read from these octets before."""
    return _steps.get(octets)


def remember_steps(octets: bytes, steps: Steps) -> None:
    """Let `known_steps` find the steps of runs, which are the same for most of a plan's."""
    if len(octets) <= _LONGEST_STEPS:
        if len(_steps) >= _REMEMBERED:
            _steps.clear()
        _steps[octets] = steps


def remember_end(octets: bytes, end: CallEnd) -> None:
    """Let `scan_run` know how a call ended, if that is said in few words."""
    if len(octets) <= _SHORT:
        if len(_ends) >= _REMEMBERED:
            _ends.clear()
        _ends[octets] = end


def scan_patch(octets: bytes) -> tuple[int, WireFields] | None:
    """The index and the patch of a HookResult that says nothing else."""
    index = at = 0
    if octets[0] == 0x08:
        index, at = scan_varint(octets, 1)
    size, begin = scan_varint(octets, at + 1)
    if octets[at] != 0x1A or begin + size != len(octets):
        return None
    patch = scan_payload(octets[begin:])
    return None if patch is None else (index, patch)


def scan_proceeding(octets: bytes) -> tuple[WireFields, bytes] | None:
    """The patch and the serialized receipt of an InvokeResponse that lets the call proceed."""
    if octets[0] != 0x0A:
        return None
    size, at = scan_varint(octets, 1)
    stop = at + size
    size, patch_at = scan_varint(octets, at + 1)
    if octets[at] != 0x0A or patch_at + size != stop:
        return None
    patch = scan_payload(octets[patch_at:stop])
    size, receipt_at = scan_varint(octets, stop + 1)
    if patch is None or octets[stop] != 0x22 or receipt_at + size != len(octets):
        return None
    return patch, octets[receipt_at:]


def _short(size: int) -> int:
    """The length of a text or message of less than 128 octets."""
    if size >= 0x80:
        raise LookupError("a longer text")
    return size
