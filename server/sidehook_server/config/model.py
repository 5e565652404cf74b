"""The sidecar's configuration as data. Pure and immutable; `load` makes it from a file.

Times are seconds, sizes bytes. What a key means to an operator is said once, in the
table of `schema`, which the configuration reference is made from.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from sidehook._manifest import ErrorPolicy
from sidehook._types import Mode, OnRejected
from sidehook_server.pipeline.breaker import BreakerSettings
from sidehook_server.pipeline.load import LoadLimits
from sidehook_server.pipeline.model import CallSettings

KIB = 1024
MIB = 1024 * KIB


class OnDowngrade(StrEnum):
    """What becomes of a manifest that weakens a hook."""

    REFUSE = "refuse"
    """The old terms stay in force."""
    ACCEPT = "accept"
    """The new terms hold once nobody serves the old ones."""


class UndeclaredTypes(StrEnum):
    """What becomes of a hook type that neither catalogue nor configuration declares."""

    REFUSE = "refuse"
    ALLOW = "allow"


@dataclass(frozen=True, slots=True)
class Address:
    """A TCP address to listen on. Port 0 lets the system choose one."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


DEFAULT_ADMIN: Final = Address("127.0.0.1", 9480)
"""Where the admin port is when nothing is said about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Where the sidecar listens. `tcp`, `tcp_workers` and `admin` None: not at all.

    Both sockets are paths of files.
    """

    socket: str
    workers_socket: str
    socket_mode: int = 0o600
    workers_socket_mode: int = 0o600
    tcp: Address | None = None
    tcp_workers: Address | None = None
    admin: Address | None = DEFAULT_ADMIN
    insecure_tcp: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HookTypeConfig:
    """A hook type of the operator's, or the operator's word on one of the catalogue.

    `writable` None: what the catalogue says, else no field. `max_payload_bytes` None:
    the general limit. `required`: calls fail while no hook of the type is registered.
    """

    name: str
    writable: frozenset[str] | None = None
    max_payload_bytes: int | None = None
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HookConfig:
    """The operator's word on one hook; None leaves a term to its worker.

    `scope` or `condition` empty: the hook runs for every call, whatever its worker says.
    `shadow`: it observes only. `hook_type` says which calls fail while a required hook
    was never registered.
    """

    name: str
    hook_type: str | None = None
    mode: Mode | None = None
    priority: int | None = None
    timeout: float | None = None
    on_error: ErrorPolicy | None = None
    on_rejected: OnRejected | None = None
    scope: str | None = None
    condition: str | None = None
    sample: float | None = None
    requires_final_payload: bool | None = None
    shadow: bool = False
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerConfig:
    """The operator's word on one worker.

    `target` None: it attaches by itself. `optional`: calls do not fail because it was
    never seen. `types`: the hook types it is expected to serve, empty for unknown.
    `tenant` and `on_downgrade` None: what the manifest, and the general setting, say.
    `uid`: only processes of this user may register under the name. `max_in_flight`: how
    many runs each instance gets at once, None for as many as it takes.
    """

    name: str
    target: str | None = None
    optional: bool = False
    tenant: str | None = None
    types: frozenset[str] = frozenset()
    on_downgrade: OnDowngrade | None = None
    uid: int | None = None
    max_in_flight: int | None = None
    hooks: tuple[HookConfig, ...] = ()

    def hook(self, name: str) -> HookConfig | None:
        """The operator's word on the hook of that name."""
        return next((hook for hook in self.hooks if hook.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsConfig:
    """How much of everything, at most."""

    max_payload_bytes: int = 16 * MIB
    max_state_bytes: int = 64 * KIB
    max_in_flight: int = 4096
    worker_queue: int = 1024
    detached_queue: int = 10_000
    default_budget: float = 10.0
    margin: float = 0.020
    observer_share: float = 0.2
    max_extension: float = 5.0
    list_lease: float = 2.0
    drain_timeout: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OverloadConfig:
    """From which share of `limits.max_in_flight` on hooks that only observe are shed."""

    shed_detached_at: float = 0.8
    shed_observers_at: float = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything an operator can say. `source` names the file, empty for none."""

    listen: Listen
    state_dir: str
    dev: bool = False
    hook_types: Mapping[str, HookTypeConfig] = field(default_factory=dict)
    undeclared_types: UndeclaredTypes = UndeclaredTypes.REFUSE
    strict_scopes: bool = False
    workers: Mapping[str, WorkerConfig] = field(default_factory=dict)
    worker_sockets: str | None = None
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    overload: OverloadConfig = field(default_factory=OverloadConfig)
    breaker: BreakerSettings = field(default_factory=BreakerSettings)
    payload_on_block: bool = False
    on_downgrade: OnDowngrade = OnDowngrade.REFUSE
    source: str = ""

    @property
    def call_settings(self) -> CallSettings:
        """The part that bears on one call."""
        limits = self.limits
        return CallSettings(
            default_budget=limits.default_budget,
            margin=limits.margin,
            observer_share=limits.observer_share,
            payload_on_block=self.payload_on_block,
            max_state_bytes=limits.max_state_bytes,
            max_extension=limits.max_extension,
            breaker=self.breaker,
            load=LoadLimits(
                calls=limits.max_in_flight,
                worker_queue=limits.worker_queue,
                shed_detached_at=self.overload.shed_detached_at,
                shed_observers_at=self.overload.shed_observers_at,
            ),
        )

    def accepts_downgrade(self, worker: str) -> bool:
        """Whether the terms of this worker's hooks may become weaker."""
        configured = self.workers.get(worker)
        choice = configured.on_downgrade if configured is not None else None
        return self.dev or (choice or self.on_downgrade) is OnDowngrade.ACCEPT

    @property
    def warnings(self) -> tuple[str, ...]:
        """What an operator is told at every start."""
        open_to_all = {
            f"listen.{key}": address
            for key, address in (
                ("tcp", self.listen.tcp),
                ("tcp_workers", self.listen.tcp_workers),
                ("admin", self.listen.admin),
            )
            if address is not None and not address.is_loopback
        }
        return (
            *(
                f"{key} {address} is open to other machines without TLS, because "
                "listen.insecure_tcp is true: whoever reaches it can read and send everything"
                for key, address in open_to_all.items()
            ),
            *(
                (
                    "development mode: hooks leave with their workers and weaker manifests are "
                    "accepted; never run this in front of users",
                )
                if self.dev
                else ()
            ),
        )
