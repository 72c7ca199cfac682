"""The local certificate authority and the certificate of the https port, kept in the data directory.

The authority may sign for this instance's names and loopback only (name constraints, RFC 5280 4.2.1.10),
so trusting it in a browser trusts nothing else. Its key never leaves the data directory. The constraints
are not marked critical, unlike that section asks: browsers, OpenSSL and GnuTLS keep to them all the same,
and phones with Mbed TLS (Linphone) refuse a certificate with a critical extension that they do not know.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import clock

_AUTHORITY_DAYS = 3650
_LEAF_DAYS = 397  # the longest a browser takes
_RENEW_DAYS = 60
_LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


@dataclass(frozen=True)
class Certificate:
    """Paths of the PEM files; `spki` is the base64 SHA-256 of the leaf's public key, as Chromium wants it."""

    authority: Path
    chain: Path
    key: Path
    spki: str


def names_for(domain_host: str, bind: str) -> tuple[str, ...]:
    """What the certificate is for: localhost, loopback, the domain, fabric.<domain>, the bind."""
    names = ["localhost", "fabric.localhost", "127.0.0.1", "::1"]
    extra = [domain_host] if _address(domain_host) else [domain_host, f"fabric.{domain_host}"]
    if bind not in {"0.0.0.0", "::"}:
        extra.append(bind)
    return tuple(dict.fromkeys([*names, *extra]))


def authority(data_dir: Path) -> Path:
    """The certificate of the authority, if it was made."""
    return data_dir / "certificates" / "ca.pem"


def prepare(data_dir: Path, names: tuple[str, ...], now: datetime.datetime | None = None) -> Certificate:
    """Makes or renews what is missing, expires within 60 days, or does not carry `names`."""
    now = now or clock.now()
    directory = data_dir / "certificates"
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)
    ca, authority_key = authority(data_dir), directory / "ca.key"
    chain, key = directory / "leaf.pem", directory / "leaf.key"
    root = _load(ca, authority_key)
    if root is None or not _fresh(root, now) or not _may_sign(root, names):
        signing_key = ec.generate_private_key(ec.SECP256R1())
        root = _make_authority(signing_key, names, now)
        _write_key(authority_key, signing_key)
        _write(ca, _pem(root))
    leaf = _load(chain, key)
    if leaf is None or not _fresh(leaf, now) or _names(leaf) != set(names) or leaf.issuer != root.subject:
        leaf_key = ec.generate_private_key(ec.SECP256R1())
        leaf = _make_leaf(leaf_key, root, authority_key, names, now)
        _write_key(key, leaf_key)
        _write(chain, _pem(leaf) + _pem(root))
    return Certificate(ca, chain, key, _spki(leaf))


def _make_authority(
    key: ec.EllipticCurvePrivateKey, names: tuple[str, ...], now: datetime.datetime
) -> x509.Certificate:
    # The serial in the name tells a new authority from an old one of the same instance in trust stores.
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Callwright local authority"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Callwright local authority {os.urandom(4).hex()}"),
        ]
    )
    constraints = x509.NameConstraints(permitted_subtrees=_constraints(names), excluded_subtrees=None)
    return (
        _builder(subject, subject, key, now, _AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(constraints, critical=False)
        .sign(key, hashes.SHA256())
    )


def _make_leaf(
    key: ec.EllipticCurvePrivateKey,
    root: x509.Certificate,
    root_key: Path,
    names: tuple[str, ...],
    now: datetime.datetime,
) -> x509.Certificate:
    signer = serialization.load_pem_private_key(root_key.read_bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Callwright")])
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    return (
        _builder(subject, root.subject, key, now, _LEAF_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        .add_extension(issuer, critical=False)
        .sign(signer, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime.datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _general(name: str) -> x509.GeneralName:
    address = _address(name)
    return x509.DNSName(name) if address is None else x509.IPAddress(address)


def _constraints(names: tuple[str, ...]) -> list[x509.GeneralName]:
    permitted: list[x509.GeneralName] = [x509.IPAddress(network) for network in _LOOPBACK]
    for name in names:
        address = _address(name)
        if address is None:
            permitted.append(x509.DNSName(name.removeprefix("*.")))
        elif not any(address in network for network in _LOOPBACK):
            permitted.append(x509.IPAddress(ipaddress.ip_network(address)))
    return list(dict.fromkeys(permitted))


def _may_sign(root: x509.Certificate, names: tuple[str, ...]) -> bool:
    extension = root.extensions.get_extension_for_class(x509.NameConstraints).value
    return set(_constraints(names)) <= set(extension.permitted_subtrees or ())


def _names(leaf: x509.Certificate) -> set[str]:
    extension = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in extension}


def _fresh(certificate: x509.Certificate, now: datetime.datetime) -> bool:
    return certificate.not_valid_after_utc - now > datetime.timedelta(days=_RENEW_DAYS)


def _spki(certificate: x509.Certificate) -> str:
    der = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(hashlib.sha256(der).digest()).decode()


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _load(certificate: Path, key: Path) -> x509.Certificate | None:
    """The stored certificate if it and its key are readable and belong together."""
    try:
        stored = x509.load_pem_x509_certificate(certificate.read_bytes())
        private = serialization.load_pem_private_key(key.read_bytes(), None)
    except (OSError, ValueError):
        return None
    return stored if stored.public_key() == private.public_key() else None


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(path, pem, 0o600)


def _write(path: Path, content: bytes, mode: int = 0o644) -> None:
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=mode)
    fresh.write_bytes(content)
    fresh.replace(path)
