"""The keys about who may call."""

from __future__ import annotations

from typing import Final

from sidehook_server.config import kinds
from sidehook_server.config.model import CallerConfig
from sidehook_server.config.table import Key, ListOf, Section

CALLER: Final = Section(
    (
        Key(
            "name",
            kinds.NAME_OF_CALLER,
            "What the caller is called in errors and logs.",
            required=True,
        ),
        Key(
            "uid",
            kinds.USER_ID,
            "Processes of this user, over the Unix socket. It can be told when only one user can "
            "open the socket.",
        ),
        Key(
            "token_sha256",
            kinds.TOKEN_SHA256,
            "Who shows the token of this digest, as `authorization: Bearer`. It is what "
            "`sha256sum` makes of the token without a line end behind it; take a random token, "
            "such as `openssl rand -hex 32` makes.",
        ),
        Key(
            "certificate",
            kinds.CALLER_CERTIFICATE,
            "Who shows a certificate of this name over TLS: a URI or DNS name among its "
            "alternative names, or the common name of a certificate that has none. A URI may end "
            "with `/*`, which stands for every URI below it. Needs `listen.tls.client_ca`.",
        ),
        Key(
            "unix_socket",
            kinds.BOOLEAN,
            "Who comes in over the Unix socket, whose file mode says who can.",
        ),
        Key(
            "hook_types",
            ListOf(kinds.TYPE_PATTERN),
            "The hook types that it may call. One `*` in each stands for any characters: `tool_*`.",
            default="every type",
        ),
        Key(
            "tenants",
            ListOf(kinds.TEXT),
            "The tenants that it may call for; `''` is a call without one.",
            default="every tenant, and none",
        ),
    ),
    CallerConfig,
    lambda values: CallerConfig(**values),
)
