"""The steps of a case: one thing that an application, a worker or an operator does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from sidehook._types import JSON
from tests.conformance.language import reading
from tests.conformance.language.answers import Answer, read_answer
from tests.conformance.language.calls import ScriptedCall, read_call
from tests.conformance.language.expectations import CallExpectation, read_call_expectation
from tests.conformance.language.reading import Keys
from tests.conformance.language.workers import ScriptedHook, read_hooks

ONLY_CALL: Final = "call"
"""The name of a call that the case gives none."""


@dataclass(frozen=True, slots=True)
class Begin:
    """An application makes a call. `is_left_alone`: other things happen before its end."""

    name: str
    call: ScriptedCall
    is_left_alone: bool = False


@dataclass(frozen=True, slots=True)
class Finish:
    """The call of this name is answered, and its answer is looked at."""

    name: str
    expect: CallExpectation


@dataclass(frozen=True, slots=True)
class Cancel:
    """The application gives the call up."""

    name: str
    expect: CallExpectation | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What becomes of a manifest: taken, or refused with a reason and these words."""

    refused: str = ""
    mentions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Connect:
    """An instance of a worker comes; `hooks` None are those of the worker."""

    worker: str
    instance: str | None
    hooks: Mapping[str, ScriptedHook] | None
    expect: Registration


@dataclass(frozen=True, slots=True, kw_only=True)
class Declare:
    """A connected instance declares itself anew."""

    worker: str
    instance: str | None
    hooks: Mapping[str, ScriptedHook]
    expect: Registration


@dataclass(frozen=True, slots=True)
class Drop:
    """The connection of an instance breaks."""

    worker: str
    instance: str | None


@dataclass(frozen=True, slots=True)
class Goodbye:
    """An instance says that it drains."""

    worker: str
    instance: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retire:
    """Somebody takes hooks out of the plan: one of the worker's, or with "" all of them."""

    worker: str
    hook: str
    retired: tuple[str, ...]
    refused: str


@dataclass(frozen=True, slots=True)
class Advance:
    """So many seconds pass."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Running:
    """A hook has a run. `hook` is `worker/hook`; `call` None stands for any."""

    hook: str
    call: str | None


@dataclass(frozen=True, slots=True)
class Reply:
    """A hook that holds its answer gives it, to one call or to the one that waits longest."""

    hook: str
    call: str | None
    answer: Answer


@dataclass(frozen=True, slots=True)
class Enter:
    """An application serves hooks of its own, for calls that name their scope."""

    scope: str
    hooks: Mapping[str, ScriptedHook]


@dataclass(frozen=True, slots=True)
class Leave:
    """The application does not serve them any more."""

    scope: str


@dataclass(frozen=True, slots=True)
class Drain:
    """The sidecar is told to stop, and goes on with what it has."""


@dataclass(frozen=True, slots=True)
class Drained:
    """The sidecar has stopped; so much was left."""

    cut_calls: int
    undelivered: int


@dataclass(frozen=True, slots=True)
class Restart:
    """The sidecar is stopped, and another one starts with what was kept."""


Step: TypeAlias = (
    Begin
    | Finish
    | Cancel
    | Connect
    | Declare
    | Drop
    | Goodbye
    | Retire
    | Advance
    | Running
    | Reply
    | Enter
    | Leave
    | Drain
    | Drained
    | Restart
)
"""One thing that happens."""

Steps: TypeAlias = tuple[Step, ...]


def read_step(value: JSON, where: str) -> Steps:
    """A step of a case, as the things that it makes happen."""
    keys = Keys(value, where)
    steps = keys.one_of(_STEPS)
    keys.finish()
    return steps


def read_only_call(value: JSON, where: str, expect: CallExpectation) -> Steps:
    """The call of a case that has no other steps."""
    keys = Keys(value, where)
    call = read_call(keys)
    keys.finish()
    return (Begin(ONLY_CALL, call), Finish(ONLY_CALL, expect))


def _read_expectation(value: JSON, where: str) -> CallExpectation:
    keys = Keys(value, where)
    expectation = read_call_expectation(keys)
    keys.finish()
    return expectation


def _read_invoke(value: JSON, where: str) -> Steps:
    keys = Keys(value, where)
    expect = keys.required("expect", _read_expectation)
    call = read_call(keys)
    keys.finish()
    name = where.rpartition(": ")[0].rpartition(": ")[2]
    return (Begin(name, call), Finish(name, expect))


def _read_begin(value: JSON, where: str) -> Steps:
    keys = Keys(value, where)
    name = keys.take("as", reading.text, ONLY_CALL)
    call = read_call(keys)
    keys.finish()
    return (Begin(name, call, is_left_alone=True),)


def _read_finish(value: JSON, where: str) -> Steps:
    keys = Keys(value, where)
    step = Finish(
        keys.take("call", reading.text, ONLY_CALL), keys.required("expect", _read_expectation)
    )
    keys.finish()
    return (step,)


def _read_cancel(value: JSON, where: str) -> Steps:
    keys = Keys(value, where)
    step = Cancel(
        keys.take("call", reading.text, ONLY_CALL), keys.optional("expect", _read_expectation)
    )
    keys.finish()
    return (step,)


def _who(value: JSON, where: str) -> Keys:
    """A worker by its name alone, or with more."""
    return Keys({"worker": value} if isinstance(value, str) else value, where)


def _read_connect(value: JSON, where: str) -> Steps:
    keys = _who(value, where)
    step = Connect(
        worker=keys.required("worker", reading.text),
        instance=keys.optional("instance", reading.text),
        hooks=keys.optional("hooks", read_hooks),
        expect=keys.take("expect", _read_registration, Registration()),
    )
    keys.finish()
    return (step,)


def _read_declare(value: JSON, where: str) -> Steps:
    keys = _who(value, where)
    step = Declare(
        worker=keys.required("worker", reading.text),
        instance=keys.optional("instance", reading.text),
        hooks=keys.required("hooks", read_hooks),
        expect=keys.take("expect", _read_registration, Registration()),
    )
    keys.finish()
    return (step,)


def _read_registration(value: JSON, where: str) -> Registration:
    keys = Keys(value, where)
    registration = Registration(
        refused=keys.required("refused", reading.text),
        mentions=keys.several("mentions", reading.text),
    )
    keys.finish()
    return registration


def _read_drop(value: JSON, where: str) -> Steps:
    keys = _who(value, where)
    step = Drop(keys.required("worker", reading.text), keys.optional("instance", reading.text))
    keys.finish()
    return (step,)


def _read_goodbye(value: JSON, where: str) -> Steps:
    keys = _who(value, where)
    step = Goodbye(keys.required("worker", reading.text), keys.optional("instance", reading.text))
    keys.finish()
    return (step,)


def _read_retire(value: JSON, where: str) -> Steps:
    keys = Keys(value, where)
    step = Retire(
        worker=keys.required("worker", reading.text),
        hook=keys.take("hook", reading.text, ""),
        retired=keys.several("retired", reading.text),
        refused=keys.take("refused", reading.text, ""),
    )
    keys.finish()
    return (step,)


def _read_reply(value: JSON, where: str) -> Steps:
    keys = Keys(value, where)
    step = Reply(
        keys.required("hook", reading.text),
        keys.optional("call", reading.text),
        keys.required("answer", read_answer),
    )
    keys.finish()
    return (step,)


def _read_running(value: JSON, where: str) -> Steps:
    keys = Keys({"hook": value} if isinstance(value, str) else value, where)
    step = Running(keys.required("hook", reading.text), keys.optional("call", reading.text))
    keys.finish()
    return (step,)


def _read_enter(value: JSON, where: str) -> Steps:
    keys = Keys(value, where)
    step = Enter(keys.required("scope", reading.text), keys.required("hooks", read_hooks))
    keys.finish()
    return (step,)


def _read_drained(value: JSON, where: str) -> Steps:
    keys = Keys(value, where)
    step = Drained(
        keys.take("cut_calls", reading.integer, 0), keys.take("undelivered", reading.integer, 0)
    )
    keys.finish()
    return (step,)


_STEPS: Final[Mapping[str, reading.Reads[Steps]]] = {
    "invoke": _read_invoke,
    "begin": _read_begin,
    "finish": _read_finish,
    "cancel": _read_cancel,
    "connect": _read_connect,
    "declare": _read_declare,
    "drop": _read_drop,
    "goodbye": _read_goodbye,
    "retire": _read_retire,
    "advance": lambda value, where: (Advance(reading.seconds(value, where)),),
    "running": _read_running,
    "reply": _read_reply,
    "enter": _read_enter,
    "leave": lambda value, where: (Leave(reading.text(value, where)),),
    "drain": lambda _value, _where: (Drain(),),
    "drained": _read_drained,
    "restart": lambda _value, _where: (Restart(),),
}
