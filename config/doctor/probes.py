"""Questions to sockets, names and files, each with a deadline; an answer or None, never an exception.

Must not live here: what an answer means (`findings`), the database (`rows`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import socket
import ssl
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from aioice import stun, turn
from cryptography import x509

import clock
from config.env import ROOT

PATIENCE = 2.0


def local_addresses() -> frozenset[str]:
    """Every address of an interface here, as far as the resolver and the kernel's routes tell."""
    found = {"127.0.0.1", "::1"}
    with contextlib.suppress(OSError):
        found |= {str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None)}
    for family, far in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((far, 9))  # sends nothing: asks which address a packet would leave from
            found.add(probe.getsockname()[0])
    return frozenset(found)


def can_bind(address: str, first: int, last: int) -> str | None:
    """None where a few ports of the range can be bound, else why not. A port in use is no failure."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for port in {first, last, clock.dice.randint(first, last)}:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((address, port))
            except OSError as error:
                if error.errno != 98:  # EADDRINUSE: a call has it
                    return f"{port}: {error.strerror}"
    return None


def confinement() -> str | None:
    """None where a decoder of media files can be confined here, else why not; a process of its own tries."""
    command = [sys.executable, "-m", "calling.media.files.sandbox"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=5 * PATIENCE, check=True)
        said = json.loads(done.stdout)
        return None if said["confined"] else str(said["why"])[:200]
    except (OSError, subprocess.SubprocessError, ValueError, LookupError):
        return "a decoder's process does not start"


def resolve(host: str) -> tuple[str, ...]:
    """The addresses of a host name."""
    try:
        infos = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(dict.fromkeys(str(info[4][0]) for info in infos))


def http(address: str, port: int, path: str) -> float | None:
    """Milliseconds to a 200."""
    begun = clock.monotonic()
    connection = HTTPConnection(address, port, timeout=PATIENCE)
    try:
        connection.request("GET", path, headers={"Host": "localhost"})
        if connection.getresponse().status != 200:
            return None
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()
    return (clock.monotonic() - begun) * 1000


@dataclass(frozen=True)
class Served:
    """The certificate a TLS server showed."""

    names: tuple[str, ...]
    until: datetime
    issuer: str


def tls(address: str, port: int, host: str) -> Served | None:
    """What is served at address:port to who asks for `host`."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # it is looked at, not trusted
    try:
        with (
            socket.create_connection((address, port), PATIENCE) as plain,
            context.wrap_socket(plain, server_hostname=host) as wrapped,
        ):
            der = wrapped.getpeercert(binary_form=True)
    except (OSError, ValueError):
        return None
    if der is None:
        return None
    found = x509.load_der_x509_certificate(der)
    return Served(_names(found), found.not_valid_after_utc.astimezone(UTC), found.issuer.rfc4514_string())


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return (
        *names.get_values_for_type(x509.DNSName),
        *(str(each) for each in names.get_values_for_type(x509.IPAddress)),
    )


def stun_binding(address: str, port: int) -> float | None:
    """Milliseconds to the answer of a STUN Binding request (RFC 8489)."""
    request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    answer, took = _ask(address, port, bytes(request))
    if answer is None:
        return None
    with contextlib.suppress(ValueError, IndexError):
        if stun.parse_message(answer).transaction_id == request.transaction_id:
            return took
    return None


def turn_allocation(
    address: str, port: int, username: str, password: str, *, tcp: bool = False, trusts: Path | None = None
) -> tuple[str | None, str]:
    """(relayed address, '') of a TURN allocation that is given back at once, or (None, why not).

    trusts: TLS over TCP, to a name; the file has an authority that is trusted beside the usual ones.
    """

    context = None
    if trusts is not None:
        context = ssl.create_default_context()
        if trusts.exists():
            context.load_verify_locations(trusts)

    async def allocate() -> str:
        transport, _ = await turn.create_turn_endpoint(
            asyncio.DatagramProtocol, (address, port), username, password, lifetime=60, ssl=context,
            transport="tcp" if tcp or context is not None else "udp",
        )  # fmt: skip
        relayed = transport.get_extra_info("sockname")
        transport.close()
        await asyncio.sleep(0)
        return str(relayed[0])

    try:
        return asyncio.run(asyncio.wait_for(allocate(), 2 * PATIENCE)), ""
    except (OSError, stun.TransactionError, TimeoutError) as error:
        return None, str(error)[:120] or type(error).__name__


def sip_options(address: str, port: int) -> float | None:
    """Milliseconds to any answer of a SIP OPTIONS over UDP (RFC 3261 section 11)."""
    tag = f"{clock.dice.getrandbits(64):x}"
    lines = (
        f"OPTIONS sip:{_bracketed(address)}:{port} SIP/2.0",
        f"Via: SIP/2.0/UDP {_bracketed(address)}:9;rport;branch=z9hG4bK{tag}",
        "Max-Forwards: 70",
        f"From: <sip:doctor@localhost>;tag={tag}",
        f"To: <sip:{_bracketed(address)}>",
        f"Call-ID: {tag}@localhost",
        "CSeq: 1 OPTIONS",
        "Content-Length: 0",
    )
    answer, took = _ask(address, port, "\r\n".join((*lines, "", "")).encode())
    return took if answer is not None and answer.startswith(b"SIP/2.0 ") else None


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _ask(address: str, port: int, datagram: bytes) -> tuple[bytes | None, float]:
    """One datagram, sent twice at most; its answer and the milliseconds it took."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    begun = clock.monotonic()
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        asking.settimeout(PATIENCE / 2)
        for _ in range(2):
            try:
                asking.connect((address, port))
                asking.send(datagram)
                return asking.recv(65535), (clock.monotonic() - begun) * 1000
            except OSError:
                continue
    return None, 0.0


def free_bytes(path: Path) -> int:
    """Bytes a process without privileges may still write below `path`."""
    while not path.exists():
        path = path.parent
    figures = os.statvfs(path)
    return figures.f_bavail * figures.f_frsize


def file_limit() -> int:
    """The soft limit of open files of a process started like this one."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft
