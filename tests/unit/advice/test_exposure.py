"""Who reaches the address for applications: what is shown of it, and what is worth a word."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from sidehook_server.advice.exposure import (
    UNREACHED,
    Exposure,
    anybody_may_call,
    exposure_from_view,
    exposure_of,
    readable_tokens,
)
from sidehook_server.config.model import Address, CallerConfig, Listen, ListenTls
from tests.unit.registry.scripted import Scripted, a_config

FAR = Address("0.0.0.0", 7000)
OPEN = Exposure(tcp="0.0.0.0:7000")


def a_listen(tcp: Address | None, tls: ListenTls | None = None) -> Listen:
    return Listen(socket="/run/s.sock", workers_socket="/run/w.sock", tcp=tcp, tls=tls)


@pytest.mark.parametrize(
    ("listen", "callers", "exposure"),
    [
        (a_listen(None), None, UNREACHED),
        (a_listen(Address("127.0.0.1", 7000)), None, UNREACHED),
        (a_listen(FAR), None, OPEN),
        (a_listen(FAR, ListenTls()), None, replace(OPEN, tls=True)),
        (
            a_listen(FAR, ListenTls(client_ca="ca")),
            (),
            replace(OPEN, tls=True, certificates=True, callers=()),
        ),
        (
            a_listen(FAR),
            (CallerConfig(name="a", token_sha256="0"), CallerConfig(name="b", uid=7)),
            replace(OPEN, callers=("a", "b"), tokens=("a",)),
        ),
    ],
)
def test_a_running_sidecar_shows_what_its_configuration_says(
    listen: Listen, callers: tuple[CallerConfig, ...] | None, exposure: Exposure
) -> None:
    config = replace(a_config(callers=callers), listen=listen)
    assert exposure_of(config) == exposure
    shown = Scripted(config).registry.view()["calling"]
    assert isinstance(shown, dict)
    assert exposure_from_view(shown) == exposure


def found(exposure: Exposure) -> Iterator[str]:
    for sentences in (anybody_may_call, readable_tokens):
        if list(sentences(exposure)):
            yield sentences.__name__


@pytest.mark.parametrize(
    ("exposure", "names"),
    [
        (UNREACHED, []),
        (replace(UNREACHED, callers=("a",), tokens=("a",)), []),
        (OPEN, ["anybody_may_call"]),
        (replace(OPEN, tls=True), ["anybody_may_call"]),
        (replace(OPEN, tls=True, certificates=True), []),
        (replace(OPEN, callers=()), []),
        (replace(OPEN, callers=("a",), tokens=("a",)), ["readable_tokens"]),
        (replace(OPEN, callers=("a",), tokens=("a",), tls=True), []),
    ],
)
def test_what_is_open_without_need_is_found(exposure: Exposure, names: list[str]) -> None:
    assert list(found(exposure)) == names
