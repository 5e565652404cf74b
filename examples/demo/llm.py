"""The demo's language model, and a record of what it is asked.

Which model: the one of LLM_BASE_URL and LLM_MODEL when these are set, the file of LLM_MODEL_PATH
when that is, else Gemma 3 270M. A file is served by a child process on this machine.
"""

import os
import re
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from examples.demo.fetch_model import MODEL_NAME, ModelUnavailableError, Say, gemma, say_now
from examples.demo.recorder import Recorder

LOAD_TIMEOUT_S = 120
PROGRESS_EVERY_S = 5
STOP_TIMEOUT_S = 10
LOG_TAIL = 800
READY = re.compile(rb"^listening (?P<url>\S+)$", re.MULTILINE)

# The packaged Gemma was trained on text, not on conversations, and brings no template for them. It
# answers a question when it stands at the end of a list of questions with their answers.
GEMMA_TEMPLATE = (
    "Question: What are the primary colours?\nAnswer: Red, yellow and blue.\n\n"
    "Question: Which planet is the largest?\nAnswer: Jupiter.\n\n"
    "{% for m in messages %}{% if m.role == 'assistant' %}Answer: {{ m.content }}\n\n"
    "{% else %}Question: {{ m.content }}\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}Answer:{% endif %}"
)


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """A model behind an OpenAI-compatible API."""

    name: str
    api_key: str
    recorder: Recorder
    server: subprocess.Popen[bytes] | None = None

    @property
    def exit_code(self) -> int | None:
        """How its server ended; None while it runs, and for a server of the user's own."""
        return None if self.server is None else self.server.returncode

    @property
    def base_url(self) -> str:
        """The base URL of its API; what goes there is recorded."""
        return self.recorder.base_url

    @property
    def chat_requests(self) -> tuple[Mapping[str, Any], ...]:
        """The bodies of the chat requests that its server received, the oldest first."""
        return tuple(
            request.body
            for request in self.recorder.requests
            if request.path == "/chat/completions"
        )


@contextmanager
def language_model(
    environment: Mapping[str, str] = os.environ, say: Say = say_now
) -> Iterator[LanguageModel]:
    """Run the language model until the block ends.

    Blocks while the model is downloaded and loaded, and says how far it is. Raises
    ModelUnavailableError when there is none.
    """
    base_url, name = environment.get("LLM_BASE_URL", ""), environment.get("LLM_MODEL", "")
    path = environment.get("LLM_MODEL_PATH", "")
    if bool(base_url) != bool(name):
        raise ModelUnavailableError("LLM_BASE_URL and LLM_MODEL go together, and one is not set.")
    if base_url:
        say(f"Using the model {name} at {base_url}")
        with Recorder(base_url.rstrip("/")).serving() as recorder:
            yield LanguageModel(name, environment.get("LLM_API_KEY", "none"), recorder)
        return
    file, name, template = _file(path, say)
    with (
        _server(file, name, template, say) as (server, url),
        Recorder(f"{url}/v1").serving() as recorder,
    ):
        yield LanguageModel(name, "none", recorder, server)


def _file(path: str, say: Say) -> tuple[Path, str, str]:
    """Return the model's file, name and chat template; an empty template means its own."""
    if not path:
        return gemma(say), MODEL_NAME, GEMMA_TEMPLATE
    file = Path(path)
    if not file.is_file():
        raise ModelUnavailableError(f"LLM_MODEL_PATH names no file: {file}")
    return file, file.stem, ""


@contextmanager
def _server(
    file: Path, name: str, template: str, say: Say
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Serve a model file from a child process until the block ends; yield it and its address."""
    say(f"Loading {file.name}")
    program = Path(__file__).with_name("llm_server.py")
    options = ["--name", name, *(["--chat-template", template] if template else [])]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, program, file, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        )
        try:
            yield process, _address(process, log, say)
        finally:
            _stop(process)


def _address(process: subprocess.Popen[bytes], log: IO[bytes], say: Say) -> str:
    """Wait until the server listens, and return where."""
    if process.stdout is None:
        raise AssertionError("the server was started with a pipe")
    started = time.monotonic()
    said = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while time.monotonic() - started < LOAD_TIMEOUT_S:
            if not selector.select(PROGRESS_EVERY_S):
                say(f"… still loading after {time.monotonic() - started:.0f} s")
            elif not (block := os.read(process.stdout.fileno(), 4096)):
                break
            elif listening := READY.search(said := said + block):
                say(f"Loaded in {time.monotonic() - started:.1f} s")
                return listening["url"].decode()
    log.seek(0)
    last_words = log.read()[-LOG_TAIL:].decode(errors="replace")
    raise ModelUnavailableError(f"The model did not load. Its server said:\n{last_words}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server by closing its standard input, and by force if it does not listen to that."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


if __name__ == "__main__":
    try:
        with language_model() as model:
            input(f"{model.name} answers at {model.base_url}; press Enter to stop it. ")
    except ModelUnavailableError as unavailable:
        sys.exit(str(unavailable))
