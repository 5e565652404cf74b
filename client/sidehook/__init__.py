"""Hooks for LLM applications that run outside the application's process.

An application asks::

    async with sidehook.aio.Client() as hooks:
        payload = await hooks.invoke(HookType.COMPONENT_PRE_EXECUTE, model_options={})

A worker, in a process of its own, answers::

    @hook(HookType.COMPONENT_PRE_EXECUTE, mode=PluginMode.TRANSFORM)
    def set_temperature(payload, ctx):
        return modify(payload, model_options={"temperature": 0.7})

    serve(set_temperature)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from sidehook._call import CallFailure, Receipt, ReceiptLine, Violation
from sidehook._catalogue import CATALOGUE, HookType
from sidehook._errors import (
    CallerForbiddenError,
    CallRefusedError,
    DeadlineExceededError,
    DefinitionError,
    EncodeError,
    HookError,
    HookFailedError,
    MalformedError,
    OverloadedError,
    PayloadTooLargeError,
    ProtocolError,
    RequiredHookMissingError,
    SidecarError,
    SidecarUnavailableError,
    UnknownHookTypeError,
    UnknownScopeError,
    ViolationError,
)
from sidehook._hook_type_info import FieldInfo, HookTypeInfo
from sidehook._payload import Payload
from sidehook._results import block, modify
from sidehook._tls import Tls
from sidehook._types import CallOutcome, FailureClass, HookOutcome, Mode, OnError, OnRejected

if TYPE_CHECKING:
    from sidehook import aio, local
    from sidehook._client_stats import ClientStats
    from sidehook._client_sync import Client
    from sidehook._scope import plugin_scope
    from sidehook._session import Session
    from sidehook.worker import Context, HookSet, aio_serve, hook, serve

PluginMode = Mode
"""The name that mellea gives to modes."""

__all__ = [
    "CATALOGUE",
    "CallFailure",
    "CallOutcome",
    "CallRefusedError",
    "CallerForbiddenError",
    "Client",
    "ClientStats",
    "Context",
    "DeadlineExceededError",
    "DefinitionError",
    "EncodeError",
    "FailureClass",
    "FieldInfo",
    "HookError",
    "HookFailedError",
    "HookOutcome",
    "HookSet",
    "HookType",
    "HookTypeInfo",
    "MalformedError",
    "Mode",
    "OnError",
    "OnRejected",
    "OverloadedError",
    "Payload",
    "PayloadTooLargeError",
    "PluginMode",
    "ProtocolError",
    "Receipt",
    "ReceiptLine",
    "RequiredHookMissingError",
    "Session",
    "SidecarError",
    "SidecarUnavailableError",
    "Tls",
    "UnknownHookTypeError",
    "UnknownScopeError",
    "Violation",
    "ViolationError",
    "aio",
    "aio_serve",
    "block",
    "hook",
    "local",
    "modify",
    "plugin_scope",
    "serve",
]

# Imported when they are first asked for: an application that only asks does not load the
# worker SDK, a module of hooks does not load gRPC, and gRPC takes its experiments from
# the environment when it is imported, which a worker's process wants to choose first.
_LATER = {
    "Client": "sidehook._client_sync",
    "ClientStats": "sidehook._client_stats",
    "Context": "sidehook.worker",
    "HookSet": "sidehook.worker",
    "Session": "sidehook._session",
    "aio_serve": "sidehook.worker",
    "hook": "sidehook.worker",
    "plugin_scope": "sidehook._scope",
    "serve": "sidehook.worker",
}


def __getattr__(name: str) -> object:
    if name in ("aio", "local"):
        return importlib.import_module(f"sidehook.{name}")
    if name not in _LATER:
        raise AttributeError(f"module {__name__} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_LATER[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
