"""Which of several sidecars a client uses: the same for all of its connections."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from typing import Final

MOST_SIDECARS: Final = 16
"""Sidecars that a client is connected with at once; of more it chooses as many at random."""


class Choice:
    """What one client chose.

    `home` is the target of the sidecar that knows the scopes which this application
    serves; empty while there are none.
    """

    __slots__ = ("_salt", "home")

    def __init__(self) -> None:
        self.home = ""
        self._salt = secrets.token_bytes(16)

    def among(self, targets: Collection[str]) -> frozenset[str]:
        """Return the targets to connect with, changed as little as possible when they change."""
        return frozenset(sorted(targets, key=self._rank)[:MOST_SIDECARS])

    def _rank(self, target: str) -> bytes:
        return hashlib.blake2b(target.encode(), key=self._salt, digest_size=8).digest()
