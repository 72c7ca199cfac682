"""The local authority and the certificate it signs."""

from __future__ import annotations

import contextlib
import datetime
import socket
import ssl
import threading
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from config.embedded import certificate

NOW = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)


def sans(path: Path) -> set[str]:
    leaf = x509.load_pem_x509_certificate(path.read_bytes())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in names}


def test_it_carries_local_names_and_those_of_the_domain(tmp_path: Path) -> None:
    made = certificate.prepare(tmp_path, certificate.names_for("calls.example.com", "192.0.2.4"), NOW)
    assert sans(made.chain) == {
        "localhost",
        "fabric.localhost",
        "127.0.0.1",
        "::1",
        "calls.example.com",
        "fabric.calls.example.com",
        "192.0.2.4",
    }


def test_it_is_kept_until_near_its_end_and_its_authority_stays(tmp_path: Path) -> None:
    names = certificate.names_for("localhost", "127.0.0.1")
    first = certificate.prepare(tmp_path, names, NOW)
    authority = first.authority.read_bytes()
    assert certificate.prepare(tmp_path, names, NOW + datetime.timedelta(days=300)).spki == first.spki
    later = certificate.prepare(tmp_path, names, NOW + datetime.timedelta(days=350))
    assert later.spki != first.spki
    assert later.authority.read_bytes() == authority


def test_another_domain_gets_another_certificate(tmp_path: Path) -> None:
    first = certificate.prepare(tmp_path, certificate.names_for("localhost", "127.0.0.1"), NOW)
    second = certificate.prepare(tmp_path, certificate.names_for("example.com", "127.0.0.1"), NOW)
    assert first.spki != second.spki and "fabric.example.com" in sans(second.chain)


def test_a_damaged_file_is_made_again(tmp_path: Path) -> None:
    names = certificate.names_for("localhost", "127.0.0.1")
    first = certificate.prepare(tmp_path, names, NOW)
    first.key.write_text("not a key")
    assert certificate.prepare(tmp_path, names, NOW).spki != first.spki


@pytest.mark.parametrize("name", ["localhost", "fabric.localhost", "127.0.0.1", "fabric.calls.example.com"])
def test_a_client_that_trusts_the_authority_connects(tmp_path: Path, name: str) -> None:
    made = certificate.prepare(tmp_path, certificate.names_for("calls.example.com", "127.0.0.1"))
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(made.chain, made.key)
    asking = ssl.create_default_context(cafile=str(made.authority))
    left, right = socket.socketpair()
    left.settimeout(5)
    right.settimeout(5)
    thread = threading.Thread(target=lambda: serving.wrap_socket(left, server_side=True).close())
    thread.start()
    with asking.wrap_socket(right, server_hostname=name) as secured:
        assert secured.version() == "TLSv1.3"
    thread.join(5)


def test_the_authority_signs_for_no_other_name_and_is_read_by_clients_without_constraints(
    tmp_path: Path,
) -> None:
    """OpenSSL and browsers keep to the constraints critical or not; Mbed TLS would refuse critical ones."""
    made = certificate.prepare(tmp_path, certificate.names_for("calls.example.com", "127.0.0.1"))
    root = x509.load_pem_x509_certificate(made.authority.read_bytes())
    assert not root.extensions.get_extension_for_class(x509.NameConstraints).critical
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    authority_key = next(made.authority.parent.glob("ca*key*"))
    other = certificate._make_leaf(key, root, authority_key, ("bank.example.com",), now)
    chain = tmp_path / "other.pem"
    form = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    chain.write_bytes(certificate._pem(other) + key.private_bytes(serialization.Encoding.PEM, *form))
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(chain)
    asking = ssl.create_default_context(cafile=str(made.authority))
    outgoing, coming, back = ssl.MemoryBIO(), ssl.MemoryBIO(), ssl.MemoryBIO()
    client = asking.wrap_bio(coming, outgoing, server_hostname="bank.example.com")
    server = serving.wrap_bio(back, coming, server_side=True)
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        for _ in range(4):
            with contextlib.suppress(ssl.SSLWantReadError):
                client.do_handshake()
            back.write(outgoing.read())
            with contextlib.suppress(ssl.SSLWantReadError):
                server.do_handshake()
