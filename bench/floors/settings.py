"""What the processes of the floors set once they have started: what our own processes set.

Their loop is uvloop, and `bench.processes.TUNED` is their environment. The callers stand for
applications, and set nothing here.
"""

from __future__ import annotations

import gc


def at_rest() -> None:
    """Leave out of later collections what is here now, as the sidecar does."""
    gc.collect()
    gc.freeze()
