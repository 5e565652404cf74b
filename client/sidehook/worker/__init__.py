"""Serving hooks: the decorator, what handlers return and receive, and the worker itself.

::

    from sidehook.worker import block, hook, modify, serve

    @hook("component_pre_execute", mode="transform")
    def set_temperature(payload, ctx):
        return modify(payload, model_options={"temperature": 0.7})

    serve(set_temperature)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from sidehook._results import HookReturn, block, modify
from sidehook._types import Mode
from sidehook.worker._collect import HookSet
from sidehook.worker._context import Context, State
from sidehook.worker._dispatch import Dispatcher, DispatchStats
from sidehook.worker._errors import (
    AddressError,
    CredentialsError,
    DisconnectedError,
    RefusedError,
    UnknownProtocolError,
    WorkerError,
)
from sidehook.worker._hook import hook

if TYPE_CHECKING:
    from sidehook.worker._attach import AttachSession
    from sidehook.worker._lifecycle import aio_serve, serve

PluginMode = Mode
"""The name that mellea gives to modes."""

__all__ = [
    "AddressError",
    "AttachSession",
    "Context",
    "CredentialsError",
    "DisconnectedError",
    "DispatchStats",
    "Dispatcher",
    "HookReturn",
    "HookSet",
    "Mode",
    "PluginMode",
    "RefusedError",
    "State",
    "UnknownProtocolError",
    "WorkerError",
    "aio_serve",
    "block",
    "hook",
    "modify",
    "serve",
]

_NEED_GRPC = {
    "AttachSession": "sidehook.worker._attach",
    "aio_serve": "sidehook.worker._lifecycle",
    "serve": "sidehook.worker._lifecycle",
}


def __getattr__(name: str) -> object:
    # gRPC takes its experiments from the environment when it is imported, and a worker
    # process wants to choose them first; hooks and their tests do without gRPC at all.
    if name not in _NEED_GRPC:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(importlib.import_module(_NEED_GRPC[name]), name)
