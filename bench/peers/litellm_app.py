"""The measured application on LiteLLM's generic guardrail: `… URL`, orders on standard input.

Calls what LiteLLM's proxy calls for a guardrail of this kind; the proxy itself, its own HTTP
server and routing, is left out in its favour.
"""

from __future__ import annotations

import asyncio
import sys

import uvloop
from litellm.proxy.guardrails.guardrail_hooks.generic_guardrail_api import GenericGuardrailAPI

from bench import payloads
from bench.driver import Order, Report, WrongResultError, drive, obey


async def main(url: str) -> None:
    """Make the guardrail, and do what is ordered."""
    guardrail = GenericGuardrailAPI(
        api_base=url, guardrail_name="bench", event_hook="pre_call", default_on=True
    )

    async def rounds(order: Order) -> Report:
        text = payloads.fields_of(order.terms["size"])["text"]
        hooks = order.terms["hooks"]

        async def call() -> None:
            for _ in range(hooks):
                answer = await guardrail.apply_guardrail(
                    inputs={"texts": [text]}, request_data={}, input_type="request"
                )
                if answer["texts"] != [text]:
                    raise WrongResultError("another text came back")

        return await drive(call, order)

    await obey(rounds)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(sys.argv[1]))
