"""How a failure leaves an RPC. Which reason is which gRPC code is the table of `sidehook._wire`."""

from __future__ import annotations

from typing import NoReturn

import grpc

from sidehook import _wire as wire
from sidehook._call import CallFailure, Receipt
from sidehook._manifest import PROTOCOL_VERSION
from sidehook_server.rpc.context import RpcContext


async def abort(
    context: RpcContext, failure: CallFailure, receipt: Receipt | None = None
) -> NoReturn:
    """End the RPC with a failure: its gRPC code, one ErrorInfo, and what fits of the receipt."""
    status = wire.encode_status(failure, receipt)
    await context.abort(
        grpc.StatusCode[status.code],
        status.message,
        ((wire.STATUS_DETAILS_KEY, status.details),),
    )
    raise AssertionError("abort raises")


def malformed(problem: str) -> CallFailure:
    """A request that breaks the contract."""
    return CallFailure(reason="MALFORMED_REQUEST", message=problem)


def other_version(who: str, version: int) -> CallFailure:
    """A peer that speaks another version of the contract."""
    return CallFailure(
        reason="UNKNOWN_PROTOCOL_VERSION",
        message=(
            f"the {who} speaks version {version} of the contract and this sidecar version "
            f"{PROTOCOL_VERSION}; upgrade the older of the two"
        ),
        metadata={who: str(version), "sidecar": str(PROTOCOL_VERSION)},
    )
