"""The keys about how much of everything there may be, and what gives way."""

from __future__ import annotations

from typing import Final

from sidehook_server.config import kinds
from sidehook_server.config.model import (
    DetachedConfig,
    LimitsConfig,
    OverloadConfig,
)
from sidehook_server.config.table import Key, ListOf, Section
from sidehook_server.pipeline.breaker import BreakerSettings

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
