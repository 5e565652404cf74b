"""The addresses behind a target: those that it lists, or those of a name in the DNS."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeAlias

NAME_SCHEME = "dns:"
"""What a target begins with that stands for every address of a name."""

_LIST_SCHEMES = ("ipv4:", "ipv6:")

Lookup: TypeAlias = Callable[[str, int], Awaitable[frozenset[str]]]
"""Gives the gRPC targets of a host and port. Raises OSError when the name is not known now."""


class Place(NamedTuple):
    """Where one sidecar is. `name` is the host and port that its address was found by, or empty."""

    target: str
    name: str = ""


async def look_up(host: str, port: int) -> frozenset[str]:
    """Return the targets that the system's resolver knows for a name. Raises OSError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return frozenset(_target(str(address[0]), int(address[1])) for *_, address in found)


def _target(address: str, port: int) -> str:
    return f"ipv6:[{address}]:{port}" if ":" in address else f"ipv4:{address}:{port}"


def is_name(target: str) -> bool:
    """Whether a target is `dns:///host:port`."""
    return target.startswith(NAME_SCHEME)


def host_and_port(target: str) -> tuple[str, int]:
    """Return the host and port of `dns:host:port` or `dns:///host:port`.

    Raises ValueError for a target without a port.
    """
    name = target.removeprefix(NAME_SCHEME)
    if name.startswith("//"):
        name = name[2:].partition("/")[2]
    host, _, port = name.rpartition(":")
    if not host or not port.isdecimal():
        raise ValueError(f"the target {target} names no port; write dns:///host:port")
    return host.strip("[]"), int(port)


def is_several(target: str) -> bool:
    """Whether a target stands for any number of addresses."""
    return is_name(target) or bool(listed(target))


def listed(target: str) -> frozenset[str]:
    """Return the targets that `ipv4:a:1,b:1` or `ipv6:[a]:1,[b]:1` lists; others list none."""
    for scheme in _LIST_SCHEMES:
        if target.startswith(scheme) and "," in target:
            addresses = target.removeprefix(scheme).split(",")
            return frozenset(scheme + each.strip() for each in addresses if each.strip())
    return frozenset()
