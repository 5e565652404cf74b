"""`sidehook status`."""

from __future__ import annotations

import json
import sys
from typing import cast

from rich.console import Console
from rich.table import Table

from sidehook._types import JSON
from sidehook_server.cli.admin import NoSidecarError, fetch
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
        _show(Console(), state)
    return Exit.OK


def _show(console: Console, state: _Object) -> None:
    facts = ("sidecar", "version", "generation", "list_version", "calls_in_flight")
    console.print("  ".join(f"{fact} {state[fact]}" for fact in facts), highlight=False)
    for probe, answer in cast(_Object, state["health"]).items():
        console.print(f"{probe}: {answer}", highlight=False)
    console.print(_workers(cast(list[_Object], state["workers"])))
    for name, plan in cast(dict[str, _Object], state["hook_types"]).items():
        console.print(_hooks(name, cast(list[_Object], plan["hooks"])))
    last_reload = cast(_Object, cast(_Object, state["configuration"])["last_reload"] or {})
    for problem in cast(list[str], last_reload.get("problems", [])):
        console.print(f"configuration refused: {problem}", highlight=False)
    for sentence in cast(list[str], state["degraded"]):
        console.print(f"degraded: {sentence}", highlight=False)


def _workers(workers: list[_Object]) -> Table:
    table = Table("worker", "instances", "hooks", title="Workers", title_justify="left")
    for worker in workers:
        instances = [str(each["instance"]) for each in cast(list[_Object], worker["instances"])]
        hooks = [str(each["name"]) for each in cast(list[_Object], worker["hooks"])]
        table.add_row(str(worker["name"]), "\n".join(instances) or "none", "\n".join(hooks))
    return table


def _hooks(hook_type: str, hooks: list[_Object]) -> Table:
    columns = ("hook", "mode", "priority", "scope", "instances")
    table = Table(*columns, title=hook_type, title_justify="left")
    for hook in hooks:
        table.add_row(*("" if hook[column] is None else str(hook[column]) for column in columns))
    return table
