"""Conditions: when a hook runs, as a CEL expression over what the hook would see (rule 23).

Pure. `compile_condition` refuses what is wrong, or could ever cost too much, with the
position and what to do; `Condition.holds` answers for one hook of one call.

    ConditionSyntaxError (ValueError)   the expression is refused
    ConditionError                      it could not be evaluated for this call
"""

from sidehook_server.conditions.condition import Condition, compile_condition
from sidehook_server.conditions.errors import ConditionError, ConditionSyntaxError
from sidehook_server.conditions.limits import DEFAULT_LIMITS, ConditionLimits

__all__ = [
    "DEFAULT_LIMITS",
    "Condition",
    "ConditionError",
    "ConditionLimits",
    "ConditionSyntaxError",
    "compile_condition",
]
