"""DTLS by aiortc: the process's certificate, and associations that leave raw SRTP sessions behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from aiortc.rtcdtlstransport import (
    SRTP_AEAD_AES_128_GCM,
    SRTP_AEAD_AES_256_GCM,
    SRTP_AES128_CM_SHA1_80,
    SRTP_PROFILES,
    X509_DIGEST_ALGORITHMS,
    RTCCertificate,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
    SRTPProtectionProfile,
    State,
    certificate_digest,
)
from OpenSSL import SSL

import clock

CERTIFICATE_LIFE = 24 * 3600.0  # seconds: a key per process and day (docs/security.md#r26)

# AEAD only (docs/security.md#r26).
# The RSA suite serves peers that hold an RSA certificate while we are the client.
_CIPHERS = b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-AES128-GCM-SHA256"
# 128-bit GCM first: the cheapest of the three.
_PROFILES = [
    p for p in (SRTP_AEAD_AES_128_GCM, SRTP_AEAD_AES_256_GCM, SRTP_AES128_CM_SHA1_80) if p in SRTP_PROFILES
]


class WorkerCertificate(RTCCertificate):
    """One key for every leg of this process: fingerprints and SSL context are made once."""

    _context: SSL.Context | None = None
    _prints: list[RTCDtlsFingerprint] | None = None

    def getFingerprints(self) -> list[RTCDtlsFingerprint]:
        if self._prints is None:
            self._prints = [print_ for print_ in super().getFingerprints() if print_.algorithm == "sha-256"]
        return self._prints

    def _create_ssl_context(self, srtp_profiles: list[SRTPProtectionProfile]) -> SSL.Context:
        if self._context is None:
            context = super()._create_ssl_context(srtp_profiles)
            context.set_cipher_list(_CIPHERS)
            self._context = context
        return self._context


_certificate: WorkerCertificate | None = None
_certificate_made = 0.0


def worker_certificate() -> WorkerCertificate:
    """The process's certificate, renewed daily. Legs that hold the old one keep it."""
    global _certificate, _certificate_made
    now = clock.monotonic()
    if _certificate is None or now - _certificate_made > CERTIFICATE_LIFE:
        _certificate = WorkerCertificate.generateCertificate()
        _certificate_made = now
    return _certificate


def new_certificate() -> WorkerCertificate:
    """One for a far end that has an association with us already: it takes the same fingerprint for the same
    association (RFC 8842 section 4) and would wait for ever for the new one."""
    return WorkerCertificate.generateCertificate()


class DtlsPipe:
    """What RTCDtlsTransport needs of an ICE transport; the queue is bounded, the path may be replaced."""

    role = "controlled"

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue(maxsize=64)
        self._deliver = send

    def feed(self, data: bytes) -> None:
        if not self._queue.full():
            self._queue.put_nowait(data)

    def mute(self) -> None:
        """Nothing more is said to the far end."""
        self._deliver = lambda data: None

    def end(self) -> None:
        if self._queue.full():
            self._queue.get_nowait()
        self._queue.put_nowait(None)

    async def _recv(self) -> bytes:
        data = await self._queue.get()
        if data is None:
            raise ConnectionError("The path is closed")
        return data

    async def _send(self, data: bytes) -> None:
        self._deliver(data)


class DtlsEnd(RTCDtlsTransport):
    """One DTLS association. `rx` and `tx` are raw SRTP sessions once `state` is `connected`."""

    mismatch = False

    def __init__(self, pipe: DtlsPipe, certificate: WorkerCertificate | None = None) -> None:
        super().__init__(cast(Any, pipe), [certificate or worker_certificate()])
        self._srtp_profiles = _PROFILES

    def set_role(self, role: str) -> None:
        """`client` or `server`."""
        self._set_role(role)

    @property
    def local_fingerprint(self) -> str:
        print_ = self.getLocalParameters().fingerprints[0]
        return f"{print_.algorithm} {print_.value}"

    def _validate_peer_identity(self, remoteParameters: RTCDtlsParameters) -> None:
        """One of the fingerprints is enough: the others may be of other certificates (RFC 8122 section 5)."""
        certificate: Any = cast(Any, self._ssl).get_peer_certificate(as_cryptography=True)
        told = {(each.algorithm.lower(), each.value.upper()) for each in remoteParameters.fingerprints}
        names = {name for name, _ in told} & X509_DIGEST_ALGORITHMS.keys()
        if not any((name, certificate_digest(certificate, name)) in told for name in names):
            self.mismatch = True
            self._set_state(State.FAILED)

    async def shake_hands(self, fingerprints: list[tuple[str, str]]) -> None:
        """Run the handshake; `state` tells how it ended."""
        await self.start(RTCDtlsParameters(fingerprints=[RTCDtlsFingerprint(a, v) for a, v in fingerprints]))

    @property
    def rx(self) -> Any:
        return self._rx_srtp._srtp[0]

    @property
    def tx(self) -> Any:
        return self._tx_srtp._srtp[0]
