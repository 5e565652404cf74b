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
from sidehook._tls import Tls
from sidehook._tuning import Tuning
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


class WhenFull(StrEnum):
    """What becomes of a detached event for which the queue has no room."""

    DROP_NEWEST = "drop_newest"
    """It is dropped, and the receipt of its call says so."""
    DROP_OLDEST = "drop_oldest"
    """It is taken, and those that have waited longest are dropped for it."""
    WAIT = "wait"
    """Its call waits for room; the event is dropped when none comes in time."""


class JournalPayloads(StrEnum):
    """How the journal keeps the payloads of detached events."""

    PLAIN = "plain"
    """As they are; only the file's permissions protect them."""
    ENCRYPTED = "encrypted"
    """Sealed with a key, and everything else of the event with them."""
    MASKED = "masked"
    """As they are, without the fields that the operator names."""


class DecisionSink(StrEnum):
    """Where the decision log goes."""

    OFF = "off"
    STDOUT = "stdout"
    FILE = "file"
    OTLP = "otlp"


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


_CAN: Final = {
    "tcp": "call hooks",
    "tcp_workers": "register under every name that is not bound, and retire hooks of such names",
}

DEFAULT_ADMIN: Final = Address("127.0.0.1", 9480)
"""Where the admin port is when nothing is said about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenTls:
    """TLS on `tcp` and `tcp_workers`, as paths of PEM files.

    `client_ca` None: whoever connects needs no certificate. None of the others: the
    configuration is not whole, and was refused.
    """

    certificate: str | None = None
    key: str | None = None
    client_ca: str | None = None

    @property
    def files(self) -> Tls:
        """The same, for those who speak TLS."""
        return Tls(ca=self.client_ca, certificate=self.certificate, key=self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Where the sidecar listens. `tcp`, `tcp_workers` and `admin` None: not at all.

    Both sockets are paths of files. `tls` None: TCP is in plain text. `max_connection_age`
    in seconds, None: connections on `tcp` grow as old as they like.
    """

    socket: str
    workers_socket: str
    socket_mode: int = 0o600
    workers_socket_mode: int = 0o600
    tcp: Address | None = None
    tcp_workers: Address | None = None
    admin: Address | None = DEFAULT_ADMIN
    tls: ListenTls | None = None
    insecure_tcp: bool = False
    max_connection_age: float | None = 300.0

    @property
    def open_in_plain_text(self) -> Mapping[str, Address]:
        """The addresses that other machines can reach and that no TLS protects, by key."""
        plain = {"tcp": self.tcp, "tcp_workers": self.tcp_workers} if self.tls is None else {}
        return {
            key: address
            for key, address in {**plain, "admin": self.admin}.items()
            if address is not None and not address.is_loopback
        }

    @property
    def open_to_anybody(self) -> Mapping[str, Address]:
        """The addresses with TLS that other machines reach without a certificate, by key."""
        if self.tls is None or self.tls.client_ca is not None:
            return {}
        return {
            key: address
            for key, address in {"tcp": self.tcp, "tcp_workers": self.tcp_workers}.items()
            if address is not None and not address.is_loopback
        }


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
    was never registered. `detached_runs` bounds the runs of a FIRE_AND_FORGET hook that
    go on at once.
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
    detached_runs: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerConfig:
    """The operator's word on one worker.

    `target` None: it attaches by itself. `optional`: calls do not fail because it was
    never seen. `types`: the hook types it is expected to serve, empty for unknown.
    `tenant` and `on_downgrade` None: what the manifest, and the general setting, say.
    Only those may register under the name: `uid`: processes of this user; `token_sha256`:
    those with the token of this digest; `certificate`: those whose certificate names this.
    `tls`: how the target is dialled, None for in plain text. `max_in_flight`: how many
    runs each instance gets at once, None for as many as it takes.
    """

    name: str
    target: str | None = None
    tls: Tls | None = None
    optional: bool = False
    tenant: str | None = None
    types: frozenset[str] = frozenset()
    on_downgrade: OnDowngrade | None = None
    uid: int | None = None
    token_sha256: str | None = None
    certificate: str | None = None
    max_in_flight: int | None = None
    hooks: tuple[HookConfig, ...] = ()

    def hook(self, name: str) -> HookConfig | None:
        """The operator's word on the hook of that name."""
        return next((hook for hook in self.hooks if hook.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerConfig:
    """Somebody who may call, and what.

    Whoever calls is this caller when everything that is said of it is so: `uid`: a process
    of this user; `token_sha256`: with the token of this digest; `certificate`: with a
    certificate that names this, a URI that ends with `/*` for all below it; `unix_socket`:
    over the Unix socket. `hook_types` are patterns; None: every type. `tenants` None: calls
    for every tenant.
    """

    name: str
    uid: int | None = None
    token_sha256: str | None = None
    certificate: str | None = None
    unix_socket: bool = False
    hook_types: frozenset[str] | None = None
    tenants: frozenset[str] | None = None

    @property
    def is_bound(self) -> bool:
        """Whether anything is said of who it is."""
        return self.unix_socket or any(
            said is not None for said in (self.uid, self.token_sha256, self.certificate)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsConfig:
    """How much of everything, at most."""

    max_payload_bytes: int = 16 * MIB
    max_state_bytes: int = 64 * KIB
    max_in_flight: int = 4096
    worker_queue: int = 1024
    default_budget: float = 10.0
    margin: float = 0.020
    observer_share: float = 0.2
    max_extension: float = 5.0
    list_lease: float = 2.0
    drain_timeout: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DetachedConfig:
    """What happens to FIRE_AND_FORGET events between the verdict and their hooks.

    `journal` None: they are in memory only. `journal_key_file` is for encrypted payloads,
    `journal_mask` for masked ones.
    """

    queue: int = 10_000
    max_bytes: int = 256 * MIB
    when_full: WhenFull = WhenFull.DROP_NEWEST
    wait_up_to: float = 0.1
    per_worker: int = 32
    per_hook: int = 16
    retries: int = 3
    retry_for: float = 120.0
    journal: str | None = None
    journal_payloads: JournalPayloads = JournalPayloads.PLAIN
    journal_key_file: str | None = None
    journal_mask: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowConfig:
    """Which values of a hook type's payloads the decision log shows: whole, or as a digest."""

    hook_type: str
    fields: frozenset[str] = frozenset()
    hash: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionLogConfig:
    """The log with one line for each call. `path` is needed for a file, and for nothing else."""

    to: DecisionSink = DecisionSink.OFF
    path: str | None = None
    max_bytes: int = 64 * MIB
    keep: int = 5
    endpoint: str = "http://127.0.0.1:4317"
    queue: int = 10_000
    texts: bool = False
    show: tuple[ShowConfig, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OverloadConfig:
    """From which share of `limits.max_in_flight` on hooks that only observe are shed."""

    shed_detached_at: float = 0.8
    shed_observers_at: float = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything an operator can say. `source` names the file, empty for none.

    `digest` is the SHA-256 of the file's octets, as `sha256sum` prints it; empty for none.
    `callers` None: whoever reaches an address for applications may call.
    """

    listen: Listen
    state_dir: str
    dev: bool = False
    hook_types: Mapping[str, HookTypeConfig] = field(default_factory=dict)
    undeclared_types: UndeclaredTypes = UndeclaredTypes.REFUSE
    strict_scopes: bool = False
    workers: Mapping[str, WorkerConfig] = field(default_factory=dict)
    worker_sockets: str | None = None
    callers: tuple[CallerConfig, ...] | None = None
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    detached: DetachedConfig = field(default_factory=DetachedConfig)
    overload: OverloadConfig = field(default_factory=OverloadConfig)
    breaker: BreakerSettings = field(default_factory=BreakerSettings)
    payload_on_block: bool = False
    fusion: bool = True
    on_downgrade: OnDowngrade = OnDowngrade.REFUSE
    decision_log: DecisionLogConfig = field(default_factory=DecisionLogConfig)
    tuning: Tuning = field(default_factory=Tuning)
    source: str = ""
    digest: str = ""

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

    @property
    def largest_payload_bytes(self) -> int:
        """The largest payload that a call of any type may have."""
        own = (each.max_payload_bytes or 0 for each in self.hook_types.values())
        return max(self.limits.max_payload_bytes, *own, 0)

    def accepts_downgrade(self, worker: str) -> bool:
        """Whether the terms of this worker's hooks may become weaker."""
        configured = self.workers.get(worker)
        choice = configured.on_downgrade if configured is not None else None
        return self.dev or (choice or self.on_downgrade) is OnDowngrade.ACCEPT

    @property
    def _names_with_tokens(self) -> Mapping[str, list[str]]:
        """Who shows a token, by the address that it is shown to."""
        return {
            "tcp": sorted(it.name for it in self.callers or () if it.token_sha256 is not None),
            "tcp_workers": sorted(
                it.name for it in self.workers.values() if it.token_sha256 is not None
            ),
        }

    @property
    def warnings(self) -> tuple[str, ...]:
        """What an operator is told at every start."""
        plain = self.listen.open_in_plain_text
        return (
            *(
                f"listen.{key} {address} is open to other machines without TLS, because "
                "listen.insecure_tcp is true: whoever reaches it can read and send everything"
                for key, address in plain.items()
            ),
            *(
                f"listen.{key} {address} is open to other machines that show no certificate: "
                f"whoever reaches it can {_CAN[key]}; name their authority with "
                "listen.tls.client_ca"
                for key, address in self.listen.open_to_anybody.items()
                if key != "tcp" or self.callers is None
            ),
            *(
                f"the tokens of {', '.join(names)} can be read by others when they are sent "
                f"to listen.{key} {plain[key]}: set listen.tls"
                for key, names in self._names_with_tokens.items()
                if names and key in plain
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
