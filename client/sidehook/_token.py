"""A token: what somebody shows to a sidecar to say who they are."""

from __future__ import annotations

from pathlib import Path


class TokenError(ValueError):
    """A token that cannot be used. The message says why and what to do, never the token."""


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    """Return the metadata that shows a token."""
    return (("authorization", f"Bearer {token}"),)


def read_token(token: str | None, file: Path | None) -> str | None:
    """Return the token, None when there is none. Reads the file; raises TokenError."""
    if file is None:
        return None if token is None else _checked(token, "the token")
    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise TokenError(
            f"the token file {file} cannot be read ({error}); name one that can"
        ) from error
    return _checked(text.strip(), f"the token file {file}")


def _checked(token: str, where: str) -> str:
    """Return a token that a header can carry."""
    if not token:
        raise TokenError(f"{where} is empty; put the token there")
    if not all("!" <= character <= "~" for character in token):
        raise TokenError(
            f"{where} has spaces or characters outside of ASCII; use printable ASCII, such as "
            "`openssl rand -hex 32` makes"
        )
    return token
