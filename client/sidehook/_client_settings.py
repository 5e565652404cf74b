"""What a client is told when it is made. Pure data, checked once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from sidehook._client_target import (
    caller_token,
    checked_target,
    default_target,
    environment_labels,
    is_local,
    tls_for,
)
from sidehook._tls import Tls
from sidehook._token import TokenError, read_token

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
    token: str | None = field(default=None, repr=False)
    token_file: str | Path | None = None

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
        if self.token is not None and self.token_file is not None:
            raise ValueError("token= and token_file= are two tokens; give one of them")

    def resolved_target(self) -> str:
        """Return where the sidecar is now: without a target, the default may move."""
        return default_target() if self.target is None else checked_target(self.target)

    def resolved_labels(self) -> Mapping[str, str]:
        """Return the labels of every call: the environment's, and over them those given.

        Raises ValueError for what is no label, and for too many.
        """
        return check_labels({**environment_labels(), **self.labels})

    def resolved_tls(self, target: str) -> Tls | None:
        """Return how TLS is spoken with `target`, None for not at all or with `credentials`."""
        return None if self.credentials is not None else tls_for(target, self.tls)

    def token_for(self, target: str) -> str | None:
        """Return what to show at `target` besides certificates; None for nothing.

        Reads the file anew. Raises TokenError for a token that cannot be used, or that
        would go over the network in plain text.
        """
        token, file = caller_token(self.token, self.token_file)
        read = read_token(token, None if file is None else Path(file))
        is_plain = self.credentials is None and self.resolved_tls(target) is None
        if read is not None and is_plain and not is_local(target):
            raise TokenError(
                "the token would go over the network in plain text; call with TLS (tls=, or "
                "SIDEHOOK_TLS_CA), or over the sidecar's Unix socket"
            )
        return read


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
