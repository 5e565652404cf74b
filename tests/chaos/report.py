"""What a run came to, and the table of it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tests.chaos.accounting import MAY_BE_COUNTED, Account

_BEFORE: Final = 2.0
"""Seconds before an outage in which a kill may have led to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One run: with the journal or without. `killed` are time and name of each kill."""

    account: Account
    kills: Counter[str]
    killed: Sequence[tuple[float, str]]
    seconds: float
    healed_in: float
    problems: tuple[str, ...]


def table(results: Mapping[str, Result]) -> str:
    """A column for each run, a row for each figure."""
    columns = [dict(_figures(result)) for result in results.values()]
    rows = dict.fromkeys(row for column in columns for row in column)
    lines = [_line("", *results)]
    lines += [_line(row, *(column.get(row, "0") for column in columns)) for row in rows]
    return "\n".join(lines)


def longest_outage(result: Result) -> str:
    """What was killed around the longest time without a call that proceeded."""
    outage = result.account.longest_outage
    names = [
        f"{name} at {at - outage.began:+.1f} s"
        for at, name in result.killed
        if outage.began - _BEFORE < at < outage.ended
    ]
    return f"{outage.seconds:.1f} s, and what was killed: {', '.join(names)}"


def _figures(result: Result) -> Iterator[tuple[str, str]]:
    account = result.account
    yield "rounds", str(result.kills.total())
    for kind in sorted(result.kills):
        yield f"  killed: {kind}", str(result.kills[kind])
    yield "seconds", f"{result.seconds:.0f}"
    yield "calls", str(sum(account.outcomes.values()))
    for outcome, count in sorted(account.outcomes.items()):
        yield f"  {outcome}", str(count)
    for reason, count in sorted(account.reasons.items()):
        yield f"    {reason}", str(count)
    detached = account.detached
    yield "events accepted", str(detached.accepted)
    yield "  delivered", str(detached.delivered)
    for cause in sorted(MAY_BE_COUNTED | detached.counted.keys()):
        yield f"  counted: {cause}", str(detached.counted.get(cause, 0))
    yield "  lost", str(len(detached.lost))
    yield "  could be lost at most", str(account.could_be_lost)
    yield "longest outage, s", f"{account.longest_outage.seconds:.1f}"
    yield "healed in, s", f"{result.healed_in:.1f}"
    yield "laws broken", str(len(result.problems))


def _line(row: str, *cells: str) -> str:
    return f"{row:<28}" + "".join(f"{cell:>12}" for cell in cells)
