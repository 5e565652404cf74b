"""What a sidecar says to a probe."""

from __future__ import annotations


class Answer:
    """Whether the answer is yes, and why in one line. No dataclass: importing those costs more."""

    __slots__ = ("reason", "yes")

    def __init__(self, *, yes: bool, reason: str) -> None:
        self.yes = yes
        self.reason = reason


class NobodyAnswersError(Exception):
    """Nothing that answers as a sidecar does is there; the text says where and what to do."""
