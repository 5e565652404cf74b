"""Hooks that the tests of the local clients share, and ways to look at what came of them."""

import asyncio

from sidehook import Context, Mode, Payload, Receipt, block, hook, modify
from sidehook._results import HookReturn

TYPE = "component_pre_execute"


@hook(TYPE, mode=Mode.SEQUENTIAL, priority=10)
async def first(payload: Payload, ctx: Context) -> HookReturn:
    if payload.component_type == "forbidden":
        return block("not this one", code="NOT_THIS", details={"seen": payload.component_type})
    return None


@hook(TYPE, mode=Mode.TRANSFORM, priority=20)
def temperature(payload: Payload, ctx: Context) -> HookReturn:
    return modify(payload, model_options={"temperature": 0.7, **(payload.model_options or {})})


@hook(TYPE, mode=Mode.AUDIT, priority=30)
def audit(payload: Payload, ctx: Context) -> HookReturn:
    return block("only an observer", code="AUDIT_001")


@hook(TYPE, mode=Mode.CONCURRENT, priority=40)
async def beside(payload: Payload, ctx: Context) -> HookReturn:
    if payload.model_options.get("max_tokens", 0) > 100:
        return block("too many tokens", code="TOKENS")
    return None


class Telemetry:
    """Notes what a FIRE_AND_FORGET hook is given. `gate` holds it up until it is set."""

    def __init__(self) -> None:
        self.seen: list[dict[str, object]] = []
        self.ends: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    @hook(TYPE, mode=Mode.FIRE_AND_FORGET)
    async def note(self, payload: Payload, ctx: Context) -> None:
        await self.gate.wait()
        assert ctx.call_end is not None
        self.ends.append(str(ctx.call_end.outcome))
        self.seen.append(dict(payload))


class Waiting:
    """A hook that answers when it is let go, and tells when it runs and when it is cancelled."""

    def __init__(self) -> None:
        self.running, self.go, self.cancelled = asyncio.Event(), asyncio.Event(), asyncio.Event()

    @hook(TYPE, name="waiting", timeout=60)
    async def wait(self, payload: Payload, ctx: Context) -> None:
        self.running.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise


def outcomes(receipt: Receipt | None) -> dict[str, str]:
    """The receipt in short: hook to outcome, in the order of the plan."""
    assert receipt is not None
    return {line.hook: str(line.outcome) for line in receipt.lines}
