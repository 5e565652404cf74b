"""The keys about hook types, workers, and single hooks of theirs."""

from __future__ import annotations

from typing import Final

from sidehook._tls import Tls
from sidehook_server.config import kinds
from sidehook_server.config.model import (
    HookConfig,
    HookTypeConfig,
    WorkerConfig,
)
from sidehook_server.config.table import Key, ListOf, ListOfSections, Policy, Section

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
