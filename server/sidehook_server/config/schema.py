"""Every key of the configuration, once: what it takes, its default, and what it means.

The loader reads by this table and those it is put together from, and the reference in
docs/configuration.md is made of them.
"""

from __future__ import annotations

from typing import Final

from sidehook_server.config import kinds
from sidehook_server.config.keys_of_callers import CALLER
from sidehook_server.config.keys_of_decision_log import DECISION_LOG
from sidehook_server.config.keys_of_hooks import HOOK_TYPE, WORKER
from sidehook_server.config.keys_of_listening import LISTEN, WORKER_SOCKETS
from sidehook_server.config.keys_of_tuning import TUNING
from sidehook_server.config.keys_of_work import BREAKER, DETACHED, LIMITS, OVERLOAD
from sidehook_server.config.model import (
    Config,
)
from sidehook_server.config.table import Key, ListOfSections, Section

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
        Key(
            "callers",
            ListOfSections(CALLER),
            "Who may call which hook types, and for which tenants. Whoever is none of them may "
            "call nothing: with an empty list nobody may.",
            default="everybody who reaches an address for applications may call everything",
        ),
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
            "fusion",
            kinds.BOOLEAN,
            "Consecutive hooks of one worker travel in one run, when the worker can take them: "
            "[fusion.md](fusion.md). `false` sends every hook in a run of its own, to measure or "
            "to debug.",
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
        Key(
            "tuning",
            TUNING,
            "How the process is set up: [process-settings.md](process-settings.md).",
        ),
    ),
    Config,
    dict,
)
