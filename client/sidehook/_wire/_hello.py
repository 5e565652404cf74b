"""Hellos, Describe and Retire."""

from __future__ import annotations

from collections.abc import Iterable

from sidehook._errors import MalformedError
from sidehook._hello import ClientHello, DescribeRequest, RetireRequest, SidecarHello, WorkerHello
from sidehook._manifest import WorkerManifest
from sidehook._wire import _schema
from sidehook._wire._manifest import (
    check_size,
    read_limits,
    read_manifest,
    write_limits,
    write_manifest,
)
from sidehook._wire._schema import parse


def encode_client_hello(hello: ClientHello) -> bytes:
    """Serialize a client's hello."""
    message = _schema.ClientHello(protocol_version=hello.protocol_version, sdk=hello.sdk)
    message.capabilities.extend(sorted(hello.capabilities))
    write_limits(message.limits, hello.limits)
    return message.SerializeToString()


def decode_client_hello(octets: bytes) -> ClientHello:
    """Parse a client's hello; the version is the caller's to judge. Raises MalformedError."""
    message = parse(_schema.ClientHello, octets, "ClientHello")
    return ClientHello(
        sdk=message.sdk,
        limits=read_limits(message.limits, "ClientHello.limits"),
        capabilities=frozenset(message.capabilities),
        protocol_version=message.protocol_version,
    )


def encode_sidecar_hello(hello: SidecarHello) -> bytes:
    """Serialize the sidecar's hello."""
    message = _schema.SidecarHello(
        protocol_version=hello.protocol_version,
        sidecar=hello.sidecar,
        scope_handle=hello.scope_handle,
    )
    message.capabilities.extend(sorted(hello.capabilities))
    write_limits(message.limits, hello.limits)
    return message.SerializeToString()


def decode_sidecar_hello(octets: bytes) -> SidecarHello:
    """Parse the sidecar's hello; the version is the caller's to judge. Raises MalformedError."""
    message = parse(_schema.SidecarHello, octets, "SidecarHello")
    return SidecarHello(
        sidecar=message.sidecar,
        limits=read_limits(message.limits, "SidecarHello.limits"),
        capabilities=frozenset(message.capabilities),
        scope_handle=message.scope_handle,
        protocol_version=message.protocol_version,
    )


def encode_worker_hello(hello: WorkerHello) -> bytes:
    """Serialize a worker's hello."""
    message = _schema.WorkerHello(scope_only=hello.scope_only)
    write_manifest(message.manifest, hello.manifest)
    return message.SerializeToString()


def decode_worker_hello(octets: bytes) -> WorkerHello:
    """Parse a worker's hello. Raises MalformedError, for a missing manifest too."""
    check_size(octets, "WorkerHello")
    message = parse(_schema.WorkerHello, octets, "WorkerHello")
    if not message.HasField("manifest"):
        raise MalformedError("WorkerHello.manifest", "must be set")
    manifest = read_manifest(message.manifest, "WorkerHello.manifest")
    return WorkerHello(manifest=manifest, scope_only=message.scope_only)


def encode_describe_request(request: DescribeRequest) -> bytes:
    """Serialize the question who a worker is."""
    return _schema.DescribeRequest(
        protocol_version=request.protocol_version, sidecar=request.sidecar
    ).SerializeToString()


def decode_describe_request(octets: bytes) -> DescribeRequest:
    """Parse the question who a worker is. Raises MalformedError."""
    message = parse(_schema.DescribeRequest, octets, "DescribeRequest")
    return DescribeRequest(sidecar=message.sidecar, protocol_version=message.protocol_version)


def encode_describe_response(manifest: WorkerManifest) -> bytes:
    """Serialize a worker's manifest as its answer to Describe."""
    message = _schema.DescribeResponse()
    write_manifest(message.manifest, manifest)
    return message.SerializeToString()


def decode_describe_response(octets: bytes) -> WorkerManifest:
    """Parse a worker's answer to Describe. Raises MalformedError, for no manifest too."""
    check_size(octets, "DescribeResponse")
    message = parse(_schema.DescribeResponse, octets, "DescribeResponse")
    if not message.HasField("manifest"):
        raise MalformedError("DescribeResponse.manifest", "must be set")
    return read_manifest(message.manifest, "DescribeResponse.manifest")


def encode_retire_request(request: RetireRequest) -> bytes:
    """Serialize which hooks are to leave the plan."""
    return _schema.RetireRequest(worker=request.worker, hook=request.hook).SerializeToString()


def decode_retire_request(octets: bytes) -> RetireRequest:
    """Parse which hooks are to leave the plan. Raises MalformedError."""
    message = parse(_schema.RetireRequest, octets, "RetireRequest")
    return RetireRequest(worker=message.worker, hook=message.hook)


def encode_retire_response(hooks: Iterable[str]) -> bytes:
    """Serialize which hooks left the plan."""
    return _schema.RetireResponse(hooks=hooks).SerializeToString()


def decode_retire_response(octets: bytes) -> tuple[str, ...]:
    """Parse which hooks left the plan. Raises MalformedError."""
    return tuple(parse(_schema.RetireResponse, octets, "RetireResponse").hooks)
