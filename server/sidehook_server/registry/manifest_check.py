"""What is wrong with a manifest: every problem at once, each with what to do about it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

from sidehook._manifest import HookSpec, WorkerManifest
from sidehook._types import Mode
from sidehook_server.config.conditions import condition_problem
from sidehook_server.config.model import Config, HookConfig, WorkerConfig
from sidehook_server.config.naming import (
    MAX_HOOKS,
    MAX_PRIORITY,
    MAX_SENTENCE,
    MAX_TEXT,
    MAX_TIMEOUT,
    did_you_mean,
    hook_name_problem,
    hook_type_problem,
    shown,
    text_problem,
    worker_name_problem,
)
from sidehook_server.modes import MODES
from sidehook_server.registry.declared import DeclaredType
from sidehook_server.registry.effects import RefusalReason, Refuse
from sidehook_server.registry.identity import STRANGER, Peer, identity_problems

_REQUIRED: Final = (
    "the sidecar's configuration requires this hook, and only it may say when a required hook is "
    "left out; leave the {} out"
)
_MAX_CAPABILITIES: Final = 64
# More would help nobody to repair a manifest, and finding them all may take long.
_TOLD: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Registrant:
    """Who registers, and as what.

    `expected_worker`: the name under which the configuration has the worker's target, or
    which the connection had before.
    `serves_scope`: the hooks are an application's own, for calls that name a handle.
    """

    peer: Peer = STRANGER
    expected_worker: str | None = None
    serves_scope: bool = False


def refusal(
    manifest: WorkerManifest,
    registrant: Registrant,
    *,
    config: Config,
    types: Mapping[str, DeclaredType],
    undeclared_allowed: bool,
) -> Refuse | None:
    """Why the manifest is refused, with its problems, 50 of hooks at most; None when it is not."""
    said = config.workers.get(manifest.worker)
    identity = _identity_problems(manifest, registrant, said)
    checked = _Checked(
        manifest,
        said=None if registrant.serves_scope else said,
        types=types,
        undeclared_allowed=undeclared_allowed,
        serves_scope=registrant.serves_scope,
    )
    problems = (
        *identity,
        *islice(_worker_problems(manifest), _TOLD),
        *islice(checked.hook_problems(), _TOLD),
    )
    if not problems:
        return None
    reason = RefusalReason.WORKER_IDENTITY if identity else RefusalReason.INVALID_MANIFEST
    return Refuse(reason, problems)


def identity_refusal(
    manifest: WorkerManifest, registrant: Registrant, said: WorkerConfig | None
) -> Refuse | None:
    """Why the name of the manifest is not the registrant's to have; None when it is."""
    problems = _identity_problems(manifest, registrant, said)
    return Refuse(RefusalReason.WORKER_IDENTITY, problems) if problems else None


def _identity_problems(
    manifest: WorkerManifest, registrant: Registrant, said: WorkerConfig | None
) -> tuple[str, ...]:
    return tuple(
        identity_problems(
            manifest.worker, registrant.peer, said, expected_worker=registrant.expected_worker
        )
    )


def _worker_problems(manifest: WorkerManifest) -> Iterator[str]:
    who = f"worker {shown(manifest.worker)}"
    if problem := worker_name_problem(manifest.worker):
        yield f"{who}, field worker: {problem}"
    for field, text in (
        ("instance", manifest.instance),
        ("tenant", manifest.tenant),
        ("sdk", manifest.sdk),
    ):
        if problem := text_problem(text):
            yield f"{who}, field {field}: {problem}"
    names = manifest.capabilities
    if len(names) > _MAX_CAPABILITIES or any(len(name) > MAX_TEXT for name in names):
        yield (
            f"{who}, field capabilities: use at most {_MAX_CAPABILITIES} names of at most "
            f"{MAX_TEXT} characters"
        )
    if len(manifest.hooks) > MAX_HOOKS:
        yield (
            f"{who}, field hooks: {len(manifest.hooks)} hooks, at most {MAX_HOOKS} are taken; "
            "split them over several workers"
        )
    for name, times in Counter(hook.name for hook in manifest.hooks).items():
        if times > 1:
            where = f"{who}, hook {shown(name)}, field name"
            yield f"{where}: {times} hooks have it; rename all but one"


@dataclass(frozen=True, slots=True)
class _Checked:
    manifest: WorkerManifest
    said: WorkerConfig | None
    types: Mapping[str, DeclaredType]
    undeclared_allowed: bool
    serves_scope: bool

    def hook_problems(self) -> Iterator[str]:
        for spec in self.manifest.hooks:
            for field, problem in self._problems_of(spec):
                yield (
                    f"worker {shown(self.manifest.worker)}, hook {shown(spec.name)}, "
                    f"field {field}: {problem}"
                )

    def _problems_of(self, spec: HookSpec) -> Iterator[tuple[str, str]]:
        if problem := hook_name_problem(spec.name):
            yield "name", problem
        if problem := self._hook_type_problem(spec.hook_type):
            yield "hook_type", problem
        for field, check in _TERM_CHECKS.items():
            if problem := check(spec):
                yield field, problem
        if problem := self._scope_problem(spec):
            yield "scope", problem
        yield from self._left_out(spec)

    def _left_out(self, spec: HookSpec) -> Iterator[tuple[str, str]]:
        """When a required hook would have no turn by its worker's word alone."""
        said = self._said(spec.name)
        if said is None or not said.required:
            return
        if spec.condition and said.condition is None:
            yield "condition", _REQUIRED.format("condition")
        if spec.sample is not None and spec.sample < 1 and said.sample is None:
            yield "sample", _REQUIRED.format("sample")

    def _hook_type_problem(self, hook_type: str) -> str | None:
        if not hook_type:
            return "it is empty; name the point in the application where the hook runs"
        if problem := hook_type_problem(hook_type):
            return problem
        if hook_type in self.types or self.undeclared_allowed:
            return None
        return (
            f"{shown(hook_type)} is not declared; declare it in the sidecar's configuration under "
            f"hook_types{did_you_mean(hook_type, self.types)}"
        )

    def _scope_problem(self, spec: HookSpec) -> str | None:
        if spec.scope is None:
            return None
        if self.serves_scope:
            return "hooks that a scope handle names have no other scope; leave it out"
        if not spec.scope:
            return "it is empty; name the scope, or leave it out"
        if problem := text_problem(spec.scope):
            return problem
        said = self._said(spec.name)
        if said is not None and said.required:
            return (
                "the sidecar's configuration requires this hook, and a required hook runs for "
                "every call; leave the scope out"
            )
        return None

    def _said(self, name: str) -> HookConfig | None:
        return self.said.hook(name) if self.said is not None else None


def _priority_problem(spec: HookSpec) -> str | None:
    if spec.priority is None or abs(spec.priority) <= MAX_PRIORITY:
        return None
    return f"{spec.priority} is out of range; use -{MAX_PRIORITY} to {MAX_PRIORITY}"


def _timeout_problem(spec: HookSpec) -> str | None:
    if spec.timeout is None or (0 < spec.timeout <= MAX_TIMEOUT and math.isfinite(spec.timeout)):
        return None
    return f"{spec.timeout:g} s is out of range; use over 0 and up to {MAX_TIMEOUT:g} s"


def _condition_problem(spec: HookSpec) -> str | None:
    if spec.condition is None:
        return None
    if not spec.condition:
        return "it is empty; write a CEL expression, or leave it out"
    return condition_problem(spec.condition, spec.fields)


def _sample_problem(spec: HookSpec) -> str | None:
    if spec.sample is None:
        return None
    if not 0 < spec.sample <= 1:
        return f"{spec.sample:g} is no share; use over 0 and up to 1"
    mode = Mode.SEQUENTIAL if spec.mode is None else spec.mode
    if not MODES[mode].observes:
        return f"a {mode.name} hook sees every call; leave it out, or observe in mode AUDIT"
    return None


def _final_payload_problem(spec: HookSpec) -> str | None:
    if not spec.requires_final_payload:
        return None
    mode = Mode.SEQUENTIAL if spec.mode is None else spec.mode
    if mode is not Mode.SEQUENTIAL:
        return f"only SEQUENTIAL hooks may require the final payload, not {mode.name}; leave it out"
    return None


def _fields_problem(spec: HookSpec) -> str | None:
    names = spec.fields or ()
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    if twice:
        return f"{', '.join(map(shown, twice))} named more than once; name each field once"
    return "a field has no name; leave it out" if "" in names else None


def _description_problem(spec: HookSpec) -> str | None:
    if len(spec.description or "") > MAX_SENTENCE:
        return f"use at most {MAX_SENTENCE} characters"
    return None


_TERM_CHECKS: Final[Mapping[str, Callable[[HookSpec], str | None]]] = {
    "priority": _priority_problem,
    "timeout": _timeout_problem,
    "condition": _condition_problem,
    "sample": _sample_problem,
    "requires_final_payload": _final_payload_problem,
    "fields": _fields_problem,
    "description": _description_problem,
}
