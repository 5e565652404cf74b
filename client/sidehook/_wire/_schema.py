"""The contract's message classes, in a private twin that sees what stock classes hide.

Stock generated code keeps the last of two values: of two payload fields with one name,
and of two members of a oneof. The contract calls both malformed (rules 6 and 8). The
twin is made from the same descriptors, in a pool of its own, with two changes that leave
the octets as they are: the fields of a Payload are a list of entries in place of a map,
and the members of a oneof are optional fields beside each other.
"""

from __future__ import annotations

from types import ModuleType
from typing import Final, TypeVar, cast

from google.protobuf import duration_pb2, message_factory
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message

from sidehook._errors import MalformedError
from sidehook.v1 import (
    context_pb2,
    hook_pb2,
    hook_service_pb2,
    payload_pb2,
    receipt_pb2,
    registry_service_pb2,
    stream_pb2,
    worker_service_pb2,
)

M = TypeVar("M", bound=Message)

# A file comes after those that it imports.
_FILES: Final[tuple[ModuleType, ...]] = (
    duration_pb2,
    stream_pb2,
    context_pb2,
    hook_pb2,
    payload_pb2,
    receipt_pb2,
    hook_service_pb2,
    worker_service_pb2,
    registry_service_pb2,
)


def _twin_file(module: ModuleType) -> FileDescriptorProto:
    file = FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb)
    # The twin serves messages only; the services stay with the stock code.
    del file.service[:]
    for message in file.message_type:
        _part_oneofs(message)
        if message.name == "Payload":
            message.nested_type[0].options.ClearField("map_entry")
    return file


def _part_oneofs(message: DescriptorProto) -> None:
    """Give each member of a oneof a oneof of its own, which is what `optional` means."""
    members = [field for field in message.field if field.HasField("oneof_index")]
    del message.oneof_decl[:]
    for index, field in enumerate(members):
        field.proto3_optional = True
        field.oneof_index = index
        message.oneof_decl.add(name=f"_{field.name}")


def _twin_pool() -> DescriptorPool:
    pool = DescriptorPool()
    for module in _FILES:
        pool.AddSerializedFile(_twin_file(module).SerializeToString())
    return pool


_POOL: Final = _twin_pool()


def twin(stock: type[M]) -> type[M]:
    """The twin of a stock message class, typed as what it is to all but payloads."""
    descriptor = _POOL.FindMessageTypeByName(stock.DESCRIPTOR.full_name)
    return cast(type[M], message_factory.GetMessageClass(descriptor))


def parse(kind: type[M], octets: bytes, what: str) -> M:
    """Parse a message. Raises MalformedError for octets that are none, bad UTF-8 included."""
    try:
        return kind.FromString(octets)
    except DecodeError:
        raise MalformedError(what, "not a serialized message of this type") from None


def lone_surrogate(error: UnicodeEncodeError) -> str:
    """What is wrong with a text that UTF-8 cannot carry, without the text."""
    return f"a text with a lone surrogate, at character {error.start}"


CallContext: Final = twin(context_pb2.CallContext)
CallEnd: Final = twin(context_pb2.CallEnd)
StateChange: Final = twin(context_pb2.StateChange)
Payload: Final = twin(payload_pb2.Payload)
NeedContent: Final = twin(payload_pb2.NeedContent)
Receipt: Final = twin(receipt_pb2.Receipt)
ReceiptLine: Final = twin(receipt_pb2.ReceiptLine)

InvokeRequest: Final = twin(hook_service_pb2.InvokeRequest)
InvokeResponse: Final = twin(hook_service_pb2.InvokeResponse)
WatchHooksRequest: Final = twin(hook_service_pb2.WatchHooksRequest)
WatchHooksResponse: Final = twin(hook_service_pb2.WatchHooksResponse)

DescribeRequest: Final = twin(worker_service_pb2.DescribeRequest)
DescribeResponse: Final = twin(worker_service_pb2.DescribeResponse)
RunRequest: Final = twin(worker_service_pb2.RunRequest)
RunResponse: Final = twin(worker_service_pb2.RunResponse)
HookResult: Final = twin(worker_service_pb2.HookResult)
CancelRun: Final = twin(worker_service_pb2.CancelRun)
Notice: Final = twin(worker_service_pb2.Notice)
WorkerHello: Final = twin(worker_service_pb2.WorkerHello)
HookStarted: Final = twin(worker_service_pb2.HookStarted)
ExtendHook: Final = twin(worker_service_pb2.ExtendHook)
Goodbye: Final = twin(worker_service_pb2.Goodbye)

WorkerManifest: Final = twin(hook_pb2.WorkerManifest)
ClientHello: Final = twin(stream_pb2.ClientHello)
SidecarHello: Final = twin(stream_pb2.SidecarHello)
RetireRequest: Final = twin(registry_service_pb2.RetireRequest)
RetireResponse: Final = twin(registry_service_pb2.RetireResponse)
