"""Polynomials without negative coefficients, in which prices are reckoned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import TypeAlias

_Product: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Polynomial:
    """A sum of products of symbols, each with its factor. Products are sorted."""

    terms: Mapping[_Product, float]

    def __add__(self, other: Polynomial) -> Polynomial:
        terms = dict(self.terms)
        for product, factor in other.terms.items():
            terms[product] = terms.get(product, 0) + factor
        return Polynomial(terms)

    def __mul__(self, other: Polynomial | float) -> Polynomial:
        if not isinstance(other, Polynomial):
            return Polynomial({product: factor * other for product, factor in self.terms.items()})
        terms: dict[_Product, float] = {}
        for left, one in self.terms.items():
            for right, another in other.terms.items():
                product = tuple(sorted((*left, *right)))
                terms[product] = terms.get(product, 0) + one * another
        return Polynomial(terms)

    @property
    def is_constant(self) -> bool:
        """Whether no symbol stands in it."""
        return not any(self.terms)

    def at(self, **values: float) -> float:
        """The number it is when every symbol has one."""
        return sum(
            factor * prod(values[name] for name in product)
            for product, factor in self.terms.items()
        )

    def summed(self, times: Polynomial, wholes: Mapping[Polynomial, Polynomial]) -> Polynomial:
        """The most that it adds up to when it is reckoned `times` times.

        `wholes` maps symbols that differ from time to time to what they add up to. A
        product with one in it is no larger than that of the wholes, however often it is
        reckoned: the sum of products is never above the product of sums.
        """
        named = {name: whole for part, whole in wholes.items() for (name,) in part.terms}
        total = ZERO
        for product, factor in self.terms.items():
            term = constant(factor)
            if not any(name in named for name in product):
                term = term * times
            for name in product:
                term = term * named.get(name, symbol(name))
            total = total + term
        return total


def constant(number: float) -> Polynomial:
    """The polynomial that is always `number`."""
    return Polynomial({(): number})


def symbol(name: str) -> Polynomial:
    """The polynomial that is the value of `name`."""
    return Polynomial({(name,): 1})


ZERO = Polynomial({})
ONE = constant(1)
