"""Which values of a payload the decision log shows. Without a word of the operator's, none.

A value is shown as it stood at the verdict, never one that a hook replaced. Where a TRANSFORM
hook that might have redacted it had no turn, nothing is shown, as FIRE_AND_FORGET hooks see
nothing then (rule 3).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, TypeAlias

import orjson

from sidehook._call import CallAnswer, CallRequest, Proceed, ReceiptLine
from sidehook._types import HookOutcome, Mode, Value, ValueKind
from sidehook_server.config.model import Config
from sidehook_server.pipeline.ledger import HAD_ITS_TURN

LARGEST: Final = 16 * 1024
"""A value of more bytes than this is shown as its digest and its size."""

Shown: TypeAlias = dict[str, object]
"""What stands for one value, ready to be written."""


class How(Enum):
    """How a value is shown."""

    WHOLE = auto()
    HASH = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the operator lets be seen: texts of hooks, and values by hook type and field."""

    texts: bool = False
    payload_on_block: bool = False
    fields: Mapping[str, Mapping[str, How]] = field(default_factory=dict)


def view_of(config: Config) -> View:
    """What the configuration lets be seen."""
    return View(
        texts=config.decision_log.texts,
        payload_on_block=config.payload_on_block,
        fields={
            show.hook_type: {
                **dict.fromkeys(show.hash, How.HASH),
                **dict.fromkeys(show.fields, How.WHOLE),
            }
            for show in config.decision_log.show
        },
    )


@dataclass(frozen=True, slots=True)
class Payload:
    """The values that are shown, and the fields whose values were asked for and are held back."""

    shown: Mapping[str, Shown]
    withheld: tuple[str, ...]


def payload_of(view: View, request: CallRequest, answer: CallAnswer) -> Payload | None:
    """What is shown of a call's payload; None when nothing was asked for."""
    asked = view.fields.get(request.hook_type)
    if asked is None:
        return None
    lines = answer.receipt.lines
    at_verdict = dict(request.fields)
    replaced: frozenset[str] = frozenset()
    if isinstance(answer.outcome, Proceed):
        at_verdict.update(answer.outcome.patch)
    else:
        # The patches of a call that ended otherwise are gone, and what they replaced is not shown.
        modified = (line for line in lines if line.outcome is HookOutcome.MODIFIED)
        replaced = frozenset(name for line in modified for name in line.changed_fields)
    present = [name for name in asked if name in at_verdict or name in replaced]
    may_show = view.payload_on_block or not _may_hold_unredacted(lines)
    seen = [name for name in present if may_show and name not in replaced]
    return Payload(
        shown={name: _SHOWN_AS[asked[name]](at_verdict[name]) for name in sorted(seen)},
        withheld=tuple(sorted(set(present).difference(seen))),
    )


def _may_hold_unredacted(lines: Iterable[ReceiptLine]) -> bool:
    return any(
        line.mode is Mode.TRANSFORM and not line.shadowed and line.outcome not in HAD_ITS_TURN
        for line in lines
    )


def _digest(value: Value) -> Shown:
    return {"sha256": hashlib.sha256(value.octets).hexdigest(), "bytes": len(value.octets)}


def _whole(value: Value) -> Shown:
    if len(value.octets) > LARGEST:
        return _digest(value)
    if value.kind is ValueKind.RAW:
        return {"base64": base64.b64encode(value.octets).decode()}
    try:
        # Read, so that a line break between its tokens does not end the line of the log.
        return {"value": orjson.loads(value.octets)}
    except orjson.JSONDecodeError:
        # Nobody checks what an application sends but does not let hooks change.
        return _digest(value)


_SHOWN_AS: Final = {How.WHOLE: _whole, How.HASH: _digest}
