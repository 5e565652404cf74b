"""`sidehook plan`: what one call would do."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sidehook import _json
from sidehook._call import CallContext, CallRequest
from sidehook._errors import EncodeError
from sidehook._payload import Payload
from sidehook._types import JSON, FailureClass
from sidehook_server.advice.forecast import Forecast, Row, forecast
from sidehook_server.cli.console import console
from sidehook_server.cli.exits import Exit
from sidehook_server.cli.planned import Planned


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The call that is asked about. `payload` names a file of a JSON object, `-` is stdin."""

    hook_type: str
    payload: str | None = None
    budget: float | None = None
    session: str = ""
    tenant: str = ""
    user: str = ""
    labels: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()


class WrongQuestionError(Exception):
    """The call that is asked about cannot be made."""


def show_plan(planned: Planned, asked: Asked, *, as_json: bool) -> int:
    """Print what the call would do; return the exit code."""
    try:
        request = _request(asked)
    except WrongQuestionError as error:
        print(error, file=sys.stderr)
        return Exit.USAGE
    expected = forecast(
        planned.plan(asked.hook_type),
        request,
        planned.settings,
        instances=planned.serving,
        has_payload=asked.payload is not None,
    )
    if as_json:
        print(json.dumps(_as_json(expected), indent=2))
    else:
        _show(console(), asked.hook_type, expected)
    return Exit.NO if expected.fails else Exit.OK


def _request(asked: Asked) -> CallRequest:
    labels = dict(_label(text) for text in asked.labels)
    context = CallContext(
        session_id=asked.session,
        tenant=asked.tenant,
        user=asked.user,
        labels=labels,
        scopes=asked.scopes,
    )
    if asked.budget is not None and not asked.budget > 0:
        raise WrongQuestionError(f"--budget {asked.budget:g}: it must be over 0")
    return CallRequest(
        hook_type=asked.hook_type,
        fields=_payload(asked.payload).wire_fields,
        call_id="plan",
        budget=asked.budget,
        context=context,
    )


def _label(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise WrongQuestionError(f"--label {text!r}: write NAME=VALUE")
    return name, value


def _payload(name: str | None) -> Payload:
    if name is None:
        return Payload.from_values({})
    try:
        octets = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        values = _json.decode(octets)
        if not isinstance(values, dict):
            raise WrongQuestionError(f"--payload {name}: it is no JSON object")
        return Payload.from_values(values)
    except (OSError, ValueError, EncodeError) as error:
        raise WrongQuestionError(f"--payload {name}: {error}") from error


def _show(out: Console, hook_type: str, expected: Forecast) -> None:
    for sentence in expected.missing:
        out.print(f"calls fail: {sentence}")
    if not expected.rows:
        out.print(f"no hook is registered for {hook_type}")
        return
    table = Table("", "hook", "mode", "turn", "timeout", "over by", "if it fails")
    for number, row in enumerate(expected.rows, 1):
        table.add_row(str(number), *_cells(row))
    out.print(table)
    out.print(
        f"in the worst case answered after {expected.worst_case:.3g} s of a budget of "
        f"{expected.budget:g} s",
    )


def _cells(row: Row) -> tuple[str, ...]:
    hook = row.hook
    mode = hook.row.name + (f" in shadow of {hook.shadow_of.name}" if hook.shadow_of else "")
    turn = row.turn.value + (f": {row.reason}" if row.reason else "")
    over = "detached" if row.ends_at is None else f"{row.ends_at:.3g} s"
    return hook.path, mode, turn, f"{row.timeout:.3g} s", over, _failures(row)


def _failures(row: Row) -> str:
    """What failures do, the classes that do the same together."""
    kinds: dict[str, list[FailureClass]] = {}
    for kind, follows in row.failures.items():
        words = "call fails" if follows.ends_call else str(follows.outcome)
        kinds.setdefault(words, []).append(kind)
    if len(kinds) == 1:
        return next(iter(kinds))
    return "\n".join(f"{', '.join(each)}: {words}" for words, each in kinds.items())


def _as_json(expected: Forecast) -> Mapping[str, JSON]:
    return {
        "fails": expected.fails,
        "missing": [*expected.missing],
        "budget_seconds": expected.budget,
        "worst_case_seconds": expected.worst_case,
        "hooks": [
            {
                "hook": row.hook.path,
                "mode": row.hook.mode.value,
                "phase": row.hook.row.name,
                "shadow_of": row.hook.shadow_of.name if row.hook.shadow_of else None,
                "turn": row.turn.value,
                "reason": row.reason,
                "instances": row.instances,
                "timeout_seconds": row.timeout,
                "ends_at_seconds": row.ends_at,
                "on_failure": {
                    kind.value: {"outcome": follows.outcome.value, "ends_call": follows.ends_call}
                    for kind, follows in row.failures.items()
                },
            }
            for row in expected.rows
        ],
    }
