"""The live list of the fake sidecar."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import grpc

from sidehook import _wire
from sidehook._hook_list import HookList, WatchRequest, WatchResponse
from sidehook.testing._fake_streams import Requests, Stream


class FakeList:
    """A live list, its holders, and what they have acknowledged. `received` counts probes."""

    def __init__(self) -> None:
        self.received = 0
        self._changed = threading.Condition()
        self._list = HookList(version=1)
        self._lease = 2.0
        self._frozen = False
        self._probes: dict[Stream, WatchRequest] = {}
        self._applied = 0

    def put(self, hook_list: HookList, *, lease: float) -> None:
        """Put another list in force, and tell every holder that is not frozen."""
        with self._changed:
            self._list = replace(hook_list, version=self._list.version + 1)
            self._lease = lease
            self._tell_all()

    def freeze(self) -> None:
        """Stop answering, as a sidecar that hangs does."""
        with self._changed:
            self._frozen = True

    def thaw(self) -> None:
        """Answer again, first what was asked meanwhile."""
        with self._changed:
            self._frozen = False
            self._tell_all()

    def wait_applied(self, timeout: float) -> bool:
        """Wait until a client acknowledged the list in force. Return whether one did."""
        with self._changed:
            return self._changed.wait_for(lambda: self._applied == self._list.version, timeout)

    def end_all(self) -> None:
        """End the streams of all holders."""
        with self._changed:
            for stream in self._probes:
                stream.end()

    def serve(self, requests: Requests, context: grpc.ServicerContext) -> Iterator[bytes]:
        """Serve WatchHooks."""
        stream = Stream()

        def take(message: bytes) -> None:
            with self._changed:
                probe = self._probes[stream] = _wire.decode_watch_request(message)
                self._applied = probe.applied_version
                self.received += 1
                self._changed.notify_all()
                self._tell(stream, probe)

        stream.read(requests, take)
        try:
            yield from stream.serve(context)
        finally:
            with self._changed:
                self._probes.pop(stream, None)

    def _tell_all(self) -> None:
        for stream, probe in self._probes.items():
            self._tell(stream, probe)

    def _tell(self, stream: Stream, probe: WatchRequest) -> None:
        if self._frozen:
            return
        known = probe.applied_version == self._list.version
        response = WatchResponse(
            probe=probe.probe,
            version=self._list.version,
            lease=self._lease,
            hook_list=None if known else self._list,
        )
        stream.send(_wire.encode_watch_response(response))
