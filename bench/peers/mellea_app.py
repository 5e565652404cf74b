"""The measured application on mellea: `… local` or `… TARGET`, orders on standard input.

No model is called: the hook point itself is driven, with the payload that mellea's backends
build before they call a model (`mellea.core.backend`). With `local` the five hooks are
plugins in this process; with a target they are in a worker behind our sidecar.
"""

from __future__ import annotations

import asyncio
import sys
import uuid
from typing import Any

import uvloop
from mellea.plugins import HookType, register
from mellea.plugins.hooks.generation import GenerationPreCallPayload
from mellea.plugins.manager import has_plugins, invoke_hook
from mellea.stdlib.components import Message
from mellea.stdlib.context import ChatContext

from bench import payloads
from bench.driver import Order, Report, WrongResultError, drive, obey

_ENTRY_BYTES = 100


def chat(turns: int) -> Any:
    """A conversation of so many turns: a message of the user, and the answer to it."""
    context = ChatContext(window_size=None)
    for turn in range(turns):
        text = payloads.fields_of(payloads.KB)["text"][:_ENTRY_BYTES]
        context = context.add(Message("user", f"{turn}: {text}"))
        context = context.add(Message("assistant", f"{turn}: {text}"))
    return context


def _register(hooks: str) -> None:
    if hooks == "local":
        from bench.peers.mellea_hooks import FIVE

        register(FIVE)
    else:
        from sidehook.integrations.mellea import RemoteHooks

        register(RemoteHooks(hooks))


async def main(hooks: str) -> None:
    """Register the hooks, and do what is ordered."""
    await asyncio.to_thread(_register, hooks)

    async def rounds(order: Order) -> Report:
        context = chat(order.terms["turns"])
        action = Message("user", payloads.fields_of(payloads.KB)["text"])

        async def call() -> None:
            if not has_plugins(HookType.GENERATION_PRE_CALL):
                raise WrongResultError("no plugin is there")
            payload = GenerationPreCallPayload(
                action=action,
                context=context,
                model_options={"temperature": payloads.BEFORE, "max_tokens": 256},
                generation_id=str(uuid.uuid4()),
                model="bench",
                provider="none",
            )
            _, changed = await invoke_hook(HookType.GENERATION_PRE_CALL, payload)
            if changed.model_options["temperature"] != payloads.AFTER:
                raise WrongResultError("the temperature was not set")

        return await drive(call, order)

    await obey(rounds)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(sys.argv[1]))
