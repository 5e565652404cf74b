"""How a channel notices a peer that is gone; `make e2e-containers` pulls the cables."""

from __future__ import annotations

import pytest

from sidehook._silence import ACKNOWLEDGED, pinged

TAKEN_EVERY = 5_000
"""Milliseconds: a sidecar ends a connection with more pings than that."""


@pytest.mark.parametrize("target", ["sidecar:7000", "dns:///sidecars:7000", "ipv4:10.0.0.1:7000"])
def test_a_sidecar_over_tcp_is_pinged_and_no_more_often_than_it_takes(target: str) -> None:
    options = dict(pinged(target))
    assert TAKEN_EVERY < options["grpc.keepalive_time_ms"] < 60_000
    assert options["grpc.keepalive_timeout_ms"] == dict(ACKNOWLEDGED)["grpc.keepalive_timeout_ms"]


def test_a_sidecar_behind_a_socket_of_this_machine_is_not_pinged() -> None:
    assert pinged("unix:///run/sidehook/sidehook.sock") == ()
