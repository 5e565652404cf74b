"""One event as bytes: its hook, and its run as it would travel to a worker."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from sidehook import _wire
from sidehook._errors import MalformedError
from sidehook._run import RunRequest
from sidehook._types import JSON, FailureClass, Mode, OnError
from sidehook_server.pipeline.model import DetachedWork, PlannedHook

_HEAD: Final = struct.Struct(">I")


def encode(work: DetachedWork, *, mask: frozenset[str] = frozenset()) -> bytes:
    """The event without the values of the fields in `mask`. Raises EncodeError."""
    head = json.dumps(_described(work.hook), separators=(",", ":")).encode()
    return b"".join((_HEAD.pack(len(head)), head, _wire.encode_run(_masked(work.request, mask))))


def decode(octets: bytes) -> DetachedWork:
    """The event. Raises MalformedError for what `encode` would not write."""
    try:
        (size,) = _HEAD.unpack_from(octets)
        head = json.loads(octets[_HEAD.size : _HEAD.size + size])
    except (ValueError, struct.error) as error:
        raise MalformedError("record", "its head cannot be read") from error
    return DetachedWork(_hook(head), _wire.decode_run(octets[_HEAD.size + size :]))


def _masked(request: RunRequest, mask: frozenset[str]) -> RunRequest:
    """The run without those fields; how its call ended then tells that some are missing."""
    if mask.isdisjoint(request.fields):
        return request
    assert request.call_end is not None, "a detached hook is told how the call ended"
    names = tuple(sorted(request.fields))
    return replace(
        request,
        fields={name: value for name, value in request.fields.items() if name not in mask},
        call_end=replace(request.call_end, payload_withheld=True, field_names=names),
    )


def _described(hook: PlannedHook) -> dict[str, JSON]:
    return {
        "worker": hook.worker,
        "name": hook.name,
        "hook_type": hook.hook_type,
        "tenant": hook.tenant,
        "scope": hook.scope,
        "handle": hook.handle,
        "timeout": hook.timeout,
        "idempotent": hook.idempotent,
    }


def _hook(head: JSON) -> PlannedHook:
    """The hook as far as its event needs it; what it may do is in the run."""
    if not isinstance(head, dict):
        raise MalformedError("record", "its head is no object")
    timeout = head.get("timeout")
    if not isinstance(timeout, int | float) or not timeout > 0:
        raise MalformedError("record.timeout", "it is no time")
    return PlannedHook(
        worker=_text(head, "worker"),
        name=_text(head, "name"),
        hook_type=_text(head, "hook_type"),
        tenant=_text(head, "tenant"),
        mode=Mode.FIRE_AND_FORGET,
        priority=0,
        timeout=float(timeout),
        on_error=dict.fromkeys(FailureClass, OnError.IGNORE),
        idempotent=head.get("idempotent") is True,
        scope=_text(head, "scope") if head.get("scope") is not None else None,
        handle=_text(head, "handle") if head.get("handle") is not None else None,
    )


def _text(head: Mapping[str, JSON], name: str) -> str:
    value = head.get(name)
    if not isinstance(value, str):
        raise MalformedError(f"record.{name}", "it is no text")
    return value
