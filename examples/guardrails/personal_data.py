"""Personal data is masked before a tool's output reaches the model.

Candidates are found by shape and kept only when their check digits hold
(python-stdnum: payment cards, IBAN) or when Google's numbering plans know them
(phonenumbers). No model, no network.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import phonenumbers
from stdnum import iban, luhn

from sidehook import Context, HookType, Mode, Payload, hook, modify
from sidehook.worker import HookReturn


@dataclass(frozen=True, slots=True)
class Span:
    """Where something personal stands in a text, and what it is."""

    start: int
    end: int
    kind: str


_CARD = re.compile(r"\b\d(?:[ -]?\d){12,18}\b")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b")
_EMAIL = re.compile(r"\b[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}\b")

_CHECKED: tuple[tuple[str, re.Pattern[str], Callable[[str], bool]], ...] = (
    ("iban", _IBAN, iban.is_valid),
    ("card", _CARD, lambda text: luhn.is_valid(re.sub(r"[ -]", "", text))),
    ("email", _EMAIL, lambda text: ".." not in text),
)


def spans(text: str, *, region: str = "US") -> list[Span]:
    """Where personal data stands, in order and without overlaps.

    `region` is the country whose phone numbers may come without a country code.
    """
    found: list[Span] = []
    for span in sorted(_candidates(text, region), key=lambda it: (it.start, -it.end)):
        if not found or span.start >= found[-1].end:
            found.append(span)
    return found


def _candidates(text: str, region: str) -> Iterator[Span]:
    for kind, pattern, is_valid in _CHECKED:
        for match in pattern.finditer(text):
            if is_valid(match.group()):
                yield Span(match.start(), match.end(), kind)
    for number in phonenumbers.PhoneNumberMatcher(text, region):
        yield Span(number.start, number.end, "phone")


def mask(text: str) -> str:
    """Replace personal data by its kind in angle brackets."""
    parts, at = [], 0
    for span in spans(text):
        parts += [text[at : span.start], f"<{span.kind}>"]
        at = span.end
    return "".join([*parts, text[at:]])


def masked(value: object) -> object:
    """Mask every text in a JSON value; object keys stay, for programs read them."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {key: masked(member) for key, member in value.items()}
    if isinstance(value, list):
        return [masked(item) for item in value]
    return value


@hook(HookType.TOOL_POST_INVOKE, mode=Mode.TRANSFORM, name="mask-tool-output")
def mask_tool_output(payload: Payload, ctx: Context) -> HookReturn:
    """Mask personal data in what a tool returned."""
    return modify(payload, tool_output=masked(payload.get("tool_output")))
