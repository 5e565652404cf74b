"""A sidecar for tests of applications: it says what it is told, on a real Unix socket.

::

    from sidehook import Client, Violation, ViolationError
    from sidehook.testing import FakeSidecar

    def test_a_block_reaches_the_user() -> None:
        with FakeSidecar() as fake, Client(fake.target) as hooks:
            fake.answer("tool_pre_invoke", Violation(reason="no", code="NOT_ALLOWED"))
            with pytest.raises(ViolationError):
                run_the_application(hooks)

It runs in threads, so that tests of either client use it alike; in a coroutine, put
what waits, such as `next_call`, into `asyncio.to_thread`. It has no pipeline and no
modes: tests of hooks in their order want a real sidecar.
"""

from __future__ import annotations

import queue
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent import futures
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

import grpc

from sidehook import _wire
from sidehook._call import (
    NO_CHANGE,
    CallAnswer,
    CallFailure,
    CallRequest,
    Proceed,
    Receipt,
    StateChange,
)
from sidehook._client_target import checked_target
from sidehook._frames import Frame, InvokeTag, VerdictTag, pack
from sidehook._hello import SPLIT_FRAMES, SidecarHello
from sidehook._hook_list import HookList, HookTypeStatus, ScopeName
from sidehook._manifest import PROTOCOL_VERSION, Limits
from sidehook._payload import Payload
from sidehook.testing._fake_list import FakeList
from sidehook.testing._fake_scopes import FakeScopes, Outcome
from sidehook.testing._fake_streams import Requests, Stream, frames, method

Said: TypeAlias = Outcome | CallAnswer | Mapping[str, object]
"""What the sidecar says to a call. A mapping holds the fields that hooks changed."""

Answer: TypeAlias = Said | Callable[[CallRequest], Said]
"""What a hook type is answered with. A function is called for each call, in a thread."""

WAIT = 10.0
"""Seconds that the fake waits for what a test says must happen."""

_STREAMS = 64


class FakeCall:
    """A call that the fake received.

    Attributes:
        request: What the client sent.
        id: The call's id on its stream.
        cancelled: Set when the client gave the call up, or went away.
    """

    def __init__(self, request: CallRequest, id: int, stream: Stream) -> None:  # noqa: A002 - the contract's word
        self.request = request
        self.id = id
        self.cancelled = threading.Event()
        self._stream = stream

    def answer(
        self,
        said: Said,
        *,
        state: StateChange = NO_CHANGE,
        id: int | None = None,  # noqa: A002 - the contract's word
    ) -> None:
        """Answer the call: late, twice, or with another call's `id`, if the test wants that."""
        answer = said if isinstance(said, CallAnswer) else self._whole(said, state)
        body = _wire.encode_answer(answer)
        self._stream.send_message(self.id if id is None else id, body)

    def answer_octets(self, octets: bytes) -> None:
        """Answer with octets that need not be an answer at all."""
        self._stream.send_frame(Frame(self.id, VerdictTag.ANSWER, octets))

    def _whole(self, said: Outcome | Mapping[str, object], state: StateChange) -> CallAnswer:
        outcome = (
            Proceed(Payload.from_values(said).wire_fields) if isinstance(said, Mapping) else said
        )
        receipt = Receipt(call_id=self.request.call_id, generation=1)
        return CallAnswer(outcome=outcome, receipt=receipt, state=state)


class FakeSidecar:
    """A scripted sidecar. Enter it, or `start` and `stop` it; it can be started again.

    A call of a type without a script proceeds unchanged, after the hooks of the scopes
    that it names (`plugin_scope`) have run. Every call is in `calls`, and the live list
    is incomplete until `hooks` is called. All methods are safe in threads.

    Args:
        path: Where its socket is. Default: in a folder of its own, removed by `stop`.
        protocol_version: The version of the contract that its hello names.
        limits: What its hello says that it accepts.
    """

    def __init__(
        self,
        path: str | Path | None = None,
        *,
        protocol_version: int = PROTOCOL_VERSION,
        limits: Limits | None = None,
    ) -> None:
        self.target = checked_target(str(self._own_folder() if path is None else path))
        self.calls: list[CallRequest] = []
        hello = SidecarHello(
            sidecar="fake",
            limits=Limits() if limits is None else limits,
            capabilities=frozenset({SPLIT_FRAMES}),
            protocol_version=protocol_version,
        )
        self._hello = hello
        self._lock = threading.Lock()
        self._answers: dict[str, Answer] = {}
        self._held: set[str] = set()
        self._refusal: CallFailure | None = None
        self._received: queue.SimpleQueue[FakeCall] = queue.SimpleQueue()
        self._streams: set[Stream] = set()
        self._list = FakeList()
        self._scopes = FakeScopes(hello)
        self._server: grpc.Server | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Listen. Raises RuntimeError when the socket cannot be listened on."""
        services = {
            "HookService": {
                "InvokeStream": method(self._serve_calls),
                "WatchHooks": method(self._list.serve),
            },
            "RegistryService": {"Attach": method(self._scopes.serve)},
        }
        pool = futures.ThreadPoolExecutor(_STREAMS, thread_name_prefix="fake-sidecar")
        server = grpc.server(pool)
        for name, methods in services.items():
            handler = grpc.method_handlers_generic_handler(f"sidehook.v1.{name}", methods)
            server.add_generic_rpc_handlers((handler,))
        server.add_insecure_port(self.target)
        server.start()
        self._server = server

    def stop(self) -> None:
        """End every stream and stop listening. Safe to call twice."""
        server, self._server = self._server, None
        if server is not None:
            server.stop(None).wait(WAIT)

    def answer(self, hook_type: str, answer: Answer) -> None:
        """Answer every call of a type like this from now on."""
        with self._lock:
            self._held.discard(hook_type)
            self._answers[hook_type] = answer

    def hold(self, hook_type: str) -> None:
        """Leave calls of a type to the test, which takes them with `next_call`."""
        with self._lock:
            self._held.add(hook_type)

    def next_call(self, timeout: float = WAIT) -> FakeCall:
        """Return the next call of a held type. Raises TimeoutError when none comes."""
        try:
            return self._received.get(timeout=timeout)
        except queue.Empty:
            raise TimeoutError(f"no call of a held hook type came within {timeout:g} s") from None

    def hooks(
        self,
        types: Mapping[str, bool],
        *,
        scopes: Mapping[str, Collection[tuple[str, str]]] | None = None,
        complete: bool = True,
        undeclared_types_allowed: bool = False,
        lease: float = 2.0,
        wait: bool = True,
    ) -> None:
        """Put a live list in force: the declared types, and whether each has hooks.

        `scopes` gives tenant and name of the scopes with hooks of a type, `lease` is in
        seconds. With `wait` it returns once a client has acknowledged the list; raises
        TimeoutError when none does.
        """
        scoped = scopes or {}
        statuses = {
            name: HookTypeStatus(
                hook_type=name,
                has_hooks=has_hooks,
                scopes=frozenset(ScopeName(*scope) for scope in scoped.get(name, ())),
            )
            for name, has_hooks in types.items()
        }
        hook_list = HookList(
            version=0,
            complete=complete,
            types=statuses,
            undeclared_types_allowed=undeclared_types_allowed,
            sidecar=self._hello.sidecar,
        )
        self._list.put(hook_list, lease=lease)
        if wait and not self._list.wait_applied(WAIT):
            raise TimeoutError(f"no client acknowledged the live list within {WAIT:g} s")

    def freeze_list(self) -> None:
        """Stop answering probes of the live list, as a sidecar that hangs does."""
        self._list.freeze()

    def thaw_list(self) -> None:
        """Answer probes again, first those that came meanwhile."""
        self._list.thaw()

    def drop_list(self) -> None:
        """End the streams of the live list, and no others."""
        self._list.end_all()

    @property
    def probes(self) -> int:
        """How many probes of the live list have come."""
        return self._list.received

    @property
    def scopes(self) -> tuple[str, ...]:
        """The handles of the `plugin_scope`s that are attached now."""
        return self._scopes.handles

    def refuse_scopes(self, refusal: CallFailure | None) -> None:
        """Refuse every `plugin_scope` from now on, or with None accept them again."""
        self._scopes.refusal = refusal

    def refuse_calls(self, refusal: CallFailure | None) -> None:
        """End every new stream of calls with this status, or with None accept them again."""
        with self._lock:
            self._refusal = refusal

    @property
    def streams(self) -> int:
        """How many streams of calls are open now."""
        return len(self._open_streams())

    def drop(self) -> None:
        """End every stream, as a sidecar does that is killed; clients may connect again."""
        for stream in self._open_streams():
            stream.end()
        self._list.end_all()
        self._scopes.end_all()

    def drain(self) -> None:
        """Say on every stream that the sidecar shuts down in good order."""
        for stream in self._open_streams():
            stream.send_frame(Frame(0, VerdictTag.DRAINING, b""))

    def send_octets(self, octets: bytes) -> None:
        """Send one frame of these octets, whatever they are, on every stream of calls."""
        self.send_message(pack([octets]))

    def send_message(self, octets: bytes) -> None:
        """Send a whole stream message of these octets, on every stream of calls."""
        for stream in self._open_streams():
            stream.send(octets)

    def _own_folder(self) -> Path:
        folder = tempfile.mkdtemp(prefix="sh")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return Path(folder) / "sidehook.sock"

    def _open_streams(self) -> list[Stream]:
        with self._lock:
            return list(self._streams)

    def _serve_calls(self, requests: Requests, context: grpc.ServicerContext) -> Iterator[bytes]:
        stream = Stream()
        calls: dict[int, FakeCall] = {}
        with self._lock:
            self._streams.add(stream)
            if self._refusal is not None:
                stream.end(self._refusal)
        stream.read(requests, frames(lambda frame: self._take(frame, stream, calls)))
        try:
            yield from stream.serve(context)
        finally:
            with self._lock:
                self._streams.discard(stream)
            for call in list(calls.values()):
                call.cancelled.set()

    def _take(self, frame: Frame, stream: Stream, calls: dict[int, FakeCall]) -> None:
        if frame.tag == InvokeTag.HELLO:
            hello = _wire.encode_sidecar_hello(self._hello)
            stream.send_frame(Frame(0, VerdictTag.HELLO, hello))
        elif frame.tag == InvokeTag.INVOKE:
            call = calls[frame.id] = FakeCall(_wire.decode_invoke(frame.body), frame.id, stream)
            self._received_call(call)
        elif frame.tag == InvokeTag.CANCEL and frame.id in calls:
            calls[frame.id].cancelled.set()

    def _received_call(self, call: FakeCall) -> None:
        with self._lock:
            self.calls.append(call.request)
            held = call.request.hook_type in self._held
            answer = self._answers.get(call.request.hook_type, self._scopes.run)
        if held:
            self._received.put(call)
        elif callable(answer):
            # In a thread of its own: the next call on the stream does not wait for it.
            threading.Thread(target=_run_script, args=(answer, call), daemon=True).start()
        else:
            call.answer(answer)


def _run_script(script: Callable[[CallRequest], Said], call: FakeCall) -> None:
    try:
        said = script(call.request)
    except Exception as error:
        call.answer(CallFailure(reason="INTERNAL", message=f"the script raised {error!r}"))
        raise
    call.answer(said)
