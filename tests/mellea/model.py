"""A model's server that says what a test tells it to, on a real port of this machine.

It speaks the part of the API of OpenAI that mellea's backend uses, so that a test runs a
session from `start_session` to the request that the model gets.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

NAME = "stub-model"


@dataclass
class Model:
    """What the model's server was asked, and what it says.

    Attributes:
        base_url: Where it is.
        requests: The bodies of the requests, the first of them first.
        answers: What it says next; when there is nothing left, "fine".
        refuses: Answer with an error in place of anything else.

    """

    base_url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    answers: deque[str | ToolCalls] = field(default_factory=deque)
    refuses: bool = False

    def say(self, *answers: str | ToolCalls) -> None:
        """Say these next."""
        self.answers.extend(answers)

    def next_answer(self) -> str | ToolCalls:
        """Take what is to be said next."""
        return self.answers.popleft() if self.answers else "fine"


@dataclass(frozen=True)
class ToolCalls:
    """An answer that asks for tools: names with their arguments."""

    calls: Sequence[tuple[str, Mapping[str, Any]]]

    def as_message(self) -> dict[str, Any]:
        """As it stands in a chat completion."""
        calls = [
            {
                "id": f"call-{number}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(dict(args))},
            }
            for number, (name, args) in enumerate(self.calls)
        ]
        return {"role": "assistant", "content": "", "tool_calls": calls}


@contextmanager
def running_model() -> Iterator[Model]:
    """Run the server for the length of a `with` block."""
    model = Model()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, model))
    server.daemon_threads = True
    model.base_url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="model", daemon=True)
    thread.start()
    try:
        yield model
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, model: Model, *args: Any) -> None:
        self._model = model
        super().__init__(*args)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._model.requests.append(body)
        if self._model.refuses:
            self._send(400, "application/json", json.dumps({"error": {"message": "no"}}))
        elif self.path.endswith("/chat/completions"):
            self._chat(body)
        else:
            self._complete(body)

    def _chat(self, body: Mapping[str, Any]) -> None:
        answer = self._model.next_answer()
        if body.get("stream"):
            assert isinstance(answer, str)
            self._send(200, "text/event-stream", _events(answer))
            return
        message = (
            answer.as_message()
            if isinstance(answer, ToolCalls)
            else {"role": "assistant", "content": answer}
        )
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        self._send(200, "application/json", json.dumps(_completion(choices=[choice])))

    def _complete(self, body: Mapping[str, Any]) -> None:
        texts = [str(self._model.next_answer()) for _ in body["prompt"]]
        choices = [
            {"index": index, "finish_reason": "stop", "text": text, "logprobs": None}
            for index, text in enumerate(texts)
        ]
        whole = {**_completion(choices=choices), "object": "text_completion"}
        self._send(200, "application/json", json.dumps(whole))

    def _send(self, status: int, kind: str, text: str) -> None:
        octets = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(octets)))
        self.end_headers()
        self.wfile.write(octets)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's word
        """Say nothing."""


def _completion(**more: Any) -> dict[str, Any]:
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    return {
        "id": "answer-1",
        "object": "chat.completion",
        "created": 1,
        "model": "stub-model-v1",
        "usage": usage,
        **more,
    }


def _events(answer: str) -> str:
    """The answer word by word."""
    words = [word + " " for word in answer.split(" ")[:-1]] + [answer.split(" ")[-1]]
    chunks = [
        {"index": 0, "delta": {"role": "assistant", "content": word}, "finish_reason": None}
        for word in words
    ]
    end = {"index": 0, "delta": {}, "finish_reason": "stop"}
    sent = [
        json.dumps({**_completion(choices=[choice]), "object": "chat.completion.chunk"})
        for choice in (*chunks, end)
    ]
    return "".join(f"data: {one}\n\n" for one in (*sent, "[DONE]"))
