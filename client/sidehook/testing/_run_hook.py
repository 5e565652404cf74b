"""Run one hook with no sidecar and no socket, through the worker's own dispatch."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TypedDict, Unpack

from sidehook import _json
from sidehook._call import CallContext, CallEnd, Violation
from sidehook._errors import DefinitionError
from sidehook._manifest import ErrorPolicy
from sidehook._payload import Payload
from sidehook._run import HookAnswer, HookFailure, HookResult, HookRun, Patch, RunRequest
from sidehook._types import JSON, Mode
from sidehook.views import VIEWS
from sidehook.worker._collect import Hook, Item, collect
from sidehook.worker._dispatch import Dispatcher

_CALL_ID = "test-call"


@dataclass(frozen=True, slots=True, kw_only=True)
class HookTestResult:
    """What a hook answered.

    Attributes:
        answer: The answer itself.
        payload: The payload as it stands when a patch is applied.
        state: Keys of the state that the hook set, with their values.
        state_removed: Keys of the state that the hook deleted.

    """

    answer: HookAnswer
    payload: Payload
    state: Mapping[str, JSON] = field(default_factory=dict)
    state_removed: frozenset[str] = frozenset()

    @property
    def proceeded(self) -> bool:
        """Whether the hook had nothing to say."""
        return not isinstance(self.answer, Patch | Violation | HookFailure)

    @property
    def changed(self) -> Mapping[str, JSON | bytes]:
        """The fields that the hook changed, with their new values; empty when it did not."""
        fields = self.answer.fields if isinstance(self.answer, Patch) else {}
        return {name: _json.decode_value(value) for name, value in fields.items()}

    @property
    def violation(self) -> Violation | None:
        """Why the hook said no; None when it did not. `details` is JSON text."""
        return self.answer if isinstance(self.answer, Violation) else None

    @property
    def failure(self) -> HookFailure | None:
        """How the hook failed; None when it did not. The log has the traceback."""
        return self.answer if isinstance(self.answer, HookFailure) else None


async def aio_run_hook(
    hook: Item,
    payload: Mapping[str, object] | None = None,
    *,
    name: str | None = None,
    mode: Mode | None = None,
    call_id: str = _CALL_ID,
    request_id: str = "",
    session_id: str = "",
    tenant: str = "",
    user: str = "",
    labels: Mapping[str, str] | None = None,
    scopes: Collection[str] = (),
    state: Mapping[str, object] | None = None,
    call_end: CallEnd | None = None,
    time_left: float = 10.0,
) -> HookTestResult:
    """Run one hook on `payload` and return what it answered; failures do not raise.

    `hook` is anything that a worker serves; when there are several hooks in it, `name`
    says which. The payload and the answer are encoded and decoded as on the wire. The
    other parameters are what the handler finds in its context; `mode` is the hook's own
    when not given, `time_left` in seconds.

    Raises DefinitionError when there is no such hook and EncodeError for a payload or
    state that JSON cannot carry.
    """
    found = _one(hook, name)
    before = Payload.from_values(payload or {})
    request = RunRequest(
        call_id=call_id,
        hook_type=found.spec.hook_type,
        steps=((_run(found, mode, time_left),),),
        fields=before.wire_fields,
        context=CallContext(
            request_id=request_id,
            session_id=session_id,
            tenant=tenant,
            user=user,
            labels=dict(labels or {}),
            state={k: _json.encode(v, f"state {k}") for k, v in (state or {}).items()},
            scopes=tuple(scopes),
        ),
        time_left=time_left,
        call_end=call_end,
    )
    dispatcher = Dispatcher([found], "test", max_threads=1)
    try:
        result = await dispatcher.run(request)
    finally:
        dispatcher.close()
    return _tested(found, before, result)


class Circumstances(TypedDict, total=False):
    """The parameters of `aio_run_hook` behind the payload."""

    name: str | None
    mode: Mode | None
    call_id: str
    request_id: str
    session_id: str
    tenant: str
    user: str
    labels: Mapping[str, str] | None
    scopes: Collection[str]
    state: Mapping[str, object] | None
    call_end: CallEnd | None
    time_left: float


def run_hook(
    hook: Item, payload: Mapping[str, object] | None = None, **circumstances: Unpack[Circumstances]
) -> HookTestResult:
    """Run one hook as `aio_run_hook` does, with its parameters, on a loop of its own; blocks.

    Raises RuntimeError where a loop is running: await `aio_run_hook` there.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(aio_run_hook(hook, payload, **circumstances))
    raise RuntimeError("an event loop is running here; await aio_run_hook() instead")


def _one(item: Item, name: str | None) -> Hook:
    hooks = [hook for hook in collect([item]) if name in (None, hook.spec.name)]
    if len(hooks) == 1:
        return hooks[0]
    known = ", ".join(hook.spec.name for hook in collect([item]))
    raise DefinitionError(f"name one of these hooks with name=...: {known}")


def _run(hook: Hook, mode: Mode | None, time_left: float) -> HookRun:
    spec = hook.spec
    return HookRun(
        hook=spec.name,
        mode=mode or spec.mode or Mode.SEQUENTIAL,
        may_block=True,
        may_modify=True,
        writable_fields=frozenset(),
        timeout=time_left if spec.timeout is None else spec.timeout,
        on_error=spec.on_error or ErrorPolicy(),
    )


def _tested(hook: Hook, before: Payload, result: HookResult) -> HookTestResult:
    patch = result.answer.fields if isinstance(result.answer, Patch) else {}
    view = VIEWS.get(hook.spec.hook_type, Payload)
    return HookTestResult(
        answer=result.answer,
        payload=view({**before.wire_fields, **patch}),
        state={key: _json.decode(text) for key, text in result.state.set.items()},
        state_removed=result.state.removed,
    )
