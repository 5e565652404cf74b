"""Which keys of the configuration may change while the sidecar runs, and which need a restart.

A key holds for everything below it. One that stands in neither table needs a restart; a test
sees to it that every key was decided on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from typing import Final

from sidehook_server.config.checks import place_of
from sidehook_server.config.load import Loaded
from sidehook_server.config.model import Config
from sidehook_server.config.problems import Place, Problem
from sidehook_server.config.schema import CONFIG
from sidehook_server.config.table import Section

LIVE: Final = (
    "hook_types",
    "undeclared_types",
    "strict_scopes",
    "workers",
    "worker_sockets",
    "callers",
    "limits.max_payload_bytes",
    "limits.max_state_bytes",
    "limits.max_in_flight",
    "limits.worker_queue",
    "limits.default_budget",
    "limits.margin",
    "limits.observer_share",
    "limits.max_extension",
    "limits.drain_timeout",
    "overload",
    "breaker",
    "payload_on_block",
    "fusion",
    "on_downgrade",
    "decision_log.texts",
    "decision_log.show",
)
"""What is in force with the next call."""

RESTART: Final[Mapping[str, str]] = {
    "listen": "addresses are bound when the sidecar starts",
    "state_dir": "what is kept of workers is in one folder",
    "dev": "hooks that were kept would be forgotten, or those forgotten be missed",
    "detached": "the queue and its journal are made when the sidecar starts",
    "limits.list_lease": "clients may still act on the lease that they were given",
    "decision_log.to": "the log is opened when the sidecar starts",
    "decision_log.path": "the log is opened when the sidecar starts",
    "decision_log.max_bytes": "the log is opened when the sidecar starts",
    "decision_log.keep": "the log is opened when the sidecar starts",
    "decision_log.endpoint": "the log is opened when the sidecar starts",
    "decision_log.queue": "the log is opened when the sidecar starts",
    "tuning": "a process is set up when it starts",
}
"""What is not, and why."""

_UNDECIDED: Final = "it is read when the sidecar starts"


def keys(section: Section = CONFIG, above: str = "") -> Iterator[str]:
    """The path of every key that holds a value, or a list: `limits.margin`, `workers`."""
    for key in section.keys:
        path = f"{above}{key.name}"
        if isinstance(key.takes, Section) and is_dataclass(key.takes.model):
            yield from keys(key.takes, f"{path}.")
        else:
            yield path


def is_live(path: str) -> bool:
    """Whether a change of this key takes effect while the sidecar runs."""
    return any(each in LIVE for each in _with_those_above(path))


def why_restart(path: str) -> str | None:
    """Why a change of this key needs a restart; None when that was not decided."""
    return next((RESTART[each] for each in _with_those_above(path) if each in RESTART), None)


def _with_those_above(path: str) -> Iterator[str]:
    while path:
        yield path
        path = path.rpartition(".")[0]


def problems_of_change(start: Config, now: Config, loaded: Loaded) -> tuple[Problem, ...]:
    """Why a configuration cannot take the place of the one in force; empty when it can.

    `start` is the configuration that the sidecar started with.
    """
    source = Place(loaded.config.source)
    problems = {
        key: f"it cannot change while the sidecar runs ({why}); restart it, or put back what it was"
        for key, why in _needs_restart(now, loaded.config)
    }
    given = {key: text for key, text in problems.items() if key in loaded.places}
    # What follows from a key that was changed is not worth a word; what was removed is.
    return (
        *(
            Problem(place_of(key, loaded.places, source), key, text)
            for key, text in (given or problems).items()
        ),
        *_larger_payloads(start, loaded, source),
    )


def _needs_restart(now: Config, new: Config) -> Iterator[tuple[str, str]]:
    for path in keys():
        if not is_live(path) and _value(now, path) != _value(new, path):
            yield path, why_restart(path) or _UNDECIDED


def _value(config: Config, path: str) -> object:
    value: object = config
    takes: object = CONFIG
    for name in path.split("."):
        assert isinstance(takes, Section), "the path is one of a key"
        if value is None:
            # The section above is not there.
            return None
        key = next(key for key in takes.keys if key.name == name)
        value, takes = getattr(value, key.target), key.takes
    return value


def _larger_payloads(start: Config, loaded: Loaded, source: Place) -> Iterator[Problem]:
    """The limits of a message are told to every peer when it connects."""
    limit = start.largest_payload_bytes
    new = loaded.config
    sizes = {
        "limits.max_payload_bytes": new.limits.max_payload_bytes,
        **{
            f"hook_types[{each.name}].max_payload_bytes": each.max_payload_bytes or 0
            for each in new.hook_types.values()
        },
    }
    for key, size in sizes.items():
        if size > limit:
            yield Problem(
                place_of(key, loaded.places, source),
                key,
                f"{size} bytes are more than the {limit} that messages were made for when the "
                "sidecar started; restart it, or use less",
            )
