"""How large a condition may be, and how much work it may be for one call."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionLimits:
    """All but `octets` and `steps` hold when a condition is compiled.

    source: characters of the expression.
    depth: how deeply operators, calls, lists and maps may stand in each other.
    macros: how many of all, exists, exists_one, map and filter it uses.
    macro_nesting: how many of these may stand in each other.
    patterns: how many regular expressions it uses; each is written out, never computed.
    pattern: characters of one regular expression.
    octets: what the fields, labels and state that it names may hold together, in one call.
    steps: the work of one evaluation in the worst case that is possible with inputs of
        the size at hand, by the prices of `prices`; a step is about a nanosecond.
    """

    source: int = 2048
    depth: int = 32
    macros: int = 8
    macro_nesting: int = 3
    patterns: int = 4
    pattern: int = 256
    octets: int = 256 * 1024
    steps: int = 1_000_000


DEFAULT_LIMITS = ConditionLimits()
"""One evaluation stays within a millisecond; docs/conditions.md has the measurements."""
