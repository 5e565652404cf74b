"""`sidehook retire`."""

from __future__ import annotations

import sys
from typing import TypeAlias, cast

import grpc

from sidehook import _wire as wire
from sidehook._hello import RetireRequest
from sidehook._rpc import cause
from sidehook._tls_credentials import channel_credentials, channel_options
from sidehook.worker._credentials import Credentials
from sidehook.worker._errors import WorkerError
from sidehook_server.cli.exits import Exit
from sidehook_server.config.load import load_config

_Method: TypeAlias = "grpc.UnaryUnaryMultiCallable[bytes, bytes]"

_SECONDS = 10.0
_METHOD = "/sidehook.v1.RegistryService/Retire"


def retire_hooks(path: str, target: str | None, credentials: Credentials) -> int:
    """Retire `worker` or `worker/hook` at a sidecar's workers socket; return the exit code.

    `credentials` show who asks, where the name is bound to somebody.
    """
    worker, _, hook = path.partition("/")
    target = target or f"unix:{load_config().listen.workers_socket}"
    request = wire.encode_retire_request(RetireRequest(worker=worker, hook=hook))
    try:
        credentials.check(target)
        metadata = credentials.metadata()
    except WorkerError as error:
        print(f"sidehook retire: {error}", file=sys.stderr)
        return Exit.USAGE
    try:
        with _channel(target, credentials) as channel:
            method: _Method = channel.unary_unary(_METHOD)
            answer = method(request, timeout=_SECONDS, metadata=metadata)
    except grpc.RpcError as error:
        # The error of an RPC that was made is its call, too.
        return _refused(target, cast(grpc.Call, error))
    retired = wire.decode_retire_response(answer)
    if not retired:
        print(f"there is no hook {path} in the plan", file=sys.stderr)
        return Exit.NO
    for each in retired:
        print(f"retired {each}")
    return Exit.OK


def _channel(target: str, credentials: Credentials) -> grpc.Channel:
    tls = credentials.tls
    if tls is None:
        return grpc.insecure_channel(target)
    return grpc.secure_channel(target, channel_credentials(tls), options=channel_options(tls))


def _refused(target: str, call: grpc.Call) -> int:
    if call.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
        print(
            f"no sidecar answers at {target} ({cause(call.details() or '')}); name its workers "
            "socket with --target",
            file=sys.stderr,
        )
        return Exit.UNAVAILABLE
    print(f"not retired: {call.details()}", file=sys.stderr)
    return Exit.NO
