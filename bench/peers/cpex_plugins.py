"""The five hooks as plugins of cpex, and the payload that they get. Needs cpex alone.

The same as `bench/hooks`: four that do nothing, and a TRANSFORM that changes one field.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from cpex.framework import Plugin, PluginContext, PluginPayload, PluginResult
from cpex.framework.hooks.policies import HookPayloadPolicy
from cpex.framework.hooks.registry import get_hook_registry

from bench import payloads

PLUGINS: Final = ("gate", "change", "observe", "check", "tell")
MODES: Final = ("sequential", "transform", "audit", "concurrent", "fire_and_forget")


class BenchPayload(PluginPayload):
    """The fields of `bench.payloads.fields_of`."""

    component_type: str
    options: dict[str, Any]
    step: int
    text: str


BenchResult: TypeAlias = PluginResult[BenchPayload]

POLICIES: Final = {payloads.HOOK_TYPE: HookPayloadPolicy(frozenset({payloads.WRITABLE}))}


class Pass(Plugin):
    """Does nothing."""

    async def bench_call(self, payload: BenchPayload, context: PluginContext) -> BenchResult:
        """Let it pass."""
        return BenchResult()


class Change(Plugin):
    """Sets the temperature."""

    async def bench_call(self, payload: BenchPayload, context: PluginContext) -> BenchResult:
        """Change one field."""
        options = {**payload.options, "temperature": payloads.AFTER}
        return BenchResult(modified_payload=payload.model_copy(update={"options": options}))


def configuration(kind: str, address: str = "") -> dict[str, Any]:
    """A configuration of cpex with the five plugins.

    `kind` is `local`, or a transport of external plugins: `grpc`, `grpc_unix`, `unix`.
    """
    plugins = []
    for number, (name, mode) in enumerate(zip(PLUGINS, MODES, strict=True)):
        plugin: dict[str, Any] = {
            "name": name,
            "hooks": [payloads.HOOK_TYPE],
            "mode": mode,
            "priority": number,
        }
        plugin.update(_KINDS[kind](name, address))
        plugins.append(plugin)
    return {"plugins": plugins}


def _local(name: str, _address: str) -> dict[str, Any]:
    described = {"description": "", "author": "", "version": "1"}
    class_name = "Change" if name == "change" else "Pass"
    return {"kind": f"bench.peers.cpex_plugins.{class_name}", **described}


_KINDS: Final[Mapping[str, Callable[[str, str], dict[str, Any]]]] = {
    "local": _local,
    "grpc": lambda _, address: {"kind": "external", "grpc": {"target": address}},
    "grpc_unix": lambda _, address: {"kind": "external", "grpc": {"uds": address}},
    "unix": lambda _, address: {"kind": "external", "unix_socket": {"path": address}},
}

if not get_hook_registry().is_registered(payloads.HOOK_TYPE):
    get_hook_registry().register_hook(payloads.HOOK_TYPE, BenchPayload, BenchResult)
