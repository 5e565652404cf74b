"""How the answer to a call differs from what a case expects."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Final

from sidehook._call import CallAnswer, CallFailure, Proceed, ReceiptLine, Violation
from sidehook._digest import digest as digest_of
from sidehook._types import JSON, Value, ValueKind
from tests.conformance.language.calls import ScriptedCall
from tests.conformance.language.expectations import (
    CallExpectation,
    FailureExpectation,
    LineExpectation,
    Verdict,
    ViolationExpectation,
)
from tests.conformance.language.values import matches, same, shown

_VERDICTS: Final = {
    Proceed: Verdict.PROCEED,
    Violation: Verdict.BLOCKED,
    CallFailure: Verdict.FAILED,
}


def answer_differences(
    call: ScriptedCall, expect: CallExpectation, answer: CallAnswer
) -> Iterator[str]:
    """Every difference, as a sentence."""
    outcome = answer.outcome
    verdict = _VERDICTS[type(outcome)]
    if verdict is not expect.verdict:
        yield f"the verdict is {verdict}, not {expect.verdict}: {_account_of(answer)}"
    elif isinstance(outcome, Proceed):
        yield from _payload(call, expect, outcome)
        yield from _receipt_digest(call, outcome, answer.receipt.payload_digest)
    elif isinstance(outcome, Violation):
        yield from _violation(expect.violation, outcome)
    elif expect.failure is not None:
        yield from _failure(expect.failure, outcome)
    yield from _receipt(expect, answer)
    yield from field_differences("the state set", expect.state_set, _json(answer.state.set))
    yield from _differs("the state removed", expect.state_removed, sorted(answer.state.removed))


def field_differences(
    what: str, expected: Mapping[str, JSON], actual: Mapping[str, Value]
) -> Iterator[str]:
    """How fields differ from the expected ones."""
    if expected.keys() != actual.keys():
        yield f"{what} has {sorted(actual)}, not {sorted(expected)}"
    for name in expected.keys() & actual.keys():
        if not matches(expected[name], actual[name]):
            yield f"{what}: {name} is {shown(actual[name])}, not {json.dumps(expected[name])}"


def _account_of(answer: CallAnswer) -> str:
    outcome = answer.outcome
    if isinstance(outcome, CallFailure):
        return f"{outcome.reason}: {outcome.message}"
    return outcome.reason if isinstance(outcome, Violation) else "nobody objected"


def _json(texts: Mapping[str, bytes]) -> dict[str, Value]:
    return {key: Value(ValueKind.JSON, text) for key, text in texts.items()}


def _differs(what: str, expected: object, actual: object) -> Iterator[str]:
    if isinstance(expected, tuple) and isinstance(actual, (list, tuple)):
        expected, actual = sorted(expected), sorted(actual)
    if expected != actual:
        yield f"{what} is {actual!r}, not {expected!r}"


def _payload(call: ScriptedCall, expect: CallExpectation, outcome: Proceed) -> Iterator[str]:
    before = call.request.fields
    for name, value in outcome.patch.items():
        if before.get(name) == value:
            yield f"the patch repeats {name}, which did not change"
    if expect.payload is None:
        yield from field_differences("the patch", {}, outcome.patch)
    else:
        after = {**before, **outcome.patch}
        yield from field_differences("the payload", expect.payload, after)


def _violation(expect: ViolationExpectation | None, actual: Violation) -> Iterator[str]:
    if expect is None:
        return
    given = {
        "by": (expect.by, f"{actual.worker}/{actual.hook}"),
        "reason": (expect.reason, actual.reason),
        "code": (expect.code, actual.code),
        "description": (expect.description, actual.description),
    }
    for name, (wanted, there) in given.items():
        if wanted is not None:
            yield from _differs(f"the violation's {name}", wanted, there)
    if expect.details is not None:
        details: JSON = json.loads(actual.details or b"null")
        if not same(expect.details, details):
            yield f"the violation's details are {details!r}, not {expect.details!r}"


def _failure(expect: FailureExpectation, actual: CallFailure) -> Iterator[str]:
    yield from _differs("the failure's reason", expect.reason, actual.reason)
    if expect.failure_class is not None:
        yield from _differs("the failure's class", expect.failure_class, actual.failure_class)
    if expect.by is not None:
        by = f"{actual.worker}/{actual.hook}" if actual.hook else ""
        yield from _differs("the failure's hook", expect.by, by)
    if expect.started is not None:
        yield from _differs("the failure's started", expect.started, actual.started)
    for words in expect.mentions:
        if words not in actual.message:
            yield f"the failure does not mention {words!r}: {actual.message}"
    for key, text in expect.metadata.items():
        yield from _differs(f"the failure's {key}", text, actual.metadata.get(key))


def _receipt(expect: CallExpectation, answer: CallAnswer) -> Iterator[str]:
    receipt = answer.receipt
    yield from _differs("unknown_scopes", expect.unknown_scopes, receipt.unknown_scopes)
    yield from _differs("development", expect.development, receipt.development)
    if expect.receipt is None:
        return
    hooks = [f"{line.worker}/{line.hook}" for line in receipt.lines]
    wanted = [line.hook for line in expect.receipt]
    if hooks != wanted:
        yield f"the receipt has {hooks}, not {wanted}"
        return
    for line, actual in zip(expect.receipt, receipt.lines, strict=True):
        yield from _line(line, actual)
        yield from _line_digest(line, actual, receipt.payload_digest)
        yield from _line_digest(line, actual, receipt.payload_digest)


def _line(expect: LineExpectation, actual: ReceiptLine) -> Iterator[str]:
    what = f"the line of {expect.hook}:"
    yield from _differs(f"{what} outcome", expect.outcome, actual.outcome)
    yield from _differs(f"{what} changed fields", expect.changed, actual.changed_fields)
    yield from _differs(f"{what} rejected fields", expect.rejected, actual.rejected_fields)
    yield from _differs(f"{what} shadowed", expect.shadowed, actual.shadowed)
    yield from _differs(f"{what} class", expect.failure_class, actual.failure_class)
    for name, wanted, there in (
        ("code", expect.code, actual.code),
        ("message", expect.message, actual.message),
        ("instance", expect.instance, actual.instance),
        ("mode", expect.mode, actual.mode),
    ):
        if wanted is not None:
            yield from _differs(f"{what} {name}", wanted, there)


def _line_digest(expect: LineExpectation, actual: ReceiptLine, of_receipt: str) -> Iterator[str]:
    what = f"the line of {expect.hook}: payload digest"
    if expect.has_digest and not of_receipt:
        yield f"{what} is to be the receipt's, which has none"
    yield from _differs(what, of_receipt if expect.has_digest else "", actual.payload_digest)


def _receipt_digest(call: ScriptedCall, outcome: Proceed, digest: str) -> Iterator[str]:
    """A receipt that carries a digest carries that of what the application gets."""
    after = {**call.request.fields, **outcome.patch}
    if digest and digest != digest_of(after):
        yield "the receipt's payload digest is not that of the payload that is returned"
