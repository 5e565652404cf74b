"""What can be wrong with a condition: refused when compiled, or failed for one call.

ConditionSyntaxError (ValueError)
ConditionError
"""

from __future__ import annotations


class ConditionSyntaxError(ValueError):
    """The expression is refused. `problem` says what is wrong, where, and what to do.

    It may quote the expression, which its author wrote; no call was looked at.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class ConditionError(Exception):
    """The condition has no answer for this call. `problem` never holds payload text."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem
