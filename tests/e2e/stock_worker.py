"""A worker of generated stubs and grpcio alone: Describe and Run, one hook of each mode.

    python stock_worker.py ADDRESS

Prints `READY address` once it can be dialled. What its hooks do is written in the
payload's `component_type`: "forbidden" is blocked, "broken" fails, "slow" is waited
for until the run is cancelled, "silent" is answered with nothing, "stranger" is
refused as a hook that is not there.
"""

import json
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc

from sidehook.v1 import hook_pb2, payload_pb2, receipt_pb2, worker_service_pb2
from sidehook.v1.worker_service_pb2_grpc import (
    WorkerServiceServicer,
    add_WorkerServiceServicer_to_server,
)

TYPE = "component_pre_execute"
MODES = {
    "gate": hook_pb2.MODE_SEQUENTIAL,
    "temperature": hook_pb2.MODE_TRANSFORM,
    "audit": hook_pb2.MODE_AUDIT,
    "beside": hook_pb2.MODE_CONCURRENT,
    "after": hook_pb2.MODE_FIRE_AND_FORGET,
}

Result = worker_service_pb2.HookResult
Run = worker_service_pb2.RunRequest


def say(*words: object) -> None:
    """Write a line that the test waits for."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def decoded(run: Run, name: str) -> object:
    """A field's value, None when there is none."""
    text = run.payload.fields[name].json if name in run.payload.fields else b"null"
    value: object = json.loads(text)
    return value


def patch(run: Run) -> Result:
    """Model options with a temperature."""
    options = decoded(run, "model_options")
    assert isinstance(options, dict)
    text = json.dumps({**options, "temperature": 0.7}, ensure_ascii=False).encode()
    return Result(patch=payload_pb2.Payload(fields={"model_options": payload_pb2.Value(json=text)}))


def proceed() -> Result:
    """Nothing to say."""
    return Result(proceed=worker_service_pb2.NoChange())


def gate(run: Run, context: grpc.ServicerContext) -> Result:
    """Does what `component_type` asks for."""
    wanted = str(decoded(run, "component_type"))
    return WISHES[wanted](context) if wanted in WISHES else proceed()


def blocked(_: grpc.ServicerContext) -> Result:
    """A block."""
    details = b'{"limit": 1152921504606846977}'
    violation = receipt_pb2.Violation(reason="not this one", code="NOT_THIS", details=details)
    return Result(block=violation)


def failed(_: grpc.ServicerContext) -> Result:
    """An error."""
    error = worker_service_pb2.HookError(
        failure_class=hook_pb2.FAILURE_CLASS_RAISED, code="BROKEN", message="it is broken"
    )
    return Result(error=error)


def waited(context: grpc.ServicerContext) -> Result:
    """Nothing, after the run was cancelled."""
    over = threading.Event()
    say("inside")
    if context.add_callback(over.set):
        over.wait(60)
    say("cancelled in the worker")
    return proceed()


def refused(context: grpc.ServicerContext) -> Result:
    """No result: the status says that there is no such hook."""
    context.abort(grpc.StatusCode.NOT_FOUND, "no such hook")
    raise AssertionError("abort raises")


WISHES: dict[str, Callable[[grpc.ServicerContext], Result]] = {
    "forbidden": blocked,
    "broken": failed,
    "slow": waited,
    "silent": lambda _: Result(),
    "stranger": refused,
}


class StockWorker(WorkerServiceServicer):
    """Serves the two calls that a worker must serve."""

    def Describe(  # noqa: N802 - the name in the contract
        self, request: worker_service_pb2.DescribeRequest, context: grpc.ServicerContext
    ) -> worker_service_pb2.DescribeResponse:
        """The manifest."""
        hooks = [
            hook_pb2.HookSpec(name=name, hook_type=TYPE, mode=it) for name, it in MODES.items()
        ]
        manifest = hook_pb2.WorkerManifest(protocol_version=1, worker="stock", hooks=hooks)
        return worker_service_pb2.DescribeResponse(manifest=manifest)

    def Run(  # noqa: N802 - the name in the contract
        self, request: Run, context: grpc.ServicerContext
    ) -> worker_service_pb2.RunResponse:
        """One hook."""
        hook = request.steps[0].hooks[0].hook
        if hook == "gate":
            result = gate(request, context)
        elif hook in ("temperature", "audit"):
            result = patch(request)
        else:
            say(hook, decoded(request, "model_options"))
            result = proceed()
        return worker_service_pb2.RunResponse(result=result)


def main() -> None:
    """Serve until the process is ended."""
    address = sys.argv[1]
    server = grpc.server(ThreadPoolExecutor(16))
    worker = StockWorker()  # type: ignore[abstract]  # the base answers RunStream: UNIMPLEMENTED
    add_WorkerServiceServicer_to_server(worker, server)
    port = server.add_insecure_port(address)
    server.start()
    host = address.rpartition(":")[0]
    say("READY", address if address.startswith("unix:") else f"{host}:{port}")
    server.wait_for_termination()


if __name__ == "__main__":
    main()
