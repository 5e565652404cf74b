"""What a change of the registry asks its holder to do. Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from sidehook._manifest import HookSpec
from sidehook._run import Notice


class RefusalReason(StrEnum):
    """Why a registration or a retirement is refused; stable names."""

    INVALID_MANIFEST = "INVALID_MANIFEST"
    """The manifest breaks a rule."""
    WORKER_IDENTITY = "WORKER_IDENTITY"
    """The name belongs to somebody else."""
    HOOK_IN_USE = "HOOK_IN_USE"
    """A connected instance still declares the hook that was to be retired."""


class Level(StrEnum):
    """How loud a log entry is."""

    INFO = "info"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class KeptHook:
    """A hook as its worker declared it when its terms came into force.

    `tenant` is the one of the manifest.
    """

    spec: HookSpec
    tenant: str = ""


@dataclass(frozen=True, slots=True)
class KeptWorker:
    """What outlives a restart of the sidecar: the hooks a worker was ever ready with."""

    worker: str
    hooks: tuple[KeptHook, ...]


@dataclass(frozen=True, slots=True)
class ListChanged:
    """The live list has a new version: send it to every holder."""

    version: int


@dataclass(frozen=True, slots=True)
class AnnounceActive:
    """Send the link the notice HOOKS_ACTIVE once its hooks are active.

    That is when every holder of the live list has applied `version` or a later one,
    or its lease has run out.
    """

    link_id: str
    version: int


@dataclass(frozen=True, slots=True)
class Persist:
    """Write what is kept of a worker to the state folder, in place of what is there."""

    kept: KeptWorker


@dataclass(frozen=True, slots=True)
class Forget:
    """Remove what is kept of a worker from the state folder."""

    worker: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """Nothing changed. `problems` are sentences; every one that was found is there."""

    reason: RefusalReason
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dismiss:
    """End the connection of a link: by the operator's new word the name is somebody else's."""

    link_id: str
    refusal: Refuse


@dataclass(frozen=True, slots=True)
class Log:
    """One line for the log: a constant event name, and its fields."""

    level: Level
    event: str
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TellWorker:
    """Something for the log of the worker behind a link."""

    link_id: str
    notice: Notice


Effect: TypeAlias = (
    ListChanged | AnnounceActive | Persist | Forget | Refuse | Dismiss | Log | TellWorker
)
"""What a change of the registry asks its holder to do."""
