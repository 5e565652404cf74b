"""`sidehook status`."""

from __future__ import annotations

import json
import sys
from typing import cast

from rich.console import Console
from rich.table import Table

from sidehook._types import JSON
from sidehook_server.cli.admin import NoSidecarError, fetch
from sidehook_server.cli.console import console
from sidehook_server.cli.exits import Exit

_Object = dict[str, JSON]


def show_status(admin: str, *, as_json: bool) -> int:
    """Print what a running sidecar says of itself; return the exit code."""
    try:
        _, body = fetch(admin, "/state")
        state = json.loads(body)
    except (NoSidecarError, ValueError) as error:
        print(error, file=sys.stderr)
        return Exit.UNAVAILABLE
    if as_json:
        print(json.dumps(state, indent=2))
    else:
        _show(console(), state)
    return Exit.OK if _is_well(state) else Exit.NO


def _is_well(state: _Object) -> bool:
    wrong = ("degraded", "circuits", "refused")
    return state["ready"] is True and not any(state[key] for key in wrong)


def _show(out: Console, state: _Object) -> None:
    facts = ("sidecar", "version", "generation", "list_version", "calls_in_flight")
    build = "compiled" if state["compiled"] else "not compiled"
    out.print("  ".join((*(f"{fact} {state[fact]}" for fact in facts), build)))
    for probe, answer in cast(_Object, state["health"]).items():
        out.print(f"{probe}: {answer}")
    out.print(_workers(cast(list[_Object], state["workers"])))
    for name, plan in cast(dict[str, _Object], state["hook_types"]).items():
        out.print(_hooks(name, cast(list[_Object], plan["hooks"])))
    last_reload = cast(_Object, cast(_Object, state["configuration"])["last_reload"] or {})
    for problem in cast(list[str], last_reload.get("problems", [])):
        out.print(f"configuration refused: {problem}")
    for circuit in cast(list[_Object], state["circuits"]):
        out.print(f"circuit {circuit['state']}: {circuit['hook']} at {circuit['instance']}")
    for refused in cast(list[_Object], state["refused"]):
        for problem in cast(list[str], refused["problems"]):
            who = f"worker {refused['worker']}" if refused["worker"] else "a worker"
            out.print(f"refused: {who} at {refused['target']}: {refused['reason']}: {problem}")
    for sentence in cast(list[str], state["degraded"]):
        out.print(f"degraded: {sentence}")


def _workers(workers: list[_Object]) -> Table:
    table = Table("worker", "instances", "hooks", title="Workers", title_justify="left")
    for worker in workers:
        instances = [str(each["instance"]) for each in cast(list[_Object], worker["instances"])]
        hooks = [str(each["name"]) for each in cast(list[_Object], worker["hooks"])]
        table.add_row(str(worker["name"]), "\n".join(instances) or "none", "\n".join(hooks))
    return table


def _hooks(hook_type: str, hooks: list[_Object]) -> Table:
    columns = ("hook", "mode", "priority", "scope", "instances")
    table = Table(*columns, "remarks", title=hook_type, title_justify="left")
    for hook in hooks:
        cells = ["" if hook[column] is None else str(hook[column]) for column in columns]
        marks = ("shadow", "requires_final_payload")
        table.add_row(*cells, ", ".join(mark for mark in marks if hook[mark]))
    return table
