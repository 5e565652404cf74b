"""Every key of the configuration, once: what it takes, its default, and what it means.

The loader reads by these tables, and the reference in docs/configuration.md is made
of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from typing import Any, Final, TypeAlias

from sidehook._tls import Tls
from sidehook._types import FailureClass
from sidehook_server.config import kinds
from sidehook_server.config.kinds import Kind
from sidehook_server.config.model import (
    Config,
    DecisionLogConfig,
    DetachedConfig,
    HookConfig,
    HookTypeConfig,
    LimitsConfig,
    Listen,
    ListenTls,
    OverloadConfig,
    ShowConfig,
    WorkerConfig,
)
from sidehook_server.pipeline.breaker import BreakerSettings


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of single values, each once."""

    kind: Kind[str]


Values: TypeAlias = dict[str, Any]
"""What was read of a section, by the attributes of its model; given keys only."""


@dataclass(frozen=True, slots=True)
class Section:
    """Keys of their own below a key. `model` has their attributes and defaults.

    `make` makes of them what the key above is set to.
    """

    keys: tuple[Key, ...]
    model: type
    make: Callable[[Values], object]


@dataclass(frozen=True, slots=True)
class ListOfSections:
    """A list of things with keys of their own, told apart by the attribute `by`."""

    section: Section
    by: str = "name"


@dataclass(frozen=True, slots=True)
class Policy:
    """What failures do: one word, or words by failure class and `default`."""


Takes: TypeAlias = Kind[object] | ListOf | Section | ListOfSections | Policy
"""What a key takes."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key. `default` overrides what the model's default would be called.

    `attribute` is the name in the model where it is not the key's own.
    """

    name: str
    takes: Takes
    text: str
    default: str | None = None
    required: bool = False
    attribute: str = ""

    @property
    def target(self) -> str:
        """The attribute of the model that the key sets."""
        return self.attribute or self.name


POLICY_KEYS: Final = ("default", *(str(kind) for kind in FailureClass))
"""The keys of an `on_error` that is written by failure class."""

AS_DECLARED: Final = "as its worker says"

HOOK: Final = Section(
    (
        Key(
            "name", kinds.NAME_OF_HOOK, "The hook's name, as its worker declares it.", required=True
        ),
        Key(
            "type",
            kinds.NAME_OF_TYPE,
            "The hook type it is for. Says which calls fail while a required hook was never "
            "registered; without it those of the worker's `types`, else all.",
            attribute="hook_type",
        ),
        Key("mode", kinds.MODE, "When it runs and what it may do.", default=AS_DECLARED),
        Key(
            "priority", kinds.PRIORITY, "Lower runs earlier inside its phase.", default=AS_DECLARED
        ),
        Key(
            "timeout", kinds.TIMEOUT, "The longest one run may take, up to 1h.", default=AS_DECLARED
        ),
        Key(
            "on_error",
            Policy(),
            "What its failure does to the call: `fail` ends it with an error, `ignore` goes on "
            "and records it, `disable` does so too and leaves the hook out on that instance "
            "until a probe of it succeeds. One word for every failure, or a mapping with a word "
            "for each class (`unreachable`, `timeout`, `raised`, `malformed`, `overloaded`, "
            "`circuit_open`) and `default` for the others.",
            default=AS_DECLARED,
        ),
        Key(
            "on_rejected",
            kinds.ON_REJECTED,
            "What becomes of a patch with fields that hooks may not write: `drop` applies the "
            "rest, `error` makes it a failure of the hook.",
            default=AS_DECLARED,
        ),
        Key(
            "scope",
            kinds.TEXT,
            "The hook runs only for calls that name this scope. Empty (`''`): for every call, "
            "whatever its worker says.",
            default=AS_DECLARED,
        ),
        Key(
            "condition",
            kinds.CONDITION,
            "A CEL expression over context and payload; the hook is skipped where it is false. "
            "Empty (`''`): it runs for every call, whatever its worker says.",
            default=AS_DECLARED,
        ),
        Key(
            "sample",
            kinds.SHARE,
            "The share of sessions whose calls it sees; for hooks that observe only: mode audit "
            "or fire_and_forget, or in shadow.",
            default=AS_DECLARED,
        ),
        Key(
            "requires_final_payload",
            kinds.BOOLEAN,
            "A sequential hook runs behind everything that modifies, may block, and may not "
            "modify.",
            default=AS_DECLARED,
        ),
        Key(
            "shadow",
            kinds.BOOLEAN,
            "The hook runs where it would, and nothing comes of its answer: the receipt says what "
            "it would have done.",
        ),
        Key(
            "required",
            kinds.BOOLEAN,
            "Calls of its type fail while it was never registered; every failure of it ends the "
            "call, whatever `on_error` says; and it has no scope.",
        ),
        Key(
            "detached_runs",
            kinds.COUNT,
            "For a FIRE_AND_FORGET hook: how many of its runs may go on at once.",
            default="`detached.per_hook`",
        ),
    ),
    HookConfig,
    lambda values: HookConfig(**values),
)

WORKER_TLS: Final = Section(
    (
        Key(
            "ca",
            kinds.PATH,
            "The authorities that its certificate must be from, in PEM.",
            default="those that gRPC brings",
        ),
        Key("certificate", kinds.PATH, "The certificate that the sidecar shows it, in PEM."),
        Key("key", kinds.PATH, "The private key of `certificate`, in PEM."),
        Key(
            "server_name",
            kinds.TEXT,
            "The name that its certificate must be for.",
            default="the host of `target`",
        ),
    ),
    Tls,
    lambda values: Tls(**values),
)

WORKER: Final = Section(
    (
        Key(
            "name",
            kinds.NAME_OF_WORKER,
            "The worker's name. Connections that declare one name are replicas of one worker.",
            required=True,
        ),
        Key(
            "target",
            kinds.TARGET,
            "Where the sidecar dials it: `unix:///path/to/worker.sock`, `host:port` or "
            "`dns:///host:port`. Without it the worker attaches by itself.",
        ),
        Key(
            "tls",
            WORKER_TLS,
            "Dials a `target` on TCP over TLS; `{}` for an authority that gRPC knows.",
        ),
        Key(
            "optional",
            kinds.BOOLEAN,
            "Calls do not fail because the worker was not seen since the start.",
        ),
        Key(
            "tenant",
            kinds.TEXT,
            "The tenant whose calls may name the scopes of its hooks, whatever its manifest says.",
        ),
        Key(
            "types",
            ListOf(kinds.NAME_OF_TYPE),
            "The hook types it serves. Until the worker was seen, calls of these types fail; "
            "when neither this nor an earlier manifest tells them, calls of every type do.",
        ),
        Key(
            "on_downgrade",
            kinds.ON_DOWNGRADE,
            "As the key of the same name above, for this worker.",
            default="the general setting",
        ),
        Key(
            "uid",
            kinds.USER_ID,
            "Only processes of this user may register under the name, over a Unix socket.",
        ),
        Key(
            "token_sha256",
            kinds.TOKEN_SHA256,
            "Only a worker that attaches with the token of this digest may have the name. It is "
            "what `sha256sum` makes of the token without a line end behind it; take a random "
            "token, such as `openssl rand -hex 32` makes.",
        ),
        Key(
            "certificate",
            kinds.CERTIFICATE_NAME,
            "Only a worker that attaches over TLS with a certificate of this name may have the "
            "worker's: a URI (`spiffe://...`) or DNS name among its alternative names, or the "
            "common name of a certificate that has none. Needs `listen.tls.client_ca`.",
        ),
        Key(
            "max_in_flight",
            kinds.COUNT,
            "Runs that each of its instances gets at once, at most. What an instance itself says "
            "of its limit holds too; more runs wait for their turn.",
            default="what the instance takes",
        ),
        Key(
            "hooks",
            ListOfSections(HOOK),
            "Your word on single hooks of the worker.",
            default="none",
        ),
    ),
    WorkerConfig,
    lambda values: WorkerConfig(**values),
)

HOOK_TYPE: Final = Section(
    (
        Key("name", kinds.NAME_OF_TYPE, "The hook type's name.", required=True),
        Key(
            "writable",
            ListOf(kinds.FIELD_NAME),
            "The fields of its payload that hooks may replace or add.",
            default="what the catalogue says, none for a type of your own",
        ),
        Key(
            "max_payload_bytes",
            kinds.SIZE,
            "The largest payload of its calls.",
            default="`limits.max_payload_bytes`",
        ),
        Key(
            "required",
            kinds.BOOLEAN,
            "Its calls fail while no hook without a scope is registered for it.",
        ),
    ),
    HookTypeConfig,
    lambda values: HookTypeConfig(**values),
)

LISTEN_TLS: Final = Section(
    (
        Key(
            "certificate",
            kinds.PATH,
            "The sidecar's certificate in PEM, with those between it and its authority.",
            required=True,
        ),
        Key(
            "key",
            kinds.PATH,
            "The private key of `certificate` in PEM, without a passphrase.",
            required=True,
        ),
        Key(
            "client_ca",
            kinds.PATH,
            "The authorities, in PEM, that every client and worker on TCP must have a "
            "certificate from. Without it none is asked for.",
        ),
    ),
    ListenTls,
    lambda values: ListenTls(**values),
)

LISTEN: Final = Section(
    (
        Key(
            "socket",
            kinds.SOCKET,
            "The Unix socket that applications call.",
            default="`sidehook.sock` in `$XDG_RUNTIME_DIR/sidehook`, else in `/run/sidehook`",
        ),
        Key(
            "workers_socket",
            kinds.SOCKET,
            "The Unix socket on which workers register.",
            default="`workers.sock` beside `socket`",
        ),
        Key("socket_mode", kinds.FILE_MODE, "Who may call: the file mode of `socket`."),
        Key(
            "workers_socket_mode",
            kinds.FILE_MODE,
            "Who may register: the file mode of `workers_socket`.",
        ),
        Key("tcp", kinds.ADDRESS, "A TCP address that applications call, besides the socket."),
        Key(
            "tcp_workers",
            kinds.ADDRESS,
            "A TCP address on which workers register, besides the socket.",
        ),
        Key(
            "admin",
            kinds.OPTIONAL_ADDRESS,
            "The address of the HTTP port with `/healthz`, `/metrics` and `/state`, or `off`.",
        ),
        Key(
            "tls",
            LISTEN_TLS,
            "TLS on `tcp` and `tcp_workers`. The files are read at the start, and again for a "
            "connection that finds them changed: a renewed certificate needs no restart.",
        ),
        Key(
            "insecure_tcp",
            kinds.BOOLEAN,
            "Lets addresses be open to other machines without TLS, which `admin` never has. The "
            "sidecar warns of it at every start.",
        ),
    ),
    Listen,
    dict,
)

WORKER_SOCKETS: Final = Section(
    (
        Key(
            "directory",
            kinds.PATH,
            "A folder to watch: the sidecar dials whoever listens on a `*.sock` file in it.",
            required=True,
        ),
    ),
    str,
    lambda values: values.get("directory"),
)

LIMITS: Final = Section(
    (
        Key(
            "max_payload_bytes",
            kinds.SIZE,
            "The largest payload of a call; a larger one is refused before any hook runs.",
        ),
        Key("max_state_bytes", kinds.SIZE, "The largest state that a session carries."),
        Key(
            "max_in_flight",
            kinds.COUNT,
            "Calls under way at once; one more is refused. Above half of it no tenant gets more "
            "than its share while others want theirs.",
        ),
        Key(
            "worker_queue",
            kinds.COUNT,
            "Runs that wait at once while every instance of their worker is at its limit, for the "
            "same instances. For one more, an observer is shed; where there is none, whoever has "
            "most waiting loses its youngest run, which fails as overloaded.",
        ),
        Key("default_budget", kinds.DURATION, "The time of a call that names none."),
        Key(
            "margin",
            kinds.DURATION,
            "How long before the caller gives up the sidecar answers at the latest.",
        ),
        Key(
            "observer_share",
            kinds.SHARE,
            "The part of a call's remaining time that its AUDIT hooks and those in shadow may "
            "spend together.",
        ),
        Key(
            "max_extension",
            kinds.DURATION,
            "How much more time a hook may get at most when it asks for more, once, out of what "
            "is left of the call.",
        ),
        Key(
            "list_lease",
            kinds.DURATION,
            "How long a client may act on its list of hook types without word of the sidecar.",
        ),
        Key(
            "drain_timeout",
            kinds.DURATION,
            "How long calls and detached runs may go on once the sidecar is told to stop.",
        ),
    ),
    LimitsConfig,
    lambda values: LimitsConfig(**values),
)

DETACHED: Final = Section(
    (
        Key(
            "queue",
            kinds.COUNT,
            "Events that may wait for their turn or their next try, those that run not counted.",
        ),
        Key("max_bytes", kinds.SIZE, "The bytes of payload and state that may wait."),
        Key(
            "when_full",
            kinds.WHEN_FULL,
            "What happens when there is no room: `drop_newest` drops the event that comes, "
            "`drop_oldest` drops those that have waited longest, `wait` makes the call wait for "
            "room and then drops the event. Whatever is dropped is logged and counted.",
        ),
        Key(
            "wait_up_to",
            kinds.DURATION,
            "How long a call waits for room under `wait`, and never longer than its budget.",
        ),
        Key("per_worker", kinds.COUNT, "Detached runs of one worker that go on at once."),
        Key(
            "per_hook",
            kinds.COUNT,
            "Detached runs of one hook that go on at once. A hook without any may have one over "
            "`per_worker`, so that others which hang never hold it up.",
        ),
        Key(
            "retries",
            kinds.COUNT_OR_NONE,
            "How often a failed run of a hook that declares itself idempotent is repeated.",
        ),
        Key(
            "retry_for",
            kinds.DURATION,
            "How long after its acceptance, or after a restart, an event of such a hook, or one "
            "in the journal, may wait for its worker or be repeated; its timeout when that is "
            "longer.",
        ),
        Key(
            "journal",
            kinds.PATH,
            "A file that keeps accepted events over a crash or a restart of the sidecar. Without "
            "it they are in memory only.",
            default="none",
        ),
        Key(
            "journal_payloads",
            kinds.JOURNAL_PAYLOADS,
            "What of an event is in the journal: `plain` everything, readable for whoever can read "
            "the file; `encrypted` everything, sealed with AES-GCM; `masked` everything but the "
            "fields of `journal_mask`.",
        ),
        Key(
            "journal_key_file",
            kinds.PATH,
            "The file with the key of an encrypted journal: 32 bytes, or 64 hexadecimal digits. "
            "Only the sidecar's user may have access to it.",
            default="none",
        ),
        Key(
            "journal_mask",
            ListOf(kinds.FIELD_NAME),
            "The fields of payloads that a masked journal leaves out; after a restart their hooks "
            "get the other fields, and the names of all.",
            default="none",
        ),
    ),
    DetachedConfig,
    lambda values: DetachedConfig(**values),
)

OVERLOAD: Final = Section(
    (
        Key(
            "shed_detached_at",
            kinds.SHARE,
            "From this share of `limits.max_in_flight` on, a call that begins sheds its "
            "FIRE_AND_FORGET hooks. 1 sheds none.",
        ),
        Key(
            "shed_observers_at",
            kinds.SHARE,
            "From this share on, it sheds its AUDIT hooks and those in shadow too. 1 sheds none.",
        ),
    ),
    OverloadConfig,
    lambda values: OverloadConfig(**values),
)

BREAKER: Final = Section(
    (
        Key("failures", kinds.COUNT, "How many failures in a row open it."),
        Key(
            "pause",
            kinds.DURATION,
            "How long it then keeps runs away, until one is let through as a probe. Twice as long "
            "after each probe that fails.",
        ),
        Key("longest_pause", kinds.DURATION, "How long at most."),
        Key(
            "jitter",
            kinds.SHARE,
            "By which random part of itself a pause is longer or shorter, so that sidecars do not "
            "probe in step.",
        ),
    ),
    BreakerSettings,
    lambda values: BreakerSettings(**values),
)

SHOW: Final = Section(
    (
        Key(
            "type",
            kinds.NAME_OF_TYPE,
            "The hook type whose payloads it is about.",
            required=True,
            attribute="hook_type",
        ),
        Key("fields", ListOf(kinds.FIELD_NAME), "Fields whose values are written whole."),
        Key(
            "hash",
            ListOf(kinds.FIELD_NAME),
            "Fields of which the SHA-256 of the value is written. A value that can be guessed can "
            "be found by its digest.",
        ),
    ),
    ShowConfig,
    lambda values: ShowConfig(**values),
)

DECISION_LOG: Final = Section(
    (
        Key("to", kinds.DECISION_SINK, "Where it goes."),
        Key("path", kinds.PATH, "The file of `to: file`. It is made with the file mode 0600."),
        Key("max_bytes", kinds.SIZE, "A file that would become larger is put aside first."),
        Key("keep", kinds.COUNT, "Files put aside (`path.1`, `path.2`, …) before one is removed."),
        Key(
            "endpoint",
            kinds.URL,
            "The OTLP receiver of `to: otlp`, asked by gRPC: `http://host:port`, or `https://` for "
            "TLS. Needs the extra `sidehook-server[otlp]`.",
        ),
        Key("queue", kinds.COUNT, "Lines that may wait to be written; one more is lost, counted."),
        Key(
            "texts",
            kinds.BOOLEAN,
            "The reasons of violations and the messages of failures are written too. They are "
            "texts of hooks, and may quote the payload.",
        ),
        Key(
            "show",
            ListOfSections(SHOW, by="hook_type"),
            "Values of payloads that are written.",
            default="none",
        ),
    ),
    DecisionLogConfig,
    lambda values: DecisionLogConfig(**values),
)

CONFIG: Final = Section(
    (
        Key("listen", LISTEN, "Where the sidecar listens."),
        Key(
            "state_dir",
            kinds.PATH,
            "The folder that keeps the hooks of every worker over a restart.",
            default="beside `listen.socket`, with `.state` in place of `.sock`",
        ),
        Key(
            "dev",
            kinds.BOOLEAN,
            "Development mode: hooks leave the plan with their workers, nothing is kept over a "
            "restart, weaker manifests are accepted, and every receipt says so.",
        ),
        Key(
            "hook_types",
            ListOfSections(HOOK_TYPE),
            "Hook types of your own, and your word on those of the catalogue.",
        ),
        Key(
            "undeclared_types",
            kinds.UNDECLARED_TYPES,
            "Whether hook types that neither the catalogue nor `hook_types` declares are "
            "refused, or allowed in manifests and calls.",
        ),
        Key(
            "strict_scopes",
            kinds.BOOLEAN,
            "A call that names a scope which no hook of its tenant is in fails. Else it is "
            "recorded and counted.",
        ),
        Key(
            "workers",
            ListOfSections(WORKER),
            "Workers that must be there, or that you have a word on.",
        ),
        Key("worker_sockets", WORKER_SOCKETS, "Workers found by their sockets."),
        Key("limits", LIMITS, "How much of everything, at most."),
        Key(
            "detached",
            DETACHED,
            "Events of FIRE_AND_FORGET hooks, between the verdict and their delivery.",
        ),
        Key(
            "overload",
            OVERLOAD,
            "What gives way when the sidecar is near its limit. Hooks that may decide a call never "
            "do.",
        ),
        Key(
            "breaker",
            BREAKER,
            "The circuit breaker of each hook on each instance of its worker: failures of class "
            "timeout, raised and malformed open it, and it heals by itself.",
        ),
        Key(
            "payload_on_block",
            kinds.BOOLEAN,
            "FIRE_AND_FORGET hooks see values also when a TRANSFORM hook, which might have "
            "redacted them, failed or had no turn.",
        ),
        Key(
            "on_downgrade",
            kinds.ON_DOWNGRADE,
            "What becomes of a manifest that weakens a hook: `refuse` keeps the old terms, "
            "`accept` lets the new ones hold once nobody serves the old ones.",
        ),
        Key(
            "decision_log",
            DECISION_LOG,
            "A line of JSON for every call: [decision-log.md](decision-log.md).",
        ),
    ),
    Config,
    dict,
)


def default_of(section: Section, key: Key) -> str:
    """The default of a key, for people; empty for none."""
    if key.default is not None:
        return key.default
    if not isinstance(key.takes, Kind):
        return ""
    value = next(
        (each.default for each in fields(section.model) if each.name == key.target), MISSING
    )
    if value is MISSING or value is None:
        return ""
    return f"`{key.takes.show(value)}`"
