"""The live list of hook types."""

from __future__ import annotations

from sidehook._errors import MalformedError
from sidehook._hook_list import HookList, HookTypeStatus, ScopeName, WatchRequest, WatchResponse
from sidehook._wire._durations import read_duration, write_duration
from sidehook._wire._schema import WatchHooksRequest, WatchHooksResponse, parse
from sidehook.v1 import hook_service_pb2


def encode_watch_request(request: WatchRequest) -> bytes:
    """Serialize a client's probe."""
    return WatchHooksRequest(
        probe=request.probe,
        applied_version=request.applied_version,
        protocol_version=request.protocol_version,
    ).SerializeToString()


def decode_watch_request(octets: bytes) -> WatchRequest:
    """Parse a client's probe; the version is the caller's to judge. Raises MalformedError."""
    message = parse(WatchHooksRequest, octets, "WatchHooksRequest")
    return WatchRequest(
        probe=message.probe,
        applied_version=message.applied_version,
        protocol_version=message.protocol_version,
    )


def encode_watch_response(response: WatchResponse) -> bytes:
    """Serialize the sidecar's answer to a probe."""
    message = WatchHooksResponse(probe=response.probe, version=response.version)
    write_duration(message.lease, response.lease)
    if response.hook_list is not None:
        _write_list(message.list, response.hook_list)
    return message.SerializeToString()


def decode_watch_response(octets: bytes) -> WatchResponse:
    """Parse the sidecar's answer to a probe. Raises MalformedError. No lease is one of 0."""
    message = parse(WatchHooksResponse, octets, "WatchHooksResponse")
    return WatchResponse(
        probe=message.probe,
        version=message.version,
        lease=read_duration(message.lease, "WatchHooksResponse.lease"),
        hook_list=_read_list(message.list) if message.HasField("list") else None,
    )


def _write_list(target: hook_service_pb2.HookList, hook_list: HookList) -> None:
    target.version = hook_list.version
    target.complete = hook_list.complete
    target.undeclared_types_allowed = hook_list.undeclared_types_allowed
    target.sidecar = hook_list.sidecar
    target.filtered = hook_list.filtered
    for status in hook_list.types.values():
        entry = target.types.add(hook_type=status.hook_type, has_hooks=status.has_hooks)
        entry.writable_fields.extend(sorted(status.writable_fields))
        for tenant, scope in sorted(status.scopes):
            entry.scopes.add(tenant=tenant, scope=scope)
    target.SetInParent()


def _read_list(source: hook_service_pb2.HookList) -> HookList:
    types = {entry.hook_type: _read_status(entry) for entry in source.types}
    if len(types) != len(source.types):
        raise MalformedError("HookList.types", "a hook type stands twice")
    return HookList(
        version=source.version,
        complete=source.complete,
        types=types,
        undeclared_types_allowed=source.undeclared_types_allowed,
        sidecar=source.sidecar,
        filtered=source.filtered,
    )


def _read_status(source: hook_service_pb2.HookTypeStatus) -> HookTypeStatus:
    return HookTypeStatus(
        hook_type=source.hook_type,
        has_hooks=source.has_hooks,
        scopes=frozenset(ScopeName(scope.tenant, scope.scope) for scope in source.scopes),
        writable_fields=frozenset(source.writable_fields),
    )
