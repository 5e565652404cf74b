"""Throw-away authorities and certificates, each in files of a folder of the test."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sidehook import Tls

DAY = timedelta(days=1)

Key: TypeAlias = ec.EllipticCurvePrivateKey

SERVER_ONLY = ExtendedKeyUsageOID.SERVER_AUTH
CLIENT_ONLY = ExtendedKeyUsageOID.CLIENT_AUTH


@dataclass(frozen=True)
class Pair:
    """A certificate and its key."""

    certificate: Path
    key: Path

    def tls(self, authority: Authority | None = None, *, server_name: str = "") -> Tls:
        """Shows this pair, and trusts the authority."""
        ca = None if authority is None else authority.ca
        return Tls(ca=ca, certificate=self.certificate, key=self.key, server_name=server_name)

    def replace_with(self, other: Pair) -> None:
        """Puts another pair into these files, as a renewal does."""
        other.certificate.replace(self.certificate)
        other.key.replace(self.key)


class Authority:
    """Issues certificates. `ca` is the file with its own."""

    def __init__(self, folder: Path, name: str = "authority", *, ends: timedelta = DAY) -> None:
        self._folder = folder
        self._name = _name(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.ca = folder / f"{name}.pem"
        builder = _builder(self._name, self._name, self._key, ends=ends)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        _write(self.ca, builder.sign(self._key, hashes.SHA256()))

    @property
    def trusted(self) -> Tls:
        """Trusts this authority, and shows nothing."""
        return Tls(ca=self.ca)

    def issue(
        self,
        file: str,
        *,
        common_name: str = "",
        dns: tuple[str, ...] = (),
        uris: tuple[str, ...] = (),
        addresses: tuple[str, ...] = (),
        ends: timedelta = DAY,
        starts: timedelta = -2 * DAY,
        only_for: x509.ObjectIdentifier | None = None,
        passphrase: str = "",
    ) -> Pair:
        """A certificate of these names. It is valid from `starts` to `ends`, from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name(common_name), self._name, key, starts=starts, ends=ends)
        names = [
            *map(x509.DNSName, dns),
            *map(x509.UniformResourceIdentifier, uris),
            *(x509.IPAddress(ipaddress.ip_address(each)) for each in addresses),
        ]
        if names:
            alternative = x509.SubjectAlternativeName(names)
            builder = builder.add_extension(alternative, critical=not common_name)
        if only_for is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage([only_for]), critical=False)
        pair = Pair(self._folder / f"{file}.pem", self._folder / f"{file}.key")
        _write(pair.certificate, builder.sign(self._key, hashes.SHA256()))
        secret: KeySerializationEncryption = NoEncryption()
        if passphrase:
            secret = BestAvailableEncryption(passphrase.encode())
        pair.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, secret))
        return pair

    def issue_for_this_machine(self, file: str = "server") -> Pair:
        """A certificate for whoever listens on this machine."""
        return self.issue(file, dns=("localhost",), addresses=("127.0.0.1", "::1"))


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: Key,
    *,
    ends: timedelta,
    starts: timedelta = -2 * DAY,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + starts)
        .not_valid_after(now + ends)
    )


def _name(common_name: str) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else []
    return x509.Name(parts)


def _write(file: Path, certificate: x509.Certificate) -> None:
    file.write_bytes(certificate.public_bytes(Encoding.PEM))
