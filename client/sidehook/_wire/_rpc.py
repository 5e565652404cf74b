"""google.rpc.Status and ErrorInfo, which the protobuf runtime does not bring along.

Described here, in a pool of their own, so that they clash with no package that brings
them too.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Final

from google.protobuf import any_pb2, message_factory
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message

if TYPE_CHECKING:
    from google.protobuf.internal.containers import RepeatedCompositeFieldContainer

_Field = FieldDescriptorProto


def _file() -> FileDescriptorProto:
    file = FileDescriptorProto(name="sidehook_rpc.proto", package="google.rpc", syntax="proto3")
    file.dependency.append(any_pb2.DESCRIPTOR.name)
    status = file.message_type.add(name="Status")
    _add(status, "code", 1, _Field.TYPE_INT32)
    _add(status, "message", 2, _Field.TYPE_STRING)
    _add(status, "details", 3, _Field.TYPE_MESSAGE, repeats=".google.protobuf.Any")
    info = file.message_type.add(name="ErrorInfo")
    _add(info, "reason", 1, _Field.TYPE_STRING)
    _add(info, "domain", 2, _Field.TYPE_STRING)
    _add(info, "metadata", 3, _Field.TYPE_MESSAGE, repeats=".google.rpc.ErrorInfo.MetadataEntry")
    entry = info.nested_type.add(name="MetadataEntry")
    entry.options.map_entry = True
    _add(entry, "key", 1, _Field.TYPE_STRING)
    _add(entry, "value", 2, _Field.TYPE_STRING)
    return file


def _add(
    message: DescriptorProto,
    name: str,
    number: int,
    kind: FieldDescriptorProto.Type.ValueType,
    *,
    repeats: str | None = None,
) -> None:
    label = _Field.LABEL_OPTIONAL if repeats is None else _Field.LABEL_REPEATED
    message.field.add(name=name, number=number, type=kind, label=label, type_name=repeats)


def _pool() -> DescriptorPool:
    pool = DescriptorPool()
    pool.AddSerializedFile(any_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(_file().SerializeToString())
    return pool


if TYPE_CHECKING:

    class Status(Message):
        """How an RPC ended: its gRPC code, its message, and details."""

        code: int
        message: str

        @property
        def details(self) -> RepeatedCompositeFieldContainer[any_pb2.Any]:
            """The details, each named by its type."""

    class ErrorInfo(Message):
        """Why an RPC failed: a stable reason in a domain, and its dynamic parts."""

        reason: str
        domain: str

        @property
        def metadata(self) -> MutableMapping[str, str]:
            """The dynamic parts by name."""

else:
    _POOL: Final = _pool()
    Status = message_factory.GetMessageClass(_POOL.FindMessageTypeByName("google.rpc.Status"))
    ErrorInfo = message_factory.GetMessageClass(_POOL.FindMessageTypeByName("google.rpc.ErrorInfo"))
