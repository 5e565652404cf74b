"""mTLS between containers: who is let in, and who is not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.certificates import DAY, Authority, Pair
from tests.containers.member import App, Member
from tests.containers.stage import PROGRAMS, WORKER, Stage

pytestmark = pytest.mark.timeout(300)

CONFIGURATION = """
listen:
  tcp: 0.0.0.0:7000
  tcp_workers: 0.0.0.0:7001
  tls:
    certificate: /certificates/sidecar.pem
    key: /certificates/sidecar.key
    client_ca: /certificates/authority.pem
workers:
  - name: guards
    certificate: spiffe://cluster.local/ns/guards/sa/guards
callers:
  - name: app
    certificate: spiffe://cluster.local/ns/a/*
"""

GUARDS = "spiffe://cluster.local/ns/guards/sa/guards"


@dataclass
class Place:
    """A network with a sidecar on it that speaks mTLS, and the certificates of everybody."""

    stage: Stage
    network: str
    sidecar: Member
    certificates: Path
    ours: Authority
    others: Authority

    @property
    def terms(self) -> dict[str, Any]:
        """What its members have in common."""
        mounts = {self.certificates: "/certificates:ro"}
        return {"network": self.network, "mounts": mounts}

    def app(self, shown: Pair | None, *, trusts: str = "authority") -> App:
        """An application that shows a pair, and trusts an authority."""
        target = {"SIDEHOOK_TARGET": "sidecar:7000"}
        environment = target | variables(shown, trusts)
        return self.stage.app(environment=environment, **self.terms)

    def guards(self, shown: Pair | None) -> Member:
        """The worker `guards` that shows a pair."""
        flags = ("--attach", "sidecar:7001")
        environment = variables(shown, "authority")
        return self.stage.worker(
            "guards", *flags, environment=environment, wait=False, **self.terms
        )

    def knock(self, *arguments: str) -> str:
        """Speak TLS with the sidecar, with any certificate; what comes of it."""
        knocker = self.stage.start(
            WORKER,
            name="knocker",
            entrypoint=["python", "/programs/knock.py"],
            command=["sidecar", *arguments],
            network=self.network,
            mounts={self.certificates: "/certificates:ro", PROGRAMS: "/programs:ro"},
        )
        assert knocker.ended() == 0
        return knocker.log.strip()


def variables(shown: Pair | None, trusts: str) -> dict[str, str]:
    given = {"SIDEHOOK_TLS_CA": f"/certificates/{trusts}.pem"}
    if shown is not None:
        given["SIDEHOOK_TLS_CERT"] = f"/certificates/{shown.certificate.name}"
        given["SIDEHOOK_TLS_KEY"] = f"/certificates/{shown.key.name}"
    return given


@pytest.fixture
def place(stage: Stage, tmp_path: Path) -> Place:
    """The sidecar and its surroundings."""
    certificates = tmp_path / "certificates"
    certificates.mkdir(mode=0o755)
    ours = Authority(certificates)
    others = Authority(certificates, "stranger")
    ours.issue("sidecar", dns=("sidecar",))
    network = stage.network()
    sidecar = stage.sidecar(
        CONFIGURATION, network=network, mounts={certificates: "/certificates:ro"}
    )
    return Place(stage, network, sidecar, certificates, ours, others)


def test_a_worker_and_an_app_with_the_right_certificates_are_let_in(place: Place) -> None:
    guards = place.guards(place.ours.issue("guards", uris=(GUARDS,)))
    app = place.app(place.ours.issue("app", uris=("spiffe://cluster.local/ns/a/sa/app",)))
    assert app.next(ended="proceeded")["lines"]["guards/check"] == "proceeded"
    guards.said("^READY")


def test_every_other_certificate_is_refused_in_the_handshake(place: Place) -> None:
    pairs = {
        "good": place.ours.issue("good", uris=(GUARDS,)),
        "wrong": place.others.issue("wrong", uris=(GUARDS,)),
        "expired": place.ours.issue("expired", uris=(GUARDS,), ends=-DAY),
    }
    shown = {
        name: [f"/certificates/{pair.certificate.name}", f"/certificates/{pair.key.name}"]
        for name, pair in pairs.items()
    }
    for port in ("7000", "7001"):
        assert place.knock(port, *shown["good"]) == "ACCEPTED"
        for refused in (shown["wrong"], shown["expired"], []):
            assert place.knock(port, *refused).startswith("REFUSED")


def test_an_app_without_the_right_certificate_gets_an_error_and_no_verdict(place: Place) -> None:
    place.guards(place.ours.issue("guards", uris=(GUARDS,)))
    wrong = place.others.issue("wrong", uris=(GUARDS,))
    for app in (place.app(wrong), place.app(None)):
        line = app.next()
        assert (line["ended"], line["error"]) == ("failed", "SidecarUnavailableError")
    # It trusts somebody else, so it does not believe the sidecar.
    line = place.app(wrong, trusts="stranger").next()
    assert (line["ended"], line["error"]) == ("failed", "SidecarUnavailableError")
    assert "certificate" in line["says"]


def test_an_app_with_the_certificate_of_somebody_else_is_refused_by_name(place: Place) -> None:
    place.guards(place.ours.issue("guards", uris=(GUARDS,))).said("^READY")
    app = place.app(place.ours.issue("other", uris=("spiffe://cluster.local/ns/b/sa/app",)))
    line = app.next()
    assert (line["ended"], line["error"]) == ("failed", "CallerForbiddenError")
    assert "reason=CALLER_FORBIDDEN" in place.sidecar.log


def test_a_worker_without_the_right_certificate_is_not_let_in(place: Place) -> None:
    other = place.guards(place.ours.issue("other", uris=("spiffe://cluster.local/ns/x/sa/x",)))
    assert other.ended() == 64
    assert "WORKER_IDENTITY" in other.log
    expired = place.guards(place.ours.issue("old", uris=(GUARDS,), ends=-DAY))
    assert expired.ended() == 64
    assert "expired" in expired.log
    strangers = [place.guards(place.others.issue("wrong", uris=(GUARDS,))), place.guards(None)]
    app = place.app(place.ours.issue("app", uris=("spiffe://cluster.local/ns/a/sa/app",)))
    for _ in range(3):
        line = app.next()
        assert (line["ended"], line["error"]) == ("failed", "RequiredHookMissingError")
    for stranger in strangers:
        assert "READY" not in stranger.log
    assert "reason=WORKER_IDENTITY" in place.sidecar.log
