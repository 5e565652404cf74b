"""The texts of a chain as values, by rules 11 and 12."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256


def is_json(text: str) -> bool:
    """Whether a text may be the value of a field; bytes may be anything."""

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        if len({key for key, _ in pairs}) != len(pairs):
            raise ValueError
        return dict(pairs)

    try:
        json.loads(text, object_pairs_hook=unique)
    except ValueError:
        return False
    return True


def octets_of(text: str) -> bytes:
    """The octets of the value that a text stands for."""
    return text.removeprefix("raw:").encode()


def digest_of(fields: Mapping[str, str]) -> str:
    """The digest of a payload, by rule 12."""
    octets = b""
    for name in sorted(fields, key=str.encode):
        value = octets_of(fields[name])
        kind = b"\2" if fields[name].startswith("raw:") else b"\1"
        octets += len(name.encode()).to_bytes(8, "big") + name.encode()
        octets += kind + len(value).to_bytes(8, "big") + value
    return sha256(octets).hexdigest()


def size_of(texts: Mapping[str, str]) -> int:
    """What texts take up with their names, in bytes."""
    return sum(len(name.encode()) + len(octets_of(text)) for name, text in texts.items())
