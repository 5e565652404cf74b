"""The plans of a sidecar, for the commands that look at them: of a running one, or of files."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from sidehook._types import JSON
from sidehook_server.advice.exposure import Exposure, exposure_from_view, exposure_of
from sidehook_server.cli.admin import NoSidecarError, fetch
from sidehook_server.cli.exits import Exit
from sidehook_server.config.load import load_config
from sidehook_server.config.problems import ConfigError
from sidehook_server.ops.manifest_store import StateError, kept_in
from sidehook_server.pipeline.model import CallSettings, PlannedHook
from sidehook_server.pipeline.plan import Plan, compile_plan
from sidehook_server.registry import transitions
from sidehook_server.registry.hook_view import hook_from_view

_Object = dict[str, JSON]


class NotReadableError(Exception):
    """What answered is no sidecar of this version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """The plans by hook type. `instances` counts who serves a hook, by `worker/hook` and type.

    `scope_calls` counts the calls in each scope, None when nothing runs. `exposure` says how
    applications come in.
    """

    plans: Mapping[str, Plan]
    settings: CallSettings
    instances: Mapping[tuple[str, str], int]
    scope_calls: Mapping[tuple[str, str], int] | None
    exposure: Exposure

    def plan(self, hook_type: str) -> Plan:
        """The plan of a type; without hooks when there is none."""
        return self.plans.get(hook_type) or compile_plan(hook_type, ())

    def serving(self, hook: PlannedHook) -> int:
        """How many instances serve a hook."""
        return self.instances.get((hook.path, hook.hook_type), 0)


def looking_at(admin: str, config: Path | None, show: Callable[[Planned], int]) -> int:
    """Show something of a running sidecar, or of a configuration; return the exit code."""
    try:
        planned = planned_by(admin) if config is None else planned_for(config)
    except (NoSidecarError, NotReadableError, StateError) as error:
        print(error, file=sys.stderr)
        return Exit.UNAVAILABLE
    except ConfigError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return Exit.USAGE
    return show(planned)


def planned_by(admin: str) -> Planned:
    """What a running sidecar plans. Raises NoSidecarError, NotReadableError."""
    _, body = fetch(admin, "/state")
    try:
        return _of_state(json.loads(body))
    except (ValueError, KeyError, TypeError) as error:
        raise NotReadableError(
            f"what answers at {admin} shows no plan that this version of the command can read "
            f"({error!r}); use the command of the sidecar's own version"
        ) from error


def planned_for(file: Path) -> Planned:
    """What a sidecar would plan with a configuration and the hooks it kept.

    Raises ConfigError, StateError.
    """
    config = load_config(file)
    kept = kept_in(Path(config.state_dir))
    registry = transitions.restored(transitions.new_registry(config), kept).registry
    return Planned(
        plans=registry.plans,
        settings=registry.settings,
        # Nothing runs: as if one instance of every worker did.
        instances={
            (hook.path, hook.hook_type): 1
            for plan in registry.plans.values()
            for hook in plan.hooks
        },
        scope_calls=None,
        exposure=exposure_of(config),
    )


def _of_state(state: _Object) -> Planned:
    hooks: defaultdict[str, list[PlannedHook]] = defaultdict(list)
    instances: dict[tuple[str, str], int] = {}
    for worker in cast(list[_Object], state["workers"]):
        for view in cast(list[_Object], worker["hooks"]):
            hook = hook_from_view(cast(str, worker["name"]), view)
            hooks[hook.hook_type].append(hook)
            instances[hook.path, hook.hook_type] = len(cast(list[JSON], view["links"]))
    settings = cast(Mapping[str, float], state["settings"])
    return Planned(
        plans={
            name: compile_plan(
                name,
                hooks[name],
                writable=frozenset(cast(list[str], view["writable"])),
                generation=cast(int, view["generation"]),
                missing=tuple(cast(list[str], view["missing"])),
            )
            for name, view in cast(Mapping[str, _Object], state["hook_types"]).items()
        },
        settings=CallSettings(
            default_budget=settings["default_budget_seconds"],
            margin=settings["margin_seconds"],
            observer_share=settings["observer_share"],
        ),
        instances=instances,
        scope_calls={
            (cast(str, each["tenant"]), cast(str, each["scope"])): cast(int, each["calls"])
            for each in cast(list[_Object], state["scope_calls"])
        },
        exposure=exposure_from_view(cast(_Object, state["calling"])),
    )
