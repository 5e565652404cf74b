import inspect

from sidehook._call import CallAnswer, CallRequest, Proceed, Receipt
from sidehook._types import FailureClass
from sidehook_server.dispatch.fair_share import Refusal
from sidehook_server.dispatch.observer import DetachedLoss, FrameDrop, GuardMissed, Observer
from sidehook_server.dispatch.observers import Observers
from sidehook_server.pipeline.breaker import BreakerState
from tests.unit.dispatch.fakes import Recorder, a_hook

EVENTS = {
    name: getattr(Recorder, name)
    for name, member in vars(Observer).items()
    if callable(member) and not name.startswith("_")
}
VALUES: dict[str, object] = {
    "request": CallRequest(hook_type="t", fields={}),
    "answer": CallAnswer(Proceed({}), Receipt(call_id="c")),
    "seconds": 0.1,
    "hook_type": "t",
    "worker": "w",
    "hook": "h",
    "count": 3,
    "state": BreakerState.OPEN,
    "failure_class": FailureClass.TIMEOUT,
}
CAUSES = {
    "guard_missed": GuardMissed.UNGUARDED,
    "frame_dropped": FrameDrop.MALFORMED,
    "detached_lost": DetachedLoss.SHED,
    "detached_refused": DetachedLoss.SHED,
    "call_refused": Refusal.LIMIT,
}


def test_every_observer_is_told_everything() -> None:
    both = Recorder(), Recorder()
    told = Observers(*both)
    for name, event in EVENTS.items():
        wanted = [each for each in inspect.signature(event).parameters if each != "self"]
        takes_hook = name.startswith(("detached", "circuit", "run_"))
        values = {
            **VALUES,
            "cause": CAUSES.get(name),
            **({"hook": a_hook("h")} if takes_hook else {}),
        }
        getattr(told, name)(**{each: values[each] for each in wanted})
    nothing = Recorder()
    for recorder in both:
        assert recorder == both[0]
        silent = [
            name for name in vars(nothing) if getattr(recorder, name) == getattr(nothing, name)
        ]
        assert silent == []
