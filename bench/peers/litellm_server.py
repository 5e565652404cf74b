"""A guardrail that lets everything pass, behind LiteLLM's generic guardrail API: `… PORT`.

Needs what LiteLLM's proxy brings: uvicorn (with uvloop) and orjson. No framework, so that the
server costs as little as one in Python can.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
import uvicorn

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

_ANSWER = orjson.dumps({"action": "NONE"})
_HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_ANSWER))]


async def guardrail(scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
    """Read the request as a guardrail would, and say that nothing is wrong."""
    body = b""
    more = True
    while more:
        part = await receive()
        body += part.get("body", b"")
        more = part.get("more_body", False)
    assert orjson.loads(body)["texts"]
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": _ANSWER})


class _Server(uvicorn.Server):
    async def startup(self, sockets: Any = None) -> None:
        """Say when calls are taken."""
        await super().startup(sockets)
        print("READY", flush=True)


if __name__ == "__main__":
    _Server(
        uvicorn.Config(guardrail, port=int(sys.argv[1]), log_level="error", lifespan="off")
    ).run()
