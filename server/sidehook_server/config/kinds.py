"""What a key of the configuration takes: how it is read, and how it is named to people."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Generic, TypeVar
from urllib.parse import urlsplit

from sidehook._types import Mode, OnError, OnRejected
from sidehook_server.config import naming
from sidehook_server.config.conditions import condition_problem
from sidehook_server.config.model import (
    KIB,
    MIB,
    Address,
    DecisionSink,
    JournalPayloads,
    OnDowngrade,
    UndeclaredTypes,
    WhenFull,
)
from sidehook_server.config.problems import WrongValueError

MAX_SOCKET_PATH: Final = 107
"""How many bytes the path of a Unix socket may have: the system's 108 and its end."""

MAX_TIME: Final = 86_400.0
"""The longest time that a key takes, in seconds."""

T_co = TypeVar("T_co", covariant=True)
ChoiceT = TypeVar("ChoiceT", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Kind(Generic[T_co]):
    """A single value. `read` takes its text and the folder that paths are relative to.

    `read` raises WrongValueError. `show` writes a default for the reference.
    """

    label: str
    read: Callable[[str, Path], T_co]
    show: Callable[[object], str] = str


def text_kind(label: str, problem: Callable[[str], str | None]) -> Kind[str]:
    """A text that a rule may object to."""

    def read(text: str, _folder: Path) -> str:
        if wrong := problem(text):
            raise WrongValueError(f"{text!r} cannot be used: {wrong}")
        return text

    return Kind(label, read)


def choice_kind(kind: type[ChoiceT]) -> Kind[ChoiceT]:
    """One of a closed set of words."""
    words = [str(each) for each in kind]

    def read(text: str, _folder: Path) -> ChoiceT:
        if text.lower() not in words:
            hint = naming.did_you_mean(text.lower(), words)
            raise WrongValueError(f"{text!r} is none of {', '.join(words)}{hint}")
        return kind(text.lower())

    return Kind(" or ".join(f"`{word}`" for word in words), read)


def _boolean(text: str, _folder: Path) -> bool:
    if text.lower() not in ("true", "false"):
        raise WrongValueError(f"{text!r} is neither true nor false")
    return text.lower() == "true"


def integer_kind(label: str, *, low: int, high: int) -> Kind[int]:
    """A whole number within bounds."""

    def read(text: str, _folder: Path) -> int:
        if not re.fullmatch(r"[+-]?\d{1,18}", text) or not low <= int(text) <= high:
            raise WrongValueError(f"{text!r} is no whole number from {low} to {high}")
        return int(text)

    return Kind(label, read)


_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def duration_kind(*, high: float) -> Kind[float]:
    """A time in seconds, over 0."""

    def read(text: str, _folder: Path) -> float:
        match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)\s*(ms|s|m|h)?", text)
        if match is None:
            raise WrongValueError(f"{text!r} is no time; write 200ms, 5s, 2m, 1h, or seconds")
        seconds = float(match[1]) * _UNITS[match[2] or "s"]
        if not 0 < seconds <= high:
            raise WrongValueError(f"{text!r} is out of range; use over 0 and up to {high:g}s")
        return seconds

    return Kind("time", read, show_duration)


def _optional_duration(text: str, folder: Path) -> float | None:
    return None if text.lower() in ("off", "false") else DURATION.read(text, folder)


def show_duration(seconds: object) -> str:
    """A time as one writes it."""
    assert isinstance(seconds, float), "a time is in seconds"
    return f"{seconds:g}s" if seconds >= 1 else f"{seconds * 1000:g}ms"


_SIZES: Final = {"B": 1, "KiB": KIB, "MiB": MIB, "GiB": 1024 * MIB}
MAX_SIZE: Final = 1024 * MIB


def _size(text: str, _folder: Path) -> int:
    match = re.fullmatch(r"(\d{1,15})\s*(B|KiB|MiB|GiB)?", text)
    if match is None:
        raise WrongValueError(f"{text!r} is no size; write 64KiB, 16MiB, 1GiB, or bytes")
    octets = int(match[1]) * _SIZES[match[2] or "B"]
    if not 0 < octets <= MAX_SIZE:
        raise WrongValueError(f"{text!r} is out of range; use over 0 and up to 1GiB")
    return octets


def show_size(octets: object) -> str:
    """A size as one writes it."""
    assert isinstance(octets, int), "a size is in bytes"
    unit = next(unit for unit, one in reversed(_SIZES.items()) if octets % one == 0)
    return f"{octets // _SIZES[unit]}{unit}"


def _share(text: str, _folder: Path) -> float:
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 < share <= 1:
        raise WrongValueError(f"{text!r} is no share; use over 0 and up to 1")
    return share


def _digest(text: str, _folder: Path) -> str:
    if not re.fullmatch(r"[0-9A-Fa-f]{64}", text):
        # Not repeated: it may well be the token itself.
        raise WrongValueError(
            "takes 64 hexadecimal digits, the SHA-256 of the token and never the token: "
            '`printf %s "$TOKEN" | sha256sum`'
        )
    return text.lower()


def _file_mode(text: str, _folder: Path) -> int:
    if not re.fullmatch(r"0?o?[0-7]{3}", text):
        raise WrongValueError(f"{text!r} is no file mode; write three octal digits, such as 0660")
    return int(text[-3:], 8)


def _path(text: str, folder: Path) -> str:
    if not text or "\0" in text:
        raise WrongValueError("needs the path of a file or folder")
    return str(folder / text)


def _socket(text: str, folder: Path) -> str:
    path = _path(_without_scheme(text), folder)
    if length_problem := socket_path_problem(path):
        raise WrongValueError(length_problem)
    return path


def _without_scheme(text: str) -> str:
    return re.sub(r"^unix:(//(?=/))?", "", text)


def socket_path_problem(path: str) -> str | None:
    """Whether a system call could take the path of a Unix socket."""
    size = len(path.encode(errors="surrogateescape"))
    if size <= MAX_SOCKET_PATH:
        return None
    return (
        f"the socket path {path} has {size} bytes, and Unix sockets allow {MAX_SOCKET_PATH}; "
        "use a shorter folder"
    )


_HOST_PORT: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9_.-]+)):(\d{1,5})")


def _host_port(text: str) -> Address | None:
    match = _HOST_PORT.fullmatch(text)
    if match is None or int(match[3]) > 0xFFFF:
        return None
    return Address(match[1] or match[2], int(match[3]))


def _address(text: str, _folder: Path) -> Address:
    address = _host_port(text)
    if address is None:
        raise WrongValueError(
            f"{text!r} is no address; write host:port, such as 127.0.0.1:7000 or [::1]:7000"
        )
    return address


def _optional_address(text: str, folder: Path) -> Address | None:
    return None if text.lower() in ("off", "false") else _address(text, folder)


def _target(text: str, folder: Path) -> str:
    if text.startswith(("unix:", "/")):
        return f"unix://{_socket(text, folder)}"
    scheme, _, rest = text.rpartition("///")
    address = _host_port(rest)
    if scheme not in ("", "dns:") or address is None or address.port == 0:
        raise WrongValueError(
            f"{text!r} is no target; write unix:///path/to/worker.sock, host:port or "
            "dns:///host:port"
        )
    return text


def _url_problem(text: str) -> str | None:
    try:
        url = urlsplit(text)
        usable = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        usable = False
    return None if usable else "write http://host:port or https://host:port"


def _show_boolean(value: object) -> str:
    return str(value).lower()


def _show_mode(value: object) -> str:
    return f"{value:04o}"


CONDITION: Final = text_kind("CEL expression", condition_problem)
NAME_OF_WORKER: Final = text_kind("name", naming.worker_name_problem)
NAME_OF_HOOK: Final = text_kind("name", naming.hook_name_problem)
NAME_OF_TYPE: Final = text_kind("hook type", naming.hook_type_problem)
FIELD_NAME: Final = text_kind("field name", lambda text: None if text else "it is empty")
TEXT: Final = text_kind("text", naming.text_problem)
BOOLEAN: Final = Kind("`true` or `false`", _boolean, _show_boolean)
DURATION: Final = duration_kind(high=MAX_TIME)
OPTIONAL_DURATION: Final = Kind("time or `off`", _optional_duration, show_duration)
TIMEOUT: Final = duration_kind(high=naming.MAX_TIMEOUT)
SIZE: Final = Kind("size", _size, show_size)
COUNT: Final = integer_kind("whole number over 0", low=1, high=10**9)
COUNT_OR_NONE: Final = integer_kind("whole number", low=0, high=1000)
PRIORITY: Final = integer_kind("whole number", low=-naming.MAX_PRIORITY, high=naming.MAX_PRIORITY)
USER_ID: Final = integer_kind("user id", low=0, high=2**32 - 2)
TOKEN_SHA256: Final = Kind("SHA-256 in hexadecimal digits", _digest)
CERTIFICATE_NAME: Final = text_kind("DNS name, common name or URI", naming.certificate_problem)
NAME_OF_CALLER: Final = text_kind("name", naming.caller_name_problem)
TYPE_PATTERN: Final = text_kind("pattern", naming.type_pattern_problem)
CALLER_CERTIFICATE: Final = text_kind(
    "DNS name, common name or URI", naming.caller_certificate_problem
)
SHARE: Final = Kind("share, over 0 to 1", _share, lambda value: f"{value:g}")
FILE_MODE: Final = Kind("file mode", _file_mode, _show_mode)
PATH: Final = Kind("path", _path)
SOCKET: Final = Kind("socket path", _socket)
ADDRESS: Final = Kind("address", _address)
OPTIONAL_ADDRESS: Final = Kind("address or `off`", _optional_address)
TARGET: Final = Kind("target", _target)
URL: Final = text_kind("URL", _url_problem)
MODE: Final = choice_kind(Mode)
ON_ERROR: Final = choice_kind(OnError)
ON_REJECTED: Final = choice_kind(OnRejected)
ON_DOWNGRADE: Final = choice_kind(OnDowngrade)
UNDECLARED_TYPES: Final = choice_kind(UndeclaredTypes)
WHEN_FULL: Final = choice_kind(WhenFull)
JOURNAL_PAYLOADS: Final = choice_kind(JournalPayloads)
DECISION_SINK: Final = choice_kind(DecisionSink)
