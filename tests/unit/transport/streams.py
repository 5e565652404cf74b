"""What a link over a stream needs around it: a run, who waits for it, and who hears the worker."""

from __future__ import annotations

from sidehook._call import CallContext
from sidehook._manifest import ErrorPolicy, WorkerManifest
from sidehook._run import HookFailure, HookResult, HookRun, RunRequest
from sidehook._types import Mode, OnError


class Sink:
    """Writes down what it is told of a run."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def begun(self, index: int = 0) -> None:
        self.told.append(f"begun {index}")

    def extended(self, extra: float, index: int = 0) -> None:
        self.told.append(f"extended {index}")

    def answered(self, result: HookResult) -> None:
        self.told.append(f"answered {result.index}")

    def spoiled(self, failure: HookFailure, index: int | None) -> None:
        self.told.append(f"spoiled {index}")

    def ended(self) -> None:
        self.told.append("ended")

    def failed(self, failure: HookFailure, *, sent: bool) -> None:
        self.told.append(f"failed {failure.failure_class}")


class Deaf:
    """Nobody listens to what the worker says about itself."""

    def goodbye(self, reason: str) -> None: ...

    def manifest(self, manifest: WorkerManifest) -> None: ...


def a_run(*hooks: str, call_id: str = "call") -> RunRequest:
    """A run of these hooks, all at once."""
    steps = [
        HookRun(
            hook=hook,
            mode=Mode.CONCURRENT,
            may_block=True,
            may_modify=False,
            writable_fields=frozenset(),
            timeout=5.0,
            on_error=ErrorPolicy(default=OnError.FAIL),
        )
        for hook in hooks
    ]
    return RunRequest(
        call_id=call_id,
        hook_type="t",
        steps=(tuple(steps),),
        fields={},
        context=CallContext(),
        time_left=5.0,
    )
