"""From the fields that hooks changed back to the live payload of mellea.

MERGERS has for each writable type of the catalogue the function that makes a live
value of what came back. A write that mellea cannot apply is never dropped: it raises
MergeError, and the call is blocked as by a failed hook.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from mellea.core import Requirement, ValidationResult

from sidehook._call import Receipt
from sidehook._catalogue import CATALOGUE
from sidehook._types import JSON
from sidehook.integrations.mellea._choices import Choices
from sidehook.integrations.mellea._opaque import Opaques, UnknownHandleError, is_same


class MergeError(ValueError):
    """A change that mellea cannot apply. The message holds no payload text.

    `receipt` is that of the call, where it is known.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"the change of {field} cannot be applied: {problem}")
        self.field = field
        self.receipt: Receipt | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Write:
    """One field that hooks changed.

    Attributes:
        field: Its name.
        received: What came back.
        sent: What had crossed.
        live: The value in the payload.
        opaques: The opaque values of the call.
        choices: What may be chosen by name.

    """

    field: str
    received: JSON
    sent: JSON
    live: Any
    opaques: Opaques
    choices: Choices

    def refuse(self, problem: str) -> MergeError:
        """Return the error for a write that cannot be applied."""
        return MergeError(self.field, problem)


Merger: TypeAlias = Callable[[Write], Any]
"""Returns the live value that takes the place of the one in the payload."""


def merged(
    hook_type: str,
    payload: Any,
    changes: Mapping[str, tuple[JSON | bytes, JSON]],
    opaques: Opaques,
    choices: Choices,
) -> dict[str, Any]:
    """Return the live values of the changed fields, as `model_copy(update=…)` takes them.

    `changes` has for each changed field what came back and what had crossed. Raises
    MergeError.
    """
    live: dict[str, Any] = {}
    for name, (received, sent) in changes.items():
        if isinstance(received, bytes):
            raise MergeError(name, "it must be JSON, and is bytes")
        write = Write(name, received, sent, getattr(payload, name, None), opaques, choices)
        live[name] = _merged_field(hook_type, write)
    for check in CHECKS.get(hook_type, ()):
        check(payload, live)
    for name, value in live.items():
        _check_seen(name, getattr(payload, name), value)
    return live


def _merged_field(hook_type: str, write: Write) -> Any:
    info = CATALOGUE[hook_type]
    if write.field not in info.writable:
        raise write.refuse(f"mellea does not take it back from hooks of {hook_type}")
    field = info.fields[write.field]
    if write.received is None and field.type != "json":
        if not field.nullable:
            raise write.refuse("it must not be null")
        return None
    try:
        return MERGERS[field.type](write)
    except UnknownHandleError as error:
        raise write.refuse(str(error)) from error


# One for each writable type.


def _plain(kind: type, name: str) -> Merger:
    def merge(write: Write) -> Any:
        if type(write.received) is not kind:
            raise write.refuse(f"it must be {name}")
        return write.received

    return merge


def _json(write: Write) -> Any:
    return write.opaques.live(write.received, write.sent, write.live)


def _model_options(write: Write) -> Any:
    if not isinstance(write.received, dict):
        raise write.refuse("it must be an object")
    changed = write.opaques.live(write.received, write.sent, write.live)
    assert isinstance(changed, dict)
    # A name that JSON has no word for never crossed, so no hook can have deleted it.
    sent = write.sent if isinstance(write.sent, dict) else {}
    hidden = {key: value for key, value in (write.live or {}).items() if key not in sent}
    return {**hidden, **changed}


def _requirements(write: Write) -> list[Any]:
    left = dict(enumerate(write.live))
    return [_requirement(write, item, left) for item in _objects(write)]


def _requirement(write: Write, item: Mapping[str, JSON], left: dict[int, Any]) -> Any:
    if "index" not in item:
        description = item.get("description")
        if set(item) != {"description"} or not isinstance(description, str):
            raise write.refuse("a new requirement has a description, and nothing else")
        return Requirement(description)
    index = item["index"]
    if type(index) is not int or index not in left:
        raise write.refuse("an index must be that of a requirement, and stand once")
    _refuse_other_members(write, item, index, frozenset())
    return left.pop(index)


def _validation_results(write: Write) -> list[Any]:
    items = _objects(write)
    if len(items) != len(write.live):
        raise write.refuse(f"there must be {len(write.live)} results, one for each requirement")
    return [_validation_result(write, item, index) for index, item in enumerate(items)]


def _validation_result(write: Write, item: Mapping[str, JSON], index: int) -> Any:
    before = _sent_item(write, index)
    if "passed" in item and all(_is_unchanged(before, *member) for member in item.items()):
        return write.live[index]
    _refuse_other_members(write, item, index, frozenset({"passed", "reason", "score"}))
    passed, reason, score = item.get("passed"), item.get("reason"), item.get("score")
    if not isinstance(passed, bool):
        raise write.refuse("a result says in `passed` whether its requirement is met")
    if not isinstance(reason, str | None):
        raise write.refuse("the reason of a result is text or null")
    if isinstance(score, bool) or not isinstance(score, int | float | None):
        raise write.refuse("the score of a result is a number or null")
    return ValidationResult(passed, reason=reason, score=score)


def _output_format(write: Write) -> Any:
    name = _object(write).get("name")
    if write.live is not None and name == write.live.__name__:
        _refuse_changes(write, frozenset())
        return write.live
    return _chosen(write, write.choices.formats, name, "formats")


def _sampling_strategy(write: Write) -> Any:
    wanted = _object(write)
    name = wanted.get("type")
    is_own = write.live is not None and name == type(write.live).__name__
    base = write.live if is_own else _chosen(write, write.choices.strategies, name, "strategies")
    # The application's own object serves other calls too.
    strategy = copy.copy(base)
    for budget in ("loop_budget", "concurrency_budget"):
        _set_budget(write, strategy, budget, wanted.get(budget))
    if unknown := wanted.keys() - {"type", "loop_budget", "concurrency_budget"}:
        raise write.refuse(f"a strategy has no {', '.join(sorted(unknown))}")
    return strategy


def _set_budget(write: Write, strategy: Any, name: str, budget: JSON) -> None:
    if budget is None:
        return
    if not hasattr(strategy, name):
        raise write.refuse(f"a {type(strategy).__name__} has no {name}")
    if type(budget) is not int or budget < 1:
        raise write.refuse(f"a {name} is an integer, and at least 1")
    setattr(strategy, name, budget)


def _tool_call(write: Write) -> Any:
    call = _object(write)
    args, name = call.get("args"), call.get("name", write.live.name)
    if not isinstance(args, dict):
        raise write.refuse("a call has its arguments by name in `args`")
    _refuse_changes(write, frozenset({"name", "args"}))
    before = write.sent["args"] if isinstance(write.sent, dict) else {}
    changed = write.opaques.live(args, before, write.live.args)
    if name == write.live.name:
        # A deep copy of the tool, if the application did not name the tool itself.
        func = write.choices.tools.get(name, write.live.func)
    else:
        func = _chosen(write, write.choices.tools, name, "tools")
    return dataclasses.replace(write.live, name=name, func=func, args=changed)


def _chosen(write: Write, known: Mapping[str, Any], name: JSON, what: str) -> Any:
    if isinstance(name, str) and name in known:
        return known[name]
    listed = ", ".join(sorted(known)) or "none"
    raise write.refuse(f"it is none of RemoteHooks(choices=Choices({what}=…)), which has: {listed}")


def _object(write: Write) -> Mapping[str, JSON]:
    if not isinstance(write.received, dict):
        raise write.refuse("it must be an object")
    return write.received


def _objects(write: Write) -> list[dict[str, JSON]]:
    items = write.received
    if not isinstance(items, list):
        raise write.refuse("it must be a list of objects")
    objects = [item for item in items if isinstance(item, dict)]
    if len(objects) != len(items):
        raise write.refuse("it must be a list of objects")
    return objects


def _sent_item(write: Write, index: int) -> Mapping[str, JSON]:
    item = write.sent[index] if isinstance(write.sent, list) else None
    return item if isinstance(item, dict) else {}


def _is_unchanged(sent: Mapping[str, JSON], name: str, value: JSON) -> bool:
    return name in sent and is_same(value, sent[name])


def _refuse_changes(write: Write, writable: frozenset[str]) -> None:
    sent = write.sent if isinstance(write.sent, dict) else {}
    _refuse_difference(write, _object(write), sent, writable)


def _refuse_other_members(
    write: Write, item: Mapping[str, JSON], index: int, writable: frozenset[str]
) -> None:
    _refuse_difference(write, item, _sent_item(write, index), writable)


def _refuse_difference(
    write: Write, item: Mapping[str, JSON], sent: Mapping[str, JSON], writable: frozenset[str]
) -> None:
    """Refuse members that came back different, or new, and are not for hooks to write."""
    for name, value in item.items():
        if name not in writable and not _is_unchanged(sent, name, value):
            raise write.refuse(f"{name!r} is not for hooks to write")


MERGERS: Final[Mapping[str, Merger]] = MappingProxyType(
    {
        "string": _plain(str, "text"),
        "integer": _plain(int, "an integer"),
        "boolean": _plain(bool, "true or false"),
        "json": _json,
        "model_options": _model_options,
        "requirement[]": _requirements,
        "validation_result[]": _validation_results,
        "output_format": _output_format,
        "sampling_strategy": _sampling_strategy,
        "tool_call": _tool_call,
    }
)
"""By the name that the catalogue has for it: how a live value is made of what came back."""


# What mellea does with a payload that it takes back, where that is not what it says.

Check: TypeAlias = Callable[[Any, Mapping[str, Any]], None]
"""Raises MergeError for changes that mellea would take and not apply."""


def _cannot_be_cleared(*names: str) -> Check:
    """For what mellea reads as `payload.x or x`."""

    def check(payload: Any, live: Mapping[str, Any]) -> None:
        for name in names:
            if name in live and not live[name] and getattr(payload, name):
                raise MergeError(name, "mellea goes on with the old value in place of an empty one")

    return check


def _has_a_strategy(payload: Any, live: Mapping[str, Any]) -> None:
    strategy = live.get("strategy") or payload.strategy
    if live.get("requirements") and strategy is None:
        raise MergeError("requirements", "without a sampling strategy mellea checks none")


def _is_a_budget(_payload: Any, live: Mapping[str, Any]) -> None:
    if live.get("loop_budget", 1) < 1:
        raise MergeError("loop_budget", "it must be at least 1")


def _follows_from_the_results(payload: Any, live: Mapping[str, Any]) -> None:
    """For a flag that mellea never reads, only the results."""
    results = live.get("results", payload.results)
    flag = live.get("all_validations_passed")
    if flag is not None and flag is not all(map(bool, results)):
        raise MergeError(
            "all_validations_passed", "mellea goes by the results, which say otherwise"
        )


CHECKS: Final[Mapping[str, tuple[Check, ...]]] = MappingProxyType(
    {
        "component_pre_execute": (
            _cannot_be_cleared("requirements", "model_options", "strategy"),
            _has_a_strategy,
        ),
        "validation_pre_check": (_cannot_be_cleared("model_options"),),
        "validation_post_check": (_follows_from_the_results,),
        "sampling_loop_start": (_is_a_budget,),
    }
)


def _check_seen(name: str, before: Any, after: Any) -> None:
    """Refuse what cpex would take for unchanged: to Python `True == 1`."""
    if before == after and _has_other_kinds(
        getattr(before, "args", before), getattr(after, "args", after)
    ):
        raise MergeError(
            name, "only true became 1 or false 0, or the other way, and cpex drops that"
        )


def _has_other_kinds(before: Any, after: Any) -> bool:
    """Whether two values that Python calls equal differ in what is a boolean."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return any(_has_other_kinds(before[key], after[key]) for key in after)
    if isinstance(before, list | tuple) and isinstance(after, list | tuple):
        return any(map(_has_other_kinds, before, after))
    return isinstance(before, bool) is not isinstance(after, bool)
