import pytest

from sidehook._call import CallEnd
from sidehook._errors import DefinitionError, EncodeError
from sidehook._payload import Payload
from sidehook._types import CallOutcome, FailureClass, Mode
from sidehook.testing import aio_run_hook, run_hook
from sidehook.worker import Context, block, hook, modify

TYPE = "component_pre_execute"


@hook(TYPE, mode=Mode.TRANSFORM)
async def set_temperature(payload: Payload, ctx: Context) -> object:
    return modify(payload, model_options={"temperature": 0.7, **(payload.model_options or {})})


@hook(TYPE)
def guard(payload: Payload, ctx: Context) -> object:
    if payload.component_type == "raise":
        raise ValueError
    return block("no", code="NO") if payload.component_type == "bad" else None


@hook(TYPE, name="tell")
def tell_the_context(payload: Payload, ctx: Context) -> object:
    ctx.state.set("calls", ctx.state.get("calls", 0) + 1)
    ctx.state.delete("shared.old")
    ended = ctx.call_end.outcome if ctx.call_end else "not yet"
    return modify(
        payload,
        who=[ctx.call_id, ctx.request_id, ctx.session_id, ctx.tenant, ctx.user],
        more=[ctx.labels["app"], list(ctx.scopes), ctx.mode, ended, ctx.time_left() <= 3],
    )


class Pair:
    @hook(TYPE)
    def one(self, payload: Payload, ctx: Context) -> None: ...

    @hook(TYPE)
    def two(self, payload: Payload, ctx: Context) -> object:
        return block("two")


def test_a_modification_shows_what_changed_and_the_payload_it_leaves() -> None:
    result = run_hook(set_temperature, {"component_type": "I", "model_options": {"seed": 7}})

    assert result.changed == {"model_options": {"temperature": 0.7, "seed": 7}}
    assert dict(result.payload) == {
        "component_type": "I",
        "model_options": {"temperature": 0.7, "seed": 7},
    }
    assert not result.proceeded
    assert (result.violation, result.failure) == (None, None)


def test_proceeding_blocking_and_failing_are_told_apart() -> None:
    proceeded = run_hook(guard, {"component_type": "good"})
    blocked = run_hook(guard, {"component_type": "bad"})
    failed = run_hook(guard, {"component_type": "raise"})

    assert proceeded.proceeded
    assert not blocked.proceeded
    assert blocked.violation is not None
    assert (blocked.violation.reason, blocked.violation.code) == ("no", "NO")
    assert blocked.changed == {}
    assert failed.failure is not None
    assert (failed.failure.failure_class, failed.failure.code) == (
        FailureClass.RAISED,
        "ValueError",
    )


def test_everything_in_the_context_can_be_given() -> None:
    result = run_hook(
        tell_the_context,
        call_id="c",
        request_id="r",
        session_id="s",
        tenant="t",
        user="u",
        labels={"app": "a"},
        scopes=["x"],
        state={"calls": 2, "shared.old": True},
        mode=Mode.FIRE_AND_FORGET,
        call_end=CallEnd(outcome=CallOutcome.BLOCKED),
        time_left=3.0,
    )

    assert result.changed == {
        "who": ["c", "r", "s", "t", "u"],
        "more": ["a", ["x"], "fire_and_forget", "blocked", True],
    }
    assert result.state == {"calls": 3}
    assert result.state_removed == {"shared.old"}


def test_one_of_several_hooks_is_named() -> None:
    assert run_hook(Pair, name="Pair.one").proceeded
    assert run_hook(Pair(), name="Pair.two").violation is not None
    with pytest.raises(DefinitionError, match=r"name one of these hooks .*: Pair\.one, Pair\.two"):
        run_hook(Pair)


def test_a_payload_that_cannot_travel_is_refused_as_on_the_wire() -> None:
    with pytest.raises(EncodeError, match=r"^model_options: "):
        run_hook(set_temperature, {"model_options": {1, 2}})


async def test_on_a_running_loop_the_awaited_twin_is_wanted() -> None:
    with pytest.raises(RuntimeError, match="await aio_run_hook"):
        run_hook(guard, {"component_type": "good"})

    assert (await aio_run_hook(guard, {"component_type": "good"})).proceeded
