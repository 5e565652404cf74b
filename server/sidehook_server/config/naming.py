"""How workers, hooks and hook types may be called, and how much of a hook there may be."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from sidehook import _manifest

MAX_PRIORITY: Final = 1_000_000
"""The priority of a hook is from minus this to this."""

MAX_TIMEOUT: Final = 3600.0
"""The longest timeout of a hook, in seconds."""

MAX_HOOKS: Final = _manifest.MAX_HOOKS
"""How many hooks one manifest may hold, and how many may be in the plan under one name."""

MAX_WORKERS: Final = 1000
"""How many names of workers are known at once."""

MAX_TYPE: Final = 128
"""How many characters the name of a hook type may have, and a pattern of such names."""

MAX_TEXT: Final = 256
"""How many characters an instance's name, a scope or a tenant may have."""

MAX_SENTENCE: Final = 1024
"""How many characters the description of a hook may have."""

_WORKER = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_HOOK = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_PATTERN = re.compile(r"[A-Za-z0-9_.-]*\*?[A-Za-z0-9_.-]*")
_BELOW = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/*]+/([^*]*/)?\*")
_STATE_OF_ALL = "shared."


def worker_name_problem(name: str) -> str | None:
    """What is wrong with a worker's name; None when nothing is."""
    if not _WORKER.fullmatch(name):
        return "use 1 to 128 of letters, digits, '_', '-' and '.'"
    if name.startswith(_STATE_OF_ALL):
        # The keys of its state would be those that every worker may read and write.
        return f"a name must not begin with {_STATE_OF_ALL!r}, which marks shared state"
    return None


def hook_name_problem(name: str) -> str | None:
    """What is wrong with a hook's name; None when nothing is."""
    if _HOOK.fullmatch(name):
        return None
    return "use 1 to 128 of letters, digits, '_', '-', '.' and ':'"


def hook_type_problem(name: str) -> str | None:
    """What is wrong with the name of a hook type; None when nothing is."""
    return None if _WORKER.fullmatch(name) else "use 1 to 128 of letters, digits, '_', '-' and '.'"


def caller_name_problem(name: str) -> str | None:
    """What is wrong with a caller's name; None when nothing is."""
    return hook_type_problem(name)


def type_pattern_problem(pattern: str) -> str | None:
    """What is wrong with a pattern of hook types; None when nothing is."""
    if 0 < len(pattern) <= MAX_TYPE and _PATTERN.fullmatch(pattern):
        return None
    return "use 1 to 128 of letters, digits, '_', '-' and '.', and one '*' for any of them"


def text_problem(text: str) -> str | None:
    """What is wrong with a scope, a tenant or an instance's name; None when nothing is."""
    if len(text) > MAX_TEXT:
        return f"use at most {MAX_TEXT} characters"
    return None if text.isprintable() else "use printable characters only"


def certificate_problem(text: str) -> str | None:
    """What is wrong with the name that a certificate is to have; None when nothing is."""
    if not text:
        return "it is empty"
    if "*" in text:
        return "a name is taken as it stands, without wildcards; write the whole of it"
    return text_problem(text)


def caller_certificate_problem(text: str) -> str | None:
    """As `certificate_problem`; but a URI may end with `/*`, which stands for all below it."""
    if _BELOW.fullmatch(text):
        return text_problem(text)
    if "*" in text:
        return (
            "only a URI may have a '*', alone behind its last '/' and not in place of its host: "
            "spiffe://cluster.local/ns/chat/*"
        )
    return certificate_problem(text)


def shown(name: str) -> str:
    """A name from outside as it may stand in a message: quoted, and not too long."""
    return repr(name if len(name) <= MAX_TEXT else f"{name[:MAX_TEXT]}…")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint at the name that was probably meant, to stand at the end; or nothing."""
    close = get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
