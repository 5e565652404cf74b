"""Whether what is in the journal can be read by whoever can read the file.

A sealed record is a salt, a nonce and what AES-GCM made of the record, with its number
bound to it. The key that seals is derived from the operator's with a salt that is new
with each start, so that the nonces can simply count and none is ever used twice.
"""

from __future__ import annotations

import hmac
import os
import secrets
import stat
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from sidehook_server.errors import JournalError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
"""The size of a key."""

_SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_PURPOSE: Final = b"sidehook journal 1"
_OPEN_TO_OTHERS: Final = stat.S_IRWXO | stat.S_IWGRP


class WrongKeyError(Exception):
    """Something was sealed with another key, or it was changed since."""

    def __init__(self) -> None:
        super().__init__("it was sealed with another key, or changed since")


class Seal(Protocol):
    """How records are kept."""

    def close(self, number: int, octets: bytes) -> bytes:
        """What is written for the record of that number."""

    def open(self, number: int, octets: bytes) -> bytes:
        """The record that was written. Raises WrongKeyError."""


class NoSeal:
    """Records as they are."""

    def close(self, number: int, octets: bytes) -> bytes:
        """The same bytes."""
        return octets

    def open(self, number: int, octets: bytes) -> bytes:
        """The same bytes."""
        return octets


class KeySeal:
    """Records that cannot be read, or changed, without a key of KEY_BYTES."""

    def __init__(self, key: bytes) -> None:
        """Raises ModuleNotFoundError when the library is not installed."""
        self._key = key
        self._ciphers: dict[bytes, AESGCM] = {}
        self._salt = secrets.token_bytes(_SALT_BYTES)
        self._cipher = self._cipher_of(self._salt)
        self._nonces = count()

    def close(self, number: int, octets: bytes) -> bytes:
        """The sealed record."""
        nonce = next(self._nonces).to_bytes(_NONCE_BYTES, "big")
        return b"".join((self._salt, nonce, self._cipher.encrypt(nonce, octets, _bound(number))))

    def open(self, number: int, octets: bytes) -> bytes:
        """The record. Raises WrongKeyError."""
        from cryptography.exceptions import InvalidTag

        salt, rest = octets[:_SALT_BYTES], octets[_SALT_BYTES:]
        cipher = self._ciphers.get(salt) or self._cipher_of(salt)
        try:
            return cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], _bound(number))
        except (InvalidTag, ValueError) as error:
            raise WrongKeyError() from error

    def _cipher_of(self, salt: bytes) -> AESGCM:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        cipher = AESGCM(hmac.digest(self._key, _PURPOSE + salt, "sha256"))
        self._ciphers[salt] = cipher
        return cipher


def _bound(number: int) -> bytes:
    return number.to_bytes(8, "big", signed=True)


def read_key(path: Path) -> bytes:
    """The key in a file: KEY_BYTES bytes, or as many in hexadecimal. Raises JournalError."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            octets = file.read(4 * KEY_BYTES)
    except OSError as error:
        raise JournalError(
            str(path),
            f"the key cannot be read ({error.strerror})",
            "name a file that can as detached.journal_key_file",
        ) from error
    if mode & _OPEN_TO_OTHERS:
        raise JournalError(
            str(path),
            f"others have access to the key (file mode {stat.S_IMODE(mode):04o})",
            "chmod it to 0400, and make a new key when somebody may have read it",
        )
    key = octets if len(octets) == KEY_BYTES else _from_hex(octets)
    if len(key) != KEY_BYTES:
        raise JournalError(
            str(path),
            f"it holds no key of {KEY_BYTES} bytes",
            f"make one: openssl rand -hex {KEY_BYTES}",
        )
    return key


def _from_hex(octets: bytes) -> bytes:
    try:
        return bytes.fromhex(octets.decode("ascii"))
    except ValueError:
        return b""
