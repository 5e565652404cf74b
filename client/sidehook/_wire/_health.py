"""The two messages of grpc.health.v1, which are of another contract than ours.

Each is one field, number 1, and protobuf's own wrappers of a text and of a number are the
same octets. So nothing else is needed to speak them.
"""

from __future__ import annotations

from google.protobuf.message import DecodeError
from google.protobuf.wrappers_pb2 import StringValue, UInt32Value

from sidehook._errors import MalformedError


def decode_health_request(octets: bytes) -> str:
    """Return the service that is asked for, of a HealthCheckRequest. Raises MalformedError."""
    try:
        return StringValue.FromString(octets).value
    except DecodeError as error:
        raise MalformedError("HealthCheckRequest", str(error)) from error


def encode_health_status(status: int) -> bytes:
    """Return a HealthCheckResponse with the number of a ServingStatus."""
    return UInt32Value(value=status).SerializeToString()
