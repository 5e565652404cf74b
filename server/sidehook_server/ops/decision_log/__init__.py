"""The decision log: one line of JSON for every call, written beside the calls and never silent.

`line` says what a line holds, `values` which values of the payload may stand in it, `writer` owns
the queue and the thread, and `file`, `stdout` and `otlp` are where lines go.
"""

from sidehook_server.ops.decision_log.log import DecisionLog

__all__ = ["DecisionLog"]
