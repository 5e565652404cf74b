"""How large a value in an expression can be, in terms of the input of the evaluation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sidehook_server.conditions.polynomial import ONE, ZERO, Polynomial, constant, symbol

OCTETS: Final = symbol("octets")
"""The octets of all input."""

VALUES: Final = symbol("values")
"""The values in all input: texts, numbers, lists, maps, and the keys of maps."""


WIDEST: Final = symbol("widest")
"""The items of the longest list in all input, or the keys of the largest map."""


@dataclass(frozen=True, slots=True)
class Size:
    """Bounds of a value: its octets, the values in it, and what a loop over it comes to."""

    octets: Polynomial
    values: Polynomial
    length: Polynomial

    def __add__(self, other: Size) -> Size:
        return Size(
            self.octets + other.octets, self.values + other.values, self.length + other.length
        )

    @property
    def is_constant(self) -> bool:
        """Whether it is the same for every input."""
        return self.octets.is_constant and self.values.is_constant

    @property
    def part(self) -> Size:
        """The bounds of anything in it, which may be longer than it but never larger."""
        if self is INPUT:
            return self
        return Size(self.octets, self.values, self.values)


SMALL: Final = Size(constant(32), ONE, ONE)
"""A number, a truth, a time."""

NOTHING: Final = Size(ZERO, ZERO, ZERO)
INPUT: Final = Size(OCTETS, VALUES, WIDEST)
"""The input as a whole, and any part of it: neither is longer than what is longest."""


def together(sizes: Iterable[Size]) -> Size:
    """The size of all of them."""
    return sum(sizes, NOTHING)
