"""Manifests: what a worker says about itself and its hooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sidehook._errors import MalformedError
from sidehook._frames import MIN_BATCH_BYTES
from sidehook._json import shown
from sidehook._manifest import MAX_HOOKS, ErrorPolicy, HookSpec, Limits, WorkerManifest
from sidehook._wire._durations import read_positive, write_duration
from sidehook._wire._enums import FAILURE_CLASSES, MODES, ON_ERROR, ON_REJECTED
from sidehook._wire._schema import WorkerManifest as ManifestMessage
from sidehook._wire._schema import parse
from sidehook.v1 import hook_pb2, stream_pb2

MAX_MANIFEST_BYTES: Final = 1024 * 1024
"""The largest manifest, serialized, in bytes."""

# The problems of one manifest that are told one by one.
_TOLD: Final = 20

# Terms whose value on the wire is the value here.
_PLAIN_TERMS = (
    "priority",
    "scope",
    "condition",
    "requires_final_payload",
    "idempotent",
    "sample",
    "description",
)


def encode_manifest(manifest: WorkerManifest) -> bytes:
    """Serialize a manifest."""
    message = ManifestMessage()
    write_manifest(message, manifest)
    return message.SerializeToString()


def decode_manifest(octets: bytes) -> WorkerManifest:
    """Parse a manifest. Raises one MalformedError that names the problems found, 20 at most."""
    check_size(octets, "WorkerManifest")
    return read_manifest(parse(ManifestMessage, octets, "WorkerManifest"), "WorkerManifest")


def check_size(octets: bytes, what: str) -> None:
    """Refuse a message with a manifest in it that is too large to look into."""
    if len(octets) > MAX_MANIFEST_BYTES:
        raise MalformedError(what, f"{len(octets)} bytes, over the limit of {MAX_MANIFEST_BYTES}")


def write_manifest(target: hook_pb2.WorkerManifest, manifest: WorkerManifest) -> None:
    """Set a manifest."""
    target.protocol_version = manifest.protocol_version
    target.worker = manifest.worker
    target.instance = manifest.instance
    target.sdk = manifest.sdk
    target.tenant = manifest.tenant
    target.capabilities.extend(sorted(manifest.capabilities))
    write_limits(target.limits, manifest.limits)
    for spec in manifest.hooks:
        _write_spec(target.hooks.add(), spec)
    target.SetInParent()


def read_manifest(source: hook_pb2.WorkerManifest, what: str) -> WorkerManifest:
    """Read a manifest; names, ranges and the version are the registry's to judge."""
    return WorkerManifest(
        worker=source.worker,
        instance=source.instance,
        hooks=_read_specs(source.hooks, what),
        capabilities=frozenset(source.capabilities),
        limits=read_limits(source.limits, f"{what}.limits"),
        sdk=source.sdk,
        tenant=source.tenant,
        protocol_version=source.protocol_version,
    )


def write_limits(target: stream_pb2.Limits, limits: Limits) -> None:
    """Set what one end of a stream accepts."""
    target.max_message_bytes = limits.max_message_bytes
    target.max_batch_bytes = limits.max_batch_bytes
    target.max_in_flight = limits.max_in_flight


def read_limits(source: stream_pb2.Limits, what: str) -> Limits:
    """Read what one end of a stream accepts; 0 means the default.

    Raises MalformedError for batches that are too small for anything.
    """
    limits = Limits(
        max_message_bytes=source.max_message_bytes or _DEFAULTS.max_message_bytes,
        max_batch_bytes=source.max_batch_bytes or _DEFAULTS.max_batch_bytes,
        max_in_flight=source.max_in_flight or _DEFAULTS.max_in_flight,
    )
    if limits.max_batch_bytes < MIN_BATCH_BYTES:
        raise MalformedError(f"{what}.max_batch_bytes", f"must be {MIN_BATCH_BYTES} or more")
    return limits


def write_policy(target: hook_pb2.ErrorPolicy, policy: ErrorPolicy) -> None:
    """Set an error policy."""
    if policy.default is not None:
        target.default_action = ON_ERROR.number(policy.default)
    for failure_class, action in policy.overrides.items():
        target.overrides.add(
            failure_class=FAILURE_CLASSES.number(failure_class), action=ON_ERROR.number(action)
        )
    target.SetInParent()


def read_policy(source: hook_pb2.ErrorPolicy, what: str) -> ErrorPolicy:
    """Read an error policy. Raises MalformedError: a value not known, a class twice."""
    default = None
    if source.HasField("default_action"):
        default = ON_ERROR.member(source.default_action, f"{what}.default_action")
    overrides = {
        FAILURE_CLASSES.member(entry.failure_class, f"{what}.overrides.failure_class"): (
            ON_ERROR.member(entry.action, f"{what}.overrides.action")
        )
        for entry in source.overrides
    }
    if len(overrides) != len(source.overrides):
        raise MalformedError(f"{what}.overrides", "a failure class stands twice")
    return ErrorPolicy(default=default, overrides=overrides)


def _write_spec(target: hook_pb2.HookSpec, spec: HookSpec) -> None:
    target.name = spec.name
    target.hook_type = spec.hook_type
    for term in _PLAIN_TERMS:
        value = getattr(spec, term)
        if value is not None:
            setattr(target, term, value)
    if spec.mode is not None:
        target.mode = MODES.number(spec.mode)
    if spec.timeout is not None:
        write_duration(target.timeout, spec.timeout)
    if spec.on_error is not None:
        write_policy(target.on_error, spec.on_error)
    if spec.on_rejected is not None:
        target.on_rejected = ON_REJECTED.number(spec.on_rejected)
    if spec.fields is not None:
        target.fields.names.extend(spec.fields)
        target.fields.SetInParent()


def _read_specs(sources: Sequence[hook_pb2.HookSpec], what: str) -> tuple[HookSpec, ...]:
    if len(sources) > MAX_HOOKS:
        raise MalformedError(
            f"{what}.hooks",
            f"{len(sources)} hooks, at most {MAX_HOOKS} are taken; split them over several workers",
        )
    specs: list[HookSpec] = []
    problems: list[str] = []
    for source in sources:
        try:
            specs.append(_read_spec(source, f"hook {shown(source.name)}"))
        except MalformedError as error:
            problems.append(str(error))
    if problems:
        more = [f"and {len(problems) - _TOLD} more"] if len(problems) > _TOLD else []
        raise MalformedError(what, "; ".join([*problems[:_TOLD], *more]))
    return tuple(specs)


def _read_spec(source: hook_pb2.HookSpec, what: str) -> HookSpec:
    given = source.HasField
    on_error = read_policy(source.on_error, f"{what}.on_error") if given("on_error") else None
    on_rejected = None
    if given("on_rejected"):
        on_rejected = ON_REJECTED.member(source.on_rejected, f"{what}.on_rejected")
    return HookSpec(
        name=source.name,
        hook_type=source.hook_type,
        mode=MODES.member(source.mode, f"{what}.mode") if given("mode") else None,
        priority=source.priority if given("priority") else None,
        timeout=read_positive(source.timeout, f"{what}.timeout") if given("timeout") else None,
        on_error=on_error,
        scope=source.scope if given("scope") else None,
        condition=source.condition if given("condition") else None,
        fields=tuple(source.fields.names) if given("fields") else None,
        requires_final_payload=(
            source.requires_final_payload if given("requires_final_payload") else None
        ),
        idempotent=source.idempotent if given("idempotent") else None,
        on_rejected=on_rejected,
        sample=source.sample if given("sample") else None,
        description=source.description if given("description") else None,
    )


_DEFAULTS = Limits()
