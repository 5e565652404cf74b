"""A scripted worker: what it declares, and what its hooks answer in turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from sidehook._hello import CONTINUATIONS, FUSED_RUNS, SPLIT_FRAMES
from sidehook._manifest import ErrorPolicy, HookSpec, Limits, WorkerManifest
from sidehook._types import JSON, FailureClass, Mode, OnError, OnRejected
from tests.conformance.language import reading
from tests.conformance.language.answers import Answer, read_answer
from tests.conformance.language.errors import CaseError
from tests.conformance.language.reading import Keys

DEFAULT_TYPE: Final = "doc"
"""The hook type of hooks and calls that name none."""


class Continues(StrEnum):
    """How a worker deals with lists of which only the end comes."""

    KEEPS = "keeps"
    FORGETS = "forgets"


@dataclass(frozen=True, slots=True)
class ScriptedHook:
    """One hook. Its answers are given in turn; the last one goes on for ever."""

    spec: HookSpec
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One process of a worker."""

    worker: str
    name: str
    hooks: Mapping[str, ScriptedHook]
    tenant: str = ""
    limits: Limits = field(default_factory=Limits)
    fuses: bool = False
    continues: Continues | None = None

    @property
    def manifest(self) -> WorkerManifest:
        """How it introduces itself."""
        named = {FUSED_RUNS: self.fuses, CONTINUATIONS: self.continues is not None}
        return WorkerManifest(
            worker=self.worker,
            instance=self.name,
            hooks=tuple(hook.spec for hook in self.hooks.values()),
            capabilities=frozenset({SPLIT_FRAMES, *(name for name, has in named.items() if has)}),
            limits=self.limits,
            tenant=self.tenant,
        )


@dataclass(frozen=True, slots=True)
class Fuses:
    """The instances of a worker that take several hooks in one run: all, or those named."""

    everywhere: bool = False
    instances: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedWorker:
    """A worker of a case. `instances` are its processes when the case begins.

    `fuses` says which of them take several hooks in one run, `continues` whether they take
    lists in part, and remember what they took.
    """

    name: str
    instances: tuple[str, ...]
    hooks: Mapping[str, ScriptedHook]
    tenant: str = ""
    limits: Limits = field(default_factory=Limits)
    fuses: Fuses = field(default_factory=Fuses)
    continues: Continues | None = None

    def instance(
        self, name: str | None = None, hooks: Mapping[str, ScriptedHook] | None = None
    ) -> Instance:
        """One process of it, with hooks of its own where they are given."""
        name = self.name if name is None else name
        return Instance(
            worker=self.name,
            name=name,
            fuses=self.fuses.everywhere or name in self.fuses.instances,
            continues=self.continues,
            hooks=self.hooks if hooks is None else hooks,
            tenant=self.tenant,
            limits=self.limits,
        )


def read_workers(value: JSON, where: str) -> Mapping[str, ScriptedWorker]:
    """The workers of a case by name."""
    bodies = reading.mapping_of(reading.anything)(value, where)
    return {name: _read_worker(name, body, f"{where}: {name}") for name, body in bodies.items()}


def _read_worker(name: str, value: JSON, where: str) -> ScriptedWorker:
    keys = Keys(value, where)
    usual: tuple[str, ...] = (name,)
    instances = keys.take("instances", reading.list_of(reading.text), usual)
    worker = ScriptedWorker(
        name=name,
        instances=instances,
        fuses=keys.take("fuses", _read_fuses, Fuses()),
        continues=keys.optional("continues", reading.word(Continues)),
        hooks=keys.required("hooks", read_hooks),
        tenant=keys.take("tenant", reading.text, ""),
        limits=keys.take("limits", _read_limits, Limits()),
    )
    keys.finish()
    return worker


def _read_fuses(value: JSON, where: str) -> Fuses:
    if isinstance(value, list):
        return Fuses(instances=reading.list_of(reading.text)(value, where))
    return Fuses(everywhere=reading.boolean(value, where))


def _read_limits(value: JSON, where: str) -> Limits:
    keys = Keys(value, where)
    usual = Limits()
    limits = Limits(
        max_message_bytes=keys.take("max_message_bytes", reading.integer, usual.max_message_bytes),
        max_in_flight=keys.take("max_in_flight", reading.integer, usual.max_in_flight),
    )
    keys.finish()
    return limits


def read_hooks(value: JSON, where: str) -> Mapping[str, ScriptedHook]:
    """Hooks by name."""
    bodies = reading.mapping_of(reading.anything)(value, where)
    return {name: _read_hook(name, body, f"{where}: {name}") for name, body in bodies.items()}


def _read_hook(name: str, value: JSON, where: str) -> ScriptedHook:
    keys = Keys({} if value is None else value, where)
    answers = _read_answers(keys)
    spec = HookSpec(
        name=name,
        hook_type=keys.take("type", reading.text, DEFAULT_TYPE),
        mode=keys.optional("mode", reading.word(Mode)),
        priority=keys.optional("priority", reading.integer),
        timeout=keys.optional("timeout", reading.seconds),
        on_error=keys.optional("on_error", _read_policy),
        scope=keys.optional("scope", reading.text),
        condition=keys.optional("condition", reading.text),
        fields=keys.optional("fields", reading.list_of(reading.text)),
        requires_final_payload=keys.optional("requires_final_payload", reading.boolean),
        idempotent=keys.optional("idempotent", reading.boolean),
        on_rejected=keys.optional("on_rejected", reading.word(OnRejected)),
        sample=keys.optional("sample", reading.number),
    )
    keys.finish()
    return ScriptedHook(spec, answers)


def _read_answers(keys: Keys) -> tuple[Answer, ...]:
    if "answers" in keys:
        answers = keys.required("answers", reading.list_of(read_answer))
        if not answers:
            raise CaseError(keys.where, "answers: takes one answer or more")
        return answers
    return (keys.take("answer", read_answer, read_answer("proceed", keys.where)),)


def _read_policy(value: JSON, where: str) -> ErrorPolicy:
    action = reading.word(OnError)
    if isinstance(value, str):
        return ErrorPolicy(default=action(value, where))
    keys = Keys(value, where)
    default = keys.optional("default", action)
    overrides = {
        kind: action(item, f"{where}: {kind}")
        for kind, item in ((reading.word(FailureClass)(key, where), it) for key, it in keys.rest())
    }
    return ErrorPolicy(default=default, overrides=overrides)
