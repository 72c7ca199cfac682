"""The local authority and the certificate it signs."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
from pathlib import Path

import pytest
from cryptography import x509

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
        "*.localhost",
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
