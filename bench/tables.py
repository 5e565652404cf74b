"""Results as Markdown tables, on the terminal and in docs/performance.md. From JSON to text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_KINDS = ("application", "sidecar", "relay", "workers", "plugins", "guardrail")


def cpu_by_kind(leg: Mapping[str, Any]) -> dict[str, float]:
    """The median CPU µs per call by kind of process: all workers are one."""
    kinds = dict.fromkeys(_KINDS, 0.0)
    for role, used in leg["cpu_us_per_call_by_process"].items():
        kinds["workers" if role.startswith("worker-") else role] += used
    return {kind: used for kind, used in kinds.items() if used}


def short(number: float) -> str:
    """A number for people: three digits, or all before the point."""
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"


def legs_table(legs: Iterable[Mapping[str, Any]]) -> str:
    """The legs of one experiment."""
    return "\n".join(
        (
            "| leg | in flight | p50 µs | quartiles | calls/s | CPU µs per call | of which |",
            "|---|---:|---:|---|---:|---:|---|",
            *map(_leg_line, legs),
        )
    )


def targets_table(targets: Iterable[Mapping[str, Any]]) -> str:
    """The targets, and whether they hold."""
    return "\n".join(
        (
            "| target | value | quartiles | bound | holds |",
            "|---|---:|---|---|---|",
            *map(_target_line, targets),
        )
    )


def _leg_line(leg: Mapping[str, Any]) -> str:
    if "missing" in leg:
        return f"| {leg['leg']} | | not measured: {_one_line(leg['missing'])} | | | | |"
    time = leg["p50_us"]
    parts = ", ".join(f"{kind} {short(used)}" for kind, used in cpu_by_kind(leg).items())
    cells = (
        leg["leg"],
        str(leg["in_flight"]),
        short(time["median"]),
        f"{short(time['low'])} to {short(time['high'])}",
        short(leg["calls_per_second"]["median"]),
        short(leg["cpu_us_per_call"]["median"]),
        parts,
    )
    return f"| {' | '.join(cells)} |"


def _target_line(target: Mapping[str, Any]) -> str:
    bound = f"{target['kind']} {target['bound']:g}"
    holds = "yes" if target["holds"] else "**no**"
    if target["value"] is None:
        return f"| `{target['id']}` | | {_one_line(target['why'])} | {bound} | {holds} |"
    around = f"{short(target['low'])} to {short(target['high'])}"
    return f"| `{target['id']}` | {short(target['value'])} | {around} | {bound} | {holds} |"


def _one_line(text: str) -> str:
    return " ".join(text.replace("|", "/").split())
