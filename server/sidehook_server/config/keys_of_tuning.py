"""The keys about the sidecar's process."""

from __future__ import annotations

from typing import Final

from sidehook._tuning import Tuning
from sidehook_server.config import kinds
from sidehook_server.config.table import Key, Section

TUNING: Final = Section(
    (
        Key("uvloop", kinds.BOOLEAN, "Its event loop is uvloop's in place of Python's."),
        Key(
            "grpc",
            kinds.BOOLEAN,
            "gRPC's own event engine is off, unless `GRPC_EXPERIMENTS` in the environment says "
            "otherwise.",
        ),
        Key("malloc", kinds.BOOLEAN, "glibc keeps the memory of large messages for the next."),
        Key("gc", kinds.BOOLEAN, "Python's collector looks at new objects only, and less often."),
    ),
    Tuning,
    lambda values: Tuning(**values),
)
