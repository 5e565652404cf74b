"""A reverse proxy that keeps the requests it passes on.

The demo puts it between the application and the language model, to show what the model's server
was really asked, whatever the application thinks that it sent.
"""

import json
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import SplitResult, urlsplit

MAX_RECORDED = 64
ANSWER_TIMEOUT_S = 300
BLOCK = 64 * 1024
# The API that the recorder serves; it is where the application's base URL ends.
PREFIX = "/v1"
# These concern one connection, not the request.
HOP_BY_HOP = {"connection", "content-length", "host", "keep-alive", "transfer-encoding"}


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """One request as it went to the model's server: path below the base URL, and JSON body."""

    path: str
    body: Mapping[str, Any]


class Recorder:
    """The requests that went to `upstream`, and the base URL under which to send more."""

    def __init__(self, upstream: str) -> None:
        self.upstream: SplitResult = urlsplit(upstream)
        self._requests: deque[RecordedRequest] = deque(maxlen=MAX_RECORDED)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self))

    @property
    def base_url(self) -> str:
        """The URL for the application, in place of the upstream's."""
        return f"http://127.0.0.1:{self._server.server_port}{PREFIX}"

    @property
    def requests(self) -> tuple[RecordedRequest, ...]:
        """The newest requests, the oldest of them first; at most MAX_RECORDED."""
        return tuple(self._requests)

    def record(self, path: str, body: bytes) -> None:
        """Keep a request."""
        self._requests.append(RecordedRequest(path, json.loads(body) if body else {}))

    def connect(self) -> HTTPConnection:
        """Return a new connection to the upstream."""
        kind = HTTPSConnection if self.upstream.scheme == "https" else HTTPConnection
        return kind(self.upstream.netloc, timeout=ANSWER_TIMEOUT_S)

    @contextmanager
    def serving(self) -> Iterator["Recorder"]:
        """Serve until the block ends."""
        thread = threading.Thread(target=self._server.serve_forever, name="recorder")
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, recorder: Recorder, *arguments: Any) -> None:
        self._recorder = recorder
        super().__init__(*arguments)

    def do_GET(self) -> None:
        """Pass a question about the API on."""
        self._pass_on()

    def do_POST(self) -> None:
        """Pass a request to the model on."""
        self._pass_on()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as overridden
        """Say nothing: the demo prints what matters."""

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        path = self.path.removeprefix(PREFIX)
        if self.command == "POST":
            self._recorder.record(path, body)
        with closing(self._recorder.connect()) as connection:
            try:
                upstream_path = self._recorder.upstream.path + path
                headers = _passed_on(self.headers.items())
                connection.request(self.command, upstream_path, body, dict(headers))
                response = connection.getresponse()
            except (OSError, HTTPException) as error:
                self.send_error(502, "the model's server did not answer", str(error))
                return
            # The application may have gone away, and then nobody misses the answer.
            with suppress(ConnectionError):
                self._answer(response)

    def _answer(self, response: HTTPResponse) -> None:
        self.send_response(response.status)
        for name, value in _passed_on(response.getheaders()):
            self.send_header(name, value)
        # Ends with the connection, so that a stream needs no length.
        self.send_header("connection", "close")
        self.end_headers()
        while block := response.read1(BLOCK):
            self.wfile.write(block)
            self.wfile.flush()


def _passed_on(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers if name.lower() not in HOP_BY_HOP]
