"""Sets a process up that does Sidehook's work and nothing else, as `Tuning` says."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import MutableMapping
from typing import Final

from sidehook._tuning import Tuning

GRPC_EXPERIMENTS: Final = "-event_engine_client,-event_engine_listener"
"""Turns gRPC's own event engine off.

An experiment's switch: where a release of gRPC does not know it, it is ignored.
"""

GC_THRESHOLDS: Final = (10_000, 20, 50)
"""When the collector of cycles looks: after so many more objects, and generations of them."""

_MIB: Final = 1024 * 1024

# The numbers of glibc's <malloc.h>, and what they are set to.
_MALLOC: Final = {
    -3: 32 * _MIB,  # M_MMAP_THRESHOLD, the largest there is
    -1: 128 * _MIB,  # M_TRIM_THRESHOLD
    -2: 16 * _MIB,  # M_TOP_PAD
}


def before_grpc(tuning: Tuning, environment: MutableMapping[str, str]) -> str:
    """Set what gRPC reads when it is imported; return the experiments that are in force.

    `environment` is the process's own; what the operator put into it stays.
    """
    if tuning.grpc:
        return environment.setdefault("GRPC_EXPERIMENTS", GRPC_EXPERIMENTS)
    return environment.get("GRPC_EXPERIMENTS", "")


def at_rest(tuning: Tuning) -> dict[str, str]:
    """Set the rest, once the process has everything that it starts with.

    Return what was set, by the name of the setting, for a line of its log.
    """
    told = {"malloc": "off", "gc": "off"}
    if tuning.malloc:
        told["malloc"] = "kept" if _keep_memory() else "unavailable"
    if tuning.gc:
        # What is here now stays for good; the collector need not look at it again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        told["gc"] = ",".join(map(str, GC_THRESHOLDS))
    return told


def _keep_memory() -> bool:
    """Let glibc keep the memory of large messages for the next; whether there is a glibc."""
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return False
    return all(library.mallopt(number, value) == 1 for number, value in _MALLOC.items())
