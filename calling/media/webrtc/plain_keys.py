"""What encrypts a wire without ICE: SRTP sessions of SDES keys (RFC 4568), or DTLS-SRTP (RFC 5763, RFC 5764).

What must not live here: descriptions, and the sockets themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from calling.media.aiortc_private.dtls import DtlsEnd, DtlsPipe, WorkerCertificate
from calling.media.aiortc_private.srtp import raw_session, sdes_session, unprotect, unprotect_rtcp
from calling.media.rtp.events import PeerFailed
from calling.sdp.crypto import SUITES, Crypto

SETUPS = {"client": "active", "server": "passive"}  # RFC 4145 section 4
DTLS_SECONDS = 10.0  # from when media is expected until the handshake is done
# Octets of the tag that stand behind an MKI, RTP and RTCP: the AEAD suites have theirs before it (RFC 7714).
_TAGS = {"AES_CM_128_HMAC_SHA1_80": (10, 10), "AES_CM_128_HMAC_SHA1_32": (4, 10)}


class Length(Protocol):
    """An `int *`: the size of the packet in the buffer, before and after."""

    def __getitem__(self, at: int) -> int: ...
    def __setitem__(self, at: int, value: int) -> None: ...


InPlace = Callable[[object, object, Length], int]  # (session, buffer, length) -> 0 or an error number


@dataclass(frozen=True)
class Handshake:
    """DTLS with the holder of these fingerprints, as `client` or `server`."""

    fingerprints: tuple[tuple[str, str], ...]
    role: str


Keying = Crypto | Handshake


class SdesKeys:
    """The SDES keys of one wire. `view` is the buffer that packets arrive in.

    `rx`, `tx`: raw sessions once `take` was called. `unprotect`, `unprotect_rtcp`: for this wire's packets.
    """

    def __init__(self, view: memoryview) -> None:
        self._view = view
        self.own: dict[str, bytes] = {}  # suite -> our key and salt, as our descriptions name it
        self.suite: str | None = None  # as agreed
        self.rx: object = None
        self.tx: object = None
        self.unprotect: InPlace = unprotect
        self.unprotect_rtcp: InPlace = unprotect_rtcp
        self._theirs: Crypto | None = None
        self._sessions: dict[str, Any] = {}  # keeps the raw ones alive

    def key(self, suite: str) -> bytes:
        """Our key for a suite: the one in use, or a new one that stays until another suite is agreed."""
        return self.own.setdefault(suite, secrets.token_bytes(SUITES[suite]))

    def take(self, theirs: Crypto) -> None:
        """Use the far end's key. One that holds already keeps its sessions, with their rollover counters.

        While the far end moves to a new key, packets under the one before are still understood.
        """
        if self.suite != theirs.suite:
            if self.suite is not None:
                self.own.pop(self.suite, None)  # no key counts its packets from 0 twice
            outbound = sdes_session(theirs.suite, self.key(theirs.suite), False)
            self._sessions["out"], self.tx = outbound, raw_session(outbound)
        past = self._theirs
        if past is None or (past.suite, past.key, past.mki) != (theirs.suite, theirs.key, theirs.mki):
            older = self.rx, self.unprotect, self._sessions.get("in")
            inbound = sdes_session(theirs.suite, theirs.key, True)
            self._sessions["in"], self.rx = inbound, raw_session(inbound)
            rtp, rtcp = _TAGS.get(theirs.suite, (0, 0))
            self.unprotect = self._without_mki(unprotect, theirs.mki, rtp)
            self.unprotect_rtcp = self._without_mki(unprotect_rtcp, theirs.mki, rtcp)
            if past is not None:
                self._sessions["past"] = older[2]
                self.unprotect = self._while_it_changes(self.unprotect, older[0], older[1])
        self.suite, self._theirs = theirs.suite, theirs

    def forget(self) -> None:
        self.rx = self.tx = self.suite = self._theirs = None
        self.unprotect, self.unprotect_rtcp = unprotect, unprotect_rtcp
        self._sessions.clear()
        self.own.clear()

    def _without_mki(self, then: InPlace, mki: bytes, tag: int) -> InPlace:
        """Take the MKI out of each packet, which must be this one, and go on."""
        if not mki:
            return then
        view, size = self._view, len(mki)

        def opened(session: object, data: object, length: Length) -> int:
            end = length[0] - tag
            at = end - size
            if at < 12 or view[at:end] != mki:
                return 1
            view[at : at + tag] = bytes(view[end : end + tag])
            length[0] -= size
            return then(session, data, length)

        return opened

    def _while_it_changes(self, newer: InPlace, past_session: object, older: InPlace) -> InPlace:
        view = self._view

        def either(session: object, data: object, length: Length) -> int:
            size = length[0]
            kept = bytes(view[:size])  # a suite may decrypt before it knows that it must not
            if newer(session, data, length) == 0:
                self.unprotect = newer
                self._sessions.pop("past", None)
                return 0
            view[:size], length[0] = kept, size
            return older(past_session, data, length)

        return either


class PlainDtls:
    """One DTLS-SRTP association on a UDP socket whose packets another reads.

    `done(association)` is called once it stands, `failed` otherwise.
    `rx`, `tx`: raw SRTP sessions from then on.
    """

    def __init__(
        self,
        send: Callable[[bytes], None],
        expected: Callable[[], bool],
        done: Callable[[PlainDtls], None],
        failed: Callable[[PlainDtls, PeerFailed], None],
        certificate: WorkerCertificate | None = None,
    ) -> None:
        self._pipe = DtlsPipe(send)
        self._end = DtlsEnd(self._pipe, certificate)
        self._expected, self._done, self._failed = expected, done, failed
        self._task: asyncio.Task[None] | None = None
        self.hands: Handshake | None = None  # once it was started
        self.rx: object = None
        self.tx: object = None

    @property
    def fingerprint(self) -> tuple[str, str]:
        """Ours, as a description has it."""
        algorithm, _, digest = self._end.local_fingerprint.partition(" ")
        return algorithm, digest

    def start(self, hands: Handshake) -> None:
        """Shake hands in the background."""
        self.hands = hands
        self._end.set_role(hands.role)
        self._task = asyncio.get_running_loop().create_task(self._shake(hands))

    def feed(self, data: bytes) -> None:
        """One datagram of the far end that is DTLS."""
        self._pipe.feed(data)

    async def _shake(self, wanted: Handshake) -> None:
        shaking: asyncio.Future[None] | None = None
        left = DTLS_SECONDS
        try:
            while left > 0 and (shaking is None or not shaking.done()):
                ready = self._expected()
                if shaking is None and (ready or wanted.role == "server"):
                    # a client that is early is not heard: the far end has no answer of ours yet
                    shaking = asyncio.ensure_future(self._end.shake_hands(list(wanted.fingerprints)))
                await (asyncio.sleep(0.1) if shaking is None else asyncio.wait({shaking}, timeout=0.5))
                left -= 0.5 if ready else 0
            if shaking is None or not shaking.done():
                self._failed(self, PeerFailed("dtls_timeout"))
                return
            await shaking
        except Exception:  # whatever a private part raises ends this leg, not the worker
            self._failed(self, PeerFailed("crashed"))
            return
        finally:
            if shaking is not None:
                shaking.cancel()
        if self._end.state != "connected":
            self._failed(self, PeerFailed("fingerprint_mismatch" if self._end.mismatch else "dtls_failed"))
            return
        self.rx, self.tx = self._end.rx, self._end.tx
        self._done(self)

    async def close(self) -> None:
        """Say goodbye and free everything; never raises."""
        if self._task is not None:
            self._task.cancel()
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self._end.stop(), 2)
        self._pipe.end()
        self._end.remove_all_listeners()
