"""What a client is told when it is made. Pure data, checked once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from sidehook._client_target import checked_target, default_target, tls_for
from sidehook._tls import Tls

if TYPE_CHECKING:
    import grpc

OnUnavailable: TypeAlias = Literal["raise", "proceed"]
"""What `invoke` does when no sidecar answers: raise, or go on without a verdict."""

DEFAULT_BUDGET = 10.0
"""Seconds a call may take when the client was not told otherwise."""

MAX_LABELS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The terms of one client; `Client` describes each of them."""

    target: str | None = None
    budget: float = DEFAULT_BUDGET
    on_unavailable: OnUnavailable = "raise"
    required: bool = False
    tenant: str = ""
    user: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    credentials: grpc.ChannelCredentials | None = None
    tls: Tls | None = None

    def __post_init__(self) -> None:
        check_budget(self.budget)
        if self.target is not None:
            checked_target(self.target)
        if self.on_unavailable not in ("raise", "proceed"):
            raise ValueError(f'on_unavailable is "raise" or "proceed", not {self.on_unavailable!r}')
        if self.required and self.on_unavailable == "proceed":
            raise ValueError(
                'required=True means never to go on without a verdict; on_unavailable="proceed" '
                "means to do so; choose one"
            )
        check_labels(self.labels)
        check_tls(self.tls)
        if self.tls is not None and self.credentials is not None:
            raise ValueError("tls= and credentials= say the same thing twice; give one of them")

    def resolved_target(self) -> str:
        """Return where the sidecar is now: without a target, the default may move."""
        return default_target() if self.target is None else checked_target(self.target)

    def resolved_tls(self, target: str) -> Tls | None:
        """Return how TLS is spoken with `target`, None for not at all or with `credentials`."""
        return None if self.credentials is not None else tls_for(target, self.tls)


def check_tls(tls: Tls | None) -> Tls | None:
    """Return `tls`. Raises ValueError for half a pair of certificate and key."""
    if tls is not None and (half := tls.half_pair()):
        raise ValueError(f"tls has {half}= alone; certificate= and key= go together")
    return tls


def check_budget(budget: float) -> float:
    """Return `budget` in seconds. Raises ValueError for one that is not over 0 and finite."""
    if isinstance(budget, bool) or not math.isfinite(budget) or budget <= 0:
        raise ValueError(f"a budget is a number of seconds over 0, not {budget!r}")
    return budget


def check_labels(labels: Mapping[str, str]) -> Mapping[str, str]:
    """Return `labels`. Raises ValueError for more than 64 and TypeError for what is no text."""
    if len(labels) > MAX_LABELS:
        raise ValueError(f"{len(labels)} labels are over the limit of {MAX_LABELS}")
    for key, value in labels.items():
        if any(not isinstance(text, str) for text in (key, value)):
            raise TypeError(f"labels map str to str; {key!r} does not")
    return labels
