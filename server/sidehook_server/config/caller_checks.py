"""What is wrong with callers whose keys are all right by themselves."""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import Final

from sidehook_server.config.model import CallerConfig, Config, Listen
from sidehook_server.config.type_names import unmatched


def caller_problems(config: Config, given: Container[str]) -> Iterator[tuple[str, str]]:
    """Key and sentence for everything that can never be so of a caller.

    `given` are the paths of the keys that stand in the file, with wrong values too.
    """
    for caller in config.callers or ():
        path = f"callers[{caller.name}]"
        if not (caller.is_bound or any(f"{path}.{key}" in given for key in _PROOFS)):
            yield (
                path,
                "nothing says who this is; add certificate, token_sha256 or uid, or "
                "`unix_socket: true` for who may open the socket",
            )
        for text in _certificate(caller, config.listen):
            yield f"{path}.certificate", text
        for pattern in sorted(caller.hook_types or ()):
            yield from unmatched(f"{path}.hook_types", pattern, config)


_PROOFS: Final = ("certificate", "token_sha256", "uid")


def _certificate(caller: CallerConfig, listen: Listen) -> Iterator[str]:
    if caller.certificate is None:
        return
    if listen.tls is None or listen.tls.client_ca is None or listen.tcp is None:
        yield (
            "nobody can call with a certificate; set listen.tcp, and listen.tls with its client_ca"
        )
    elif caller.uid is not None or caller.unix_socket:
        yield (
            "a certificate is shown on TCP only, so that nobody can come over the Unix socket and "
            "have it; make two callers of it, or remove one of the two keys"
        )
