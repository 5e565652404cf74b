import pytest

from sidehook import SidecarError, SidecarUnavailableError, ViolationError, aio, block
from sidehook import _client_errors as errors
from sidehook._call import CallFailure, Receipt, Violation
from sidehook._types import FailureClass

# The reasons that the contract names, in the comment of CallFailure.reason.
REASONS = {
    "HOOK_FAILED": "HookFailedError",
    "DEADLINE_EXCEEDED": "DeadlineExceededError",
    "UNKNOWN_HOOK_TYPE": "UnknownHookTypeError",
    "MALFORMED_REQUEST": "CallRefusedError",
    "PAYLOAD_TOO_LARGE": "PayloadTooLargeError",
    "REQUIRED_HOOK_MISSING": "RequiredHookMissingError",
    "UNKNOWN_SCOPE": "UnknownScopeError",
    "DRAINING": "SidecarUnavailableError",
    "OVERLOADED": "OverloadedError",
    "CANCELLED": "SidecarError",
    "INTERNAL": "SidecarError",
    "A_REASON_OF_A_NEWER_SIDECAR": "SidecarError",
}


@pytest.mark.parametrize(("reason", "kind"), REASONS.items())
def test_each_reason_has_its_error(reason: str, kind: str) -> None:
    receipt = Receipt(call_id="c")
    failure = CallFailure(
        reason=reason,
        message="what happened",
        failure_class=FailureClass.TIMEOUT,
        hook="h",
        worker="w",
        metadata={"k": "v"},
        started=True,
    )
    error = errors.failure_error(failure, hook_type="t", receipt=receipt)
    assert type(error).__name__ == kind
    assert str(error) == "what happened"
    assert (error.reason, error.hook_type, error.hook, error.worker) == (reason, "t", "h", "w")
    assert error.failure_class is FailureClass.TIMEOUT
    assert error.metadata == {"k": "v"}
    assert error.started
    assert error.receipt is receipt


def test_a_violation_carries_everything_its_hook_said() -> None:
    said = block("no", code="C", description="d", details={"n": 2**60 + 1})
    violation = Violation(
        reason=said.reason,
        code=said.code,
        description=said.description,
        details=said.details,
        hook="h",
        worker="w",
    )
    error = errors.violation_error(violation, hook_type="t", receipt=None)
    assert isinstance(error, ViolationError)
    assert not isinstance(error, SidecarError)
    assert (error.reason, error.code, error.description) == ("no", "C", "d")
    assert error.details == {"n": 2**60 + 1}
    assert str(error) == "w/h blocked t: [C] no"


@pytest.mark.parametrize("details", [b"", b"{", b"[1]", b"\xff"])
def test_a_block_with_details_that_are_no_object_is_still_a_block(details: bytes) -> None:
    violation = Violation(reason="no", details=details)
    assert errors.violation_error(violation, hook_type="t", receipt=None).details == {}


@pytest.mark.parametrize("target", ["unix:///run/x.sock", "sidecar:7001"])
def test_an_unavailable_sidecar_is_named_with_the_command_that_starts_one(target: str) -> None:
    error = errors.unavailable(target, "Connection refused")
    assert target in str(error)
    assert "sidehook serve" in str(error)
    assert "Connection refused" in str(error)
    assert not error.started


def test_an_equal_error_is_another_object_with_the_same_fields() -> None:
    error = errors.lost("unix:///x", "why")
    again = errors.again(error)
    assert again is not error
    assert type(again) is SidecarUnavailableError
    assert str(again) == str(error)
    assert vars(again) == vars(error)


def test_an_empty_message_is_filled_in() -> None:
    error = errors.failure_error(CallFailure(reason="INTERNAL", message=""))
    assert "INTERNAL" in str(error)


@pytest.mark.parametrize("hook_type", ["", None, 3])
async def test_a_hook_type_is_text_and_not_empty(hook_type: str) -> None:
    client = aio.Client("/no/sidecar.sock")
    with pytest.raises((SidecarError, TypeError), match="hook type is"):
        await client.invoke(hook_type)
