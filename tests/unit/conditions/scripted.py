"""Asks a condition, with as much of a call as a test cares for."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sidehook._call import CallContext, CallEnd
from sidehook._types import JSON, Value, ValueKind
from sidehook_server.conditions import DEFAULT_LIMITS, ConditionLimits, compile_condition

NOBODY = CallContext()


def value(content: JSON | bytes) -> Value:
    """A field's value: bytes are raw, everything else is JSON."""
    if isinstance(content, bytes):
        return Value(ValueKind.RAW, content)
    return Value(ValueKind.JSON, json.dumps(content).encode())


def holds(
    source: str,
    *,
    context: CallContext = NOBODY,
    end: CallEnd | None = None,
    limits: ConditionLimits = DEFAULT_LIMITS,
    broken: Mapping[str, bytes] | None = None,
    **payload: JSON | bytes,
) -> bool:
    """Compile and ask; `broken` are JSON fields with octets as they stand."""
    fields = {name: value(content) for name, content in payload.items()}
    fields |= {name: Value(ValueKind.JSON, octets) for name, octets in (broken or {}).items()}
    return compile_condition(source, limits=limits).holds(
        hook_type="component_pre_execute", fields=fields, context=context, end=end
    )
