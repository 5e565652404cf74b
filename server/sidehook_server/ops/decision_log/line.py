"""What one line of the decision log holds. Pure: a finished call in, a line of JSON out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from typing import Final

import orjson

from sidehook._call import CallAnswer, CallFailure, CallRequest, ReceiptLine, Violation
from sidehook_server.ops.decision_log.values import View, payload_of
from sidehook_server.ops.outcomes import outcome_of
from sidehook_server.registry.caller_refusals import REASON as CALLER_FORBIDDEN

MAX_TEXT: Final = 1024
"""A longer text of an application or a hook is cut: one call must not fill the log."""

MAX_NAMES: Final = 64
"""Scopes or fields that are written of a list; the last item of a longer one says that it is."""

MAX_ANNOTATIONS: Final = 16
"""Annotations of one hook that are written, as the contract has it."""

MAX_ANNOTATION: Final = 256
"""Characters of one annotation that are written; the contract allows as many bytes."""


def line_of(
    request: CallRequest,
    answer: CallAnswer,
    seconds: float,
    *,
    sidecar: str,
    moment: datetime,
    view: View,
) -> bytes:
    """The line of one call, without its line break. `moment` is when it was answered."""
    context, receipt = request.context, answer.receipt
    entry: dict[str, object] = {
        "time": moment,
        "sidecar": sidecar,
        "call_id": _cut(request.call_id),
        "hook_type": _cut(request.hook_type),
        "request_id": _cut(context.request_id),
        "session_id": _cut(context.session_id),
        "tenant": _cut(context.tenant),
        "user": _cut(context.user),
        "labels": _cut_all(context.labels) if context.labels else {},
        "scopes": _cut_each(context.scopes),
        "unknown_scopes": _cut_each(receipt.unknown_scopes),
        "outcome": outcome_of(answer),
        **_ending(answer, view),
        "duration_seconds": round(seconds, 6),
        "generation": receipt.generation,
        "development": receipt.development,
        "unguarded_calls": request.unguarded_calls,
        "receipt": [_hook(line, view) for line in receipt.lines],
    }
    payload = payload_of(view, request, answer)
    if payload is not None:
        entry["payload"] = payload.shown
        entry["payload_withheld"] = payload.withheld
    return orjson.dumps(entry, option=orjson.OPT_UTC_Z)


def _ending(answer: CallAnswer, view: View) -> dict[str, str]:
    """Who ended the call and why: the code of the violation, or the reason of the failure."""
    outcome = answer.outcome
    if isinstance(outcome, Violation):
        code, text = outcome.code, outcome.reason
    elif isinstance(outcome, CallFailure):
        code, text = outcome.reason, outcome.message
    else:
        return _NOBODY
    ending = {"code": _cut(code), "hook": outcome.hook, "worker": outcome.worker}
    if isinstance(outcome, CallFailure) and code == CALLER_FORBIDDEN:
        ending |= {name: _cut(outcome.metadata.get(name, "")) for name in ("caller", "identity")}
    return {**ending, "reason": _cut(text)} if view.texts else ending


_MORE: Final = "…"
_NOBODY: Final = {"code": "", "hook": "", "worker": ""}


def _hook(line: ReceiptLine, view: View) -> dict[str, object]:
    """One hook of the receipt; what there is nothing to say of is left out."""
    entry: dict[str, object] = {
        "hook": line.hook,
        "worker": line.worker,
        "mode": line.mode,
        "outcome": line.outcome,
    }
    if line.instance:
        entry["instance"] = line.instance
    if line.duration is not None:
        entry["duration_seconds"] = round(line.duration, 6)
    if line.changed_fields:
        entry["changed_fields"] = _cut_each(line.changed_fields)
    if line.rejected_fields:
        entry["rejected_fields"] = _cut_each(line.rejected_fields)
    if line.failure_class is not None:
        entry["failure_class"] = line.failure_class
    if line.code:
        entry["code"] = _cut(line.code)
    if line.message and view.texts:
        entry["message"] = _cut(line.message)
    if line.annotations:
        entry["annotations"] = {
            _cut(name): _cut(text, MAX_ANNOTATION)
            for name, text in islice(line.annotations.items(), MAX_ANNOTATIONS)
        }
    return entry


def _cut(text: str, longest: int = MAX_TEXT) -> str:
    return text if len(text) <= longest else f"{text[:longest]}{_MORE}"


def _cut_each(texts: tuple[str, ...]) -> list[str]:
    cut = [_cut(text) for text in texts[:MAX_NAMES]]
    return cut if len(texts) <= MAX_NAMES else [*cut, _MORE]


def _cut_all(labels: Mapping[str, str]) -> dict[str, str]:
    return {_cut(name): _cut(text) for name, text in labels.items()}
