"""Who reaches the address that applications call, and who of them may call.

Facts of a configuration that a running sidecar shows in its state, and what there is to say
about them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, cast

from sidehook._types import JSON
from sidehook_server.config.model import Config


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """How applications come in besides the Unix socket.

    `tcp` is an address that other machines reach, None for none. `tls`: it speaks TLS;
    `certificates`: it asks for them. `callers` are those who are configured, None: everybody
    may call; `tokens` those of them who show one.
    """

    tcp: str | None = None
    tls: bool = False
    certificates: bool = False
    callers: tuple[str, ...] | None = None
    tokens: tuple[str, ...] = ()

    @property
    def view(self) -> dict[str, JSON]:
        """The same as JSON."""
        return {
            "open_tcp": self.tcp,
            "tls": self.tls,
            "client_certificates": self.certificates,
            "callers": None if self.callers is None else list(self.callers),
            "callers_with_tokens": list(self.tokens),
        }


UNREACHED: Final = Exposure()
"""Nobody but on the Unix socket."""


def exposure_of(config: Config) -> Exposure:
    """What a configuration says."""
    tcp, tls, callers = config.listen.tcp, config.listen.tls, config.callers
    return Exposure(
        tcp=None if tcp is None or tcp.is_loopback else str(tcp),
        tls=tls is not None,
        certificates=tls is not None and tls.client_ca is not None,
        callers=None if callers is None else tuple(caller.name for caller in callers),
        tokens=tuple(it.name for it in callers or () if it.token_sha256 is not None),
    )


def exposure_from_view(view: Mapping[str, JSON]) -> Exposure:
    """What a running sidecar shows. Raises KeyError and TypeError for what is none."""
    callers = cast("list[str] | None", view["callers"])
    return Exposure(
        tcp=cast("str | None", view["open_tcp"]),
        tls=cast(bool, view["tls"]),
        certificates=cast(bool, view["client_certificates"]),
        callers=None if callers is None else tuple(callers),
        tokens=tuple(cast("list[str]", view["callers_with_tokens"])),
    )


def anybody_may_call(exposure: Exposure) -> Iterator[str]:
    """Sentences about an address on which whoever reaches it may call."""
    if exposure.tcp is None or exposure.certificates or exposure.callers is not None:
        return
    yield (
        f"listen.tcp {exposure.tcp} is open to other machines that show neither a certificate nor "
        "a token, and whoever reaches it may call every hook type: set listen.tls with its "
        "client_ca, or name who may call under callers"
    )


def readable_tokens(exposure: Exposure) -> Iterator[str]:
    """Sentences about tokens that travel in plain text."""
    if exposure.tcp is not None and not exposure.tls and exposure.tokens:
        yield (
            f"the tokens of {', '.join(exposure.tokens)} can be read by others when they are "
            f"shown on listen.tcp {exposure.tcp}: set listen.tls"
        )
