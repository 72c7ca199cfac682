"""TLS on a pinned address: SNI, Host and certificate checks are those of the name in the URL."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from calling.outbound_http import url_guard
from calling.outbound_http.client import Client, FetchFailed


def certificate(name: str, where: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    cert = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
        .add_extension(x509.BasicConstraints(True, None), True)
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8
    where.write_bytes(
        cert.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    )
    return where


@pytest.mark.parametrize("asked", ["hooks.example", "other.example"])
async def test_the_name_decides_not_the_address(
    asked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = certificate("hooks.example", tmp_path / "cert.pem")
    names: list[str | None] = []
    heads: list[bytes] = []
    inside = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    inside.load_cert_chain(pem)
    inside.sni_callback = lambda _socket, name, _context: names.append(name)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=inside)
    port = listening.sockets[0].getsockname()[1]
    real = url_guard._lookup

    def lookup(host: str, at: int, flags: int = 0) -> list[str]:
        return ["127.0.0.1"] if "example" in host and not flags else real(host, at, flags)

    monkeypatch.setattr(url_guard, "_lookup", lookup)
    mine = Client(allow_private=True, context=ssl.create_default_context(cafile=str(pem)))
    try:
        if asked == "hooks.example":
            assert (await mine.fetch(f"https://{asked}:{port}/x")).body == b"ok"
            assert heads[0].startswith(b"GET /x HTTP/1.1\r\nHost: hooks.example:")
        else:
            with pytest.raises(FetchFailed) as caught:
                await mine.fetch(f"https://{asked}:{port}/x")
            assert caught.value.kind == "connect"
        assert names == [asked]
    finally:
        await mine.aclose()
        listening.close()
