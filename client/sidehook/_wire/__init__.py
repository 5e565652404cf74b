"""The messages of the contract: octets to this package's data and back.

The only code that touches protobuf objects. Every `decode_…` raises MalformedError for
octets that break the contract, and no value of a payload is looked into on the way.
"""

from sidehook._json import check_fields
from sidehook._wire._call import (
    decode_answer,
    decode_invoke,
    decode_verdict,
    encode_answer,
    encode_invoke,
)
from sidehook._wire._events import (
    decode_cancel_run,
    decode_extend,
    decode_goodbye,
    decode_notice,
    decode_started,
    encode_cancel_run,
    encode_extend,
    encode_goodbye,
    encode_notice,
    encode_started,
)
from sidehook._wire._health import decode_health_request, encode_health_status
from sidehook._wire._hello import (
    decode_client_hello,
    decode_describe_request,
    decode_describe_response,
    decode_retire_request,
    decode_retire_response,
    decode_sidecar_hello,
    decode_worker_hello,
    encode_client_hello,
    encode_describe_request,
    encode_describe_response,
    encode_retire_request,
    encode_retire_response,
    encode_sidecar_hello,
    encode_worker_hello,
)
from sidehook._wire._hook_list import (
    decode_watch_request,
    decode_watch_response,
    encode_watch_request,
    encode_watch_response,
)
from sidehook._wire._lists import decode_need, encode_need, forget_lists
from sidehook._wire._manifest import decode_manifest, encode_manifest
from sidehook._wire._payload import MAX_NAME_BYTES
from sidehook._wire._receipt import decode_receipt, encode_receipt
from sidehook._wire._run import (
    MalformedResultError,
    decode_result,
    decode_run,
    decode_run_response,
    encode_result,
    encode_run,
    encode_run_response,
)
from sidehook._wire._status import (
    DOMAIN,
    MAX_RECEIPT_BYTES,
    STATUS_DETAILS_KEY,
    RpcStatus,
    cut_receipt,
    decode_status,
    encode_status,
    status_code,
)

__all__ = [
    "DOMAIN",
    "MAX_NAME_BYTES",
    "MAX_RECEIPT_BYTES",
    "STATUS_DETAILS_KEY",
    "MalformedResultError",
    "RpcStatus",
    "check_fields",
    "cut_receipt",
    "decode_answer",
    "decode_cancel_run",
    "decode_client_hello",
    "decode_describe_request",
    "decode_describe_response",
    "decode_extend",
    "decode_goodbye",
    "decode_health_request",
    "decode_invoke",
    "decode_manifest",
    "decode_need",
    "decode_notice",
    "decode_receipt",
    "decode_result",
    "decode_retire_request",
    "decode_retire_response",
    "decode_run",
    "decode_run_response",
    "decode_sidecar_hello",
    "decode_started",
    "decode_status",
    "decode_verdict",
    "decode_watch_request",
    "decode_watch_response",
    "decode_worker_hello",
    "encode_answer",
    "encode_cancel_run",
    "encode_client_hello",
    "encode_describe_request",
    "encode_describe_response",
    "encode_extend",
    "encode_goodbye",
    "encode_health_status",
    "encode_invoke",
    "encode_manifest",
    "encode_need",
    "encode_notice",
    "encode_receipt",
    "encode_result",
    "encode_retire_request",
    "encode_retire_response",
    "encode_run",
    "encode_run_response",
    "encode_sidecar_hello",
    "encode_started",
    "encode_status",
    "encode_watch_request",
    "encode_watch_response",
    "encode_worker_hello",
    "forget_lists",
    "status_code",
]
