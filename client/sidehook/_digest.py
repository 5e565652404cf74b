"""The digest of a payload: equal for equal fields, whatever order they travelled in (rule 12)."""

from __future__ import annotations

import hashlib

from sidehook._call import Fields


def digest(fields: Fields) -> str:
    """SHA-256 of the fields, as 64 lower-case hex digits.

    Over the fields sorted by their name in UTF-8: the length of the name in 8 octets,
    most significant first, the name, one octet for the kind (1 JSON, 2 raw), the length
    of the value in 8 octets, the value.
    """
    total = hashlib.sha256()
    for name, value in sorted((name.encode(), value) for name, value in fields.items()):
        total.update(len(name).to_bytes(8))
        total.update(name)
        total.update(bytes((value.kind,)))
        total.update(len(value.octets).to_bytes(8))
        total.update(value.octets)
    return total.hexdigest()
