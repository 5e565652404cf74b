"""Each variable of a condition: how it is measured, and how it is handed to the expression."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from sidehook import _json
from sidehook._call import CallContext, CallEnd, Fields
from sidehook_server.conditions.intake import Intake, plain_text
from sidehook_server.conditions.names import Keys


@dataclass(frozen=True, slots=True)
class Seen:
    """What one hook of one call would see."""

    hook_type: str
    fields: Fields
    context: CallContext
    end: CallEnd | None


@dataclass(frozen=True, slots=True)
class Variable:
    """`take` measures what is named of it; `give` is what the library gets.

    `give` is None for a variable that this call does not have.
    """

    take: Callable[[Seen, Keys, Intake], None]
    give: Callable[[Seen, Keys, Intake], object]
    exists: Callable[[Seen], bool] = lambda _seen: True


_Text: TypeAlias = Callable[[Seen], str]


def _text(what: str, read: _Text) -> Variable:
    return Variable(
        lambda seen, _keys, intake: intake.text(read(seen)),
        lambda seen, _keys, _intake: plain_text(read(seen), what),
    )


def _end_text(what: str, read: Callable[[CallEnd], str]) -> Variable:
    return Variable(
        lambda seen, _keys, intake: intake.text("" if seen.end is None else read(seen.end)),
        lambda seen, _keys, _intake: seen.end and plain_text(read(seen.end), what),
        lambda seen: seen.end is not None,
    )


def _take_payload(seen: Seen, keys: Keys, intake: Intake) -> None:
    names = _there(seen.fields, keys)
    intake.holder(len(names))
    for name in names:
        intake.text(name)
        if _is_read(name, keys):
            intake.value(seen.fields[name])


def _give_payload(seen: Seen, keys: Keys, intake: Intake) -> object:
    return {
        plain_text(name, "the name of a field"): intake.ready_value(
            seen.fields[name], f"field {_json.shown(name)}"
        )
        if _is_read(name, keys)
        else None
        for name in _there(seen.fields, keys)
    }


def _take_state(seen: Seen, keys: Keys, intake: Intake) -> None:
    names = _there(seen.context.state, keys)
    intake.holder(len(names))
    for name in names:
        intake.text(name)
        if _is_read(name, keys):
            intake.json(seen.context.state[name])


def _give_state(seen: Seen, keys: Keys, intake: Intake) -> object:
    return {
        plain_text(name, "a key of context.state"): intake.ready_json(
            seen.context.state[name], f"state {_json.shown(name)}"
        )
        if _is_read(name, keys)
        else None
        for name in _there(seen.context.state, keys)
    }


def _take_labels(seen: Seen, keys: Keys, intake: Intake) -> None:
    names = _there(seen.context.labels, keys)
    intake.holder(len(names))
    for name in names:
        intake.text(name)
        intake.text(seen.context.labels[name])


def _give_labels(seen: Seen, keys: Keys, _intake: Intake) -> object:
    labels = seen.context.labels
    return {
        plain_text(name, "context.labels"): plain_text(labels[name], "context.labels")
        for name in _there(labels, keys)
    }


def _take_scopes(seen: Seen, _keys: Keys, intake: Intake) -> None:
    intake.holder(len(seen.context.scopes))
    for scope in seen.context.scopes:
        intake.text(scope)


def _give_scopes(seen: Seen, _keys: Keys, _intake: Intake) -> object:
    return [plain_text(scope, "context.scopes") for scope in seen.context.scopes]


def _take_end(seen: Seen, _keys: Keys, intake: Intake) -> None:
    if seen.end is not None:
        intake.holder(4)
        for text in (seen.end.hook, seen.end.code):
            intake.text(text)


def _give_end(seen: Seen, _keys: Keys, _intake: Intake) -> object:
    end = seen.end
    if end is None:
        return None
    return {
        "outcome": end.outcome.value,
        "hook": plain_text(end.hook, "end.hook"),
        "code": plain_text(end.code, "end.code"),
        "payload_withheld": end.payload_withheld,
    }


def _there(mapping: Mapping[str, object], keys: Keys) -> list[str]:
    """The keys of `mapping` that an expression needs."""
    if keys.whole:
        return list(mapping)
    return [name for name in sorted(keys.read | keys.asked) if name in mapping]


def _is_read(name: str, keys: Keys) -> bool:
    return keys.whole or name in keys.read


VARIABLES: Final[Mapping[str, Variable]] = {
    "payload": Variable(_take_payload, _give_payload),
    "hook_type": _text("hook_type", lambda seen: seen.hook_type),
    "context.request_id": _text("context.request_id", lambda seen: seen.context.request_id),
    "context.session_id": _text("context.session_id", lambda seen: seen.context.session_id),
    "context.tenant": _text("context.tenant", lambda seen: seen.context.tenant),
    "context.user": _text("context.user", lambda seen: seen.context.user),
    "context.labels": Variable(_take_labels, _give_labels),
    "context.scopes": Variable(_take_scopes, _give_scopes),
    "context.state": Variable(_take_state, _give_state),
    "end": Variable(_take_end, _give_end),
    "end.outcome": _end_text("end.outcome", lambda end: end.outcome.value),
    "end.hook": _end_text("end.hook", lambda end: end.hook),
    "end.code": _end_text("end.code", lambda end: end.code),
    "end.payload_withheld": Variable(
        lambda _seen, _keys, _intake: None,
        lambda seen, _keys, _intake: seen.end is not None and seen.end.payload_withheld,
        lambda seen: seen.end is not None,
    ),
}
"""The variables by name, in the order of `language.VARIABLES`."""
