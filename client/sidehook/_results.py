"""What a hook's handler returns: nothing, `modify(...)` or `block(...)`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from sidehook import _json
from sidehook._call import Violation
from sidehook._errors import EncodeError
from sidehook._payload import Payload
from sidehook._run import NothingToSay, Patch
from sidehook._types import JSON

HookReturn: TypeAlias = None | NothingToSay | Patch | Violation
"""What a handler may return. None and NothingToSay both mean: go on, nothing changes."""

NOTHING = NothingToSay()


def modify(payload: Payload, /, **fields: object) -> Patch | NothingToSay:
    """Change fields of `payload`: the answer that replaces each of them whole.

    Only what really changed is sent: a field whose value has the same kind and the
    same octets as before is left out, and when nothing is left the hook has nothing
    to say. `bytes` travel as they are, everything else as JSON. A name that is no
    Python identifier goes in by `modify(payload, **{"a-name": value})`.

    Raises EncodeError for a value that JSON cannot carry and TypeError when `payload`
    is not the payload that the handler received. Never blocks.
    """
    if not isinstance(payload, Payload):
        raise TypeError(
            "modify() wants the payload that the handler received as its first argument, "
            f"not {type(payload).__name__}"
        )
    before = payload.wire_fields
    # A value taken from the payload and handed back is the same by definition, also where
    # its author wrote the JSON text in another way than this library does.
    new = {n: v for n, v in fields.items() if n not in before or v is not payload[n]}
    encoded = Payload.from_values(new).wire_fields
    changed = {name: value for name, value in encoded.items() if value != before.get(name)}
    return Patch(changed) if changed else NOTHING


def block(
    reason: str = "",
    *,
    code: str = "",
    description: str = "",
    details: Mapping[str, JSON] | None = None,
) -> Violation:
    """Say no: the answer that ends the call where the hook's mode may block.

    `reason` is a sentence for the caller; the sidecar fills in an empty one. `code` is
    a stable name for programs (`PII_FOUND`), `description` more for people, `details`
    more for programs, a JSON object. In a mode that may not block it is recorded and
    changes nothing.

    Raises TypeError for a text that is no str and for details that are no mapping,
    EncodeError for what UTF-8 or JSON cannot carry. Never blocks the thread.
    """
    for what, text in (("reason", reason), ("code", code), ("description", description)):
        _check_text(what, text)
    if details is not None and not isinstance(details, Mapping):
        raise TypeError(f"block() wants details that are a mapping, not {type(details).__name__}")
    return Violation(
        reason=reason,
        code=code,
        description=description,
        details=b"" if details is None else _json.encode(dict(details), "details"),
    )


def _check_text(what: str, text: object) -> None:
    if not isinstance(text, str):
        raise TypeError(f"block() wants a {what} that is a str, not {type(text).__name__}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise EncodeError(what, "it holds a lone surrogate, which UTF-8 cannot carry") from error
