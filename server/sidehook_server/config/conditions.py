"""What is wrong with the condition of a hook, in words for its author."""

from __future__ import annotations

from collections.abc import Collection

from sidehook_server.conditions import ConditionSyntaxError, compile_condition


def condition_problem(source: str, received: Collection[str] | None = None) -> str | None:
    """Why the condition cannot be taken; None when it can, and for an empty one.

    `received` are the fields that the hook asks for, None for all: a condition sees what
    its hook sees, so it can name no other.
    """
    if not source:
        return None
    try:
        condition = compile_condition(source)
    except ConditionSyntaxError as error:
        return error.problem
    if received is None or condition.fields is None:
        return None
    if unseen := sorted(condition.fields.difference(received)):
        return (
            f"it names {', '.join(unseen)}, and the hook receives only "
            f"{', '.join(sorted(received)) or 'no field'}; add them to the hook's fields"
        )
    return None
