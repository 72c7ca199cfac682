"""A desk phone without a handset: our own user agent with a plain RTP socket that sends and hears tones."""

from __future__ import annotations

import asyncio
import math
import socket
import struct
import time
from collections import deque
from types import TracebackType
from typing import Any

import numpy as np

from calling.media.codecs import g711
from calling.sip.stack.dialog import exact_uri
from calling.sip.stack.digest import Credentials, answer_challenge
from calling.sip.stack.events import Offer, SessionEvent
from calling.sip.stack.messages import make_request, new_call_id, new_tag
from calling.sip.stack.transaction import Hop
from calling.sip.ua.server_session import DialogServerSession
from calling.sip.ua.session import DialogSession
from calling.sip.ua.user_agent import UserAgent
from subscribers.models import SipEndpoint
from tests.support.people import Person

FRAME = 160
PAYLOAD_TYPES = {"pcmu": 0, "pcma": 8}


async def nobody(username: str) -> None:
    return None


async def anybody(request: Any, hop: Any) -> str:
    return "edge"


class Sound:
    """One RTP socket: sends a tone to where the other's SDP says, keeps what it hears."""

    def __init__(self, hertz: float, host: str = "127.0.0.1") -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((host, 0))
        self.sock.setblocking(False)
        self.hertz, self.heard, self.heard_at = hertz, deque[np.ndarray](maxlen=25), 0.0
        self.remote: tuple[str, int] | None = None
        self.host = host  # as its descriptions say
        self.events = True  # whether they list telephone-event
        self.codec = "pcmu"  # or pcma: what it sends and hears
        self._task = asyncio.create_task(self._send())
        asyncio.get_running_loop().add_reader(self.sock.fileno(), self._read)

    def sdp(self, direction: str = "sendrecv", formats: str | None = None) -> str:
        port = self.sock.getsockname()[1]
        formats = formats or ("0 101" if self.events else "0")
        events = "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n" if self.events else ""
        return (
            f"v=0\r\no=- 1 1 IN IP4 {self.host}\r\ns=-\r\nc=IN IP4 {self.host}\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP {formats}\r\na=rtpmap:0 PCMU/8000\r\n"
            f"{events}a={direction}\r\n"
        )

    def agree(self, sdp: str) -> None:
        lines = sdp.splitlines()
        host = next(line.split()[-1] for line in lines if line.startswith("c="))
        port = next(line.split()[1] for line in lines if line.startswith("m=audio"))
        self.remote = (host, int(port))

    async def _send(self) -> None:
        sequence, start = 0, time.monotonic()
        while True:
            if self.remote is not None:
                at = (np.arange(FRAME) + sequence * FRAME) / 8000
                wave = (8000 * np.sin(2 * math.pi * self.hertz * at)).astype(np.int16)
                kind = PAYLOAD_TYPES[self.codec]
                head = struct.pack("!BBHII", 128, kind, sequence & 65535, sequence * FRAME, 7)
                self.sock.sendto(head + g711.encode(self.codec, wave), self.remote)
            sequence += 1
            await asyncio.sleep(max(0.0, start + sequence * 0.02 - time.monotonic()))

    def _read(self) -> None:
        data = self.sock.recv(2048)
        if len(data) > 12 and data[1] & 127 == PAYLOAD_TYPES[self.codec]:
            self.heard.append(g711.decode(self.codec, data[12:]))
            self.heard_at = time.monotonic()

    def hears(self, hertz: float) -> bool:
        found = self.loudest()
        return found is not None and abs(found - hertz) < 25

    def loudest(self) -> float | None:
        if len(self.heard) < 10 or time.monotonic() - self.heard_at > 0.5:
            return None
        wave = np.concatenate(list(self.heard)).astype(float)
        if np.sqrt(np.mean(wave**2)) < 200:
            return None
        spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave))))
        return float(np.argmax(spectrum[1:]) + 1) * 8000 / len(wave)

    def close(self) -> None:
        self._task.cancel()
        asyncio.get_running_loop().remove_reader(self.sock.fileno())
        self.sock.close()


class Desk:
    """`async with Desk(port, "bob", "secret", 440) as desk`: registers, is called, calls."""

    def __init__(
        self, edge_port: int, username: str, password: str, hertz: float, media: str = "127.0.0.1"
    ) -> None:
        self.media = media
        self.edge_port, self.username = edge_port, username
        self.credentials = Credentials(username, password, "callwright")
        self.hertz = hertz
        self.incoming: asyncio.Queue[DialogServerSession] = asyncio.Queue()

    async def __aenter__(self) -> Desk:
        self.agent = UserAgent(realm="desk", authenticate=nobody, trunk=anybody, on_invite=self.incoming.put)
        await self.agent.listen("127.0.0.1", 0)
        self.port = self.agent.transport.local["UDP"][1]
        self.sound = Sound(self.hertz, self.media)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.sound.close()
        await self.agent.close()

    @property
    def address(self) -> str:
        return f"<sip:{self.username}@callwright>"

    async def register(self, expires: int = 120) -> int:
        uri = exact_uri(f"sip:127.0.0.1:{self.edge_port}")
        call_id, tag, extra = new_call_id(), new_tag(), [("Expires", str(expires))]
        for sequence in (1, 2):
            request = make_request(
                "REGISTER", uri, from_=f"{self.address};tag={tag}", to=self.address, call_id=call_id,
                sequence=sequence, contact=f"<sip:{self.username}@127.0.0.1:{self.port}>", extra=extra,
            )  # fmt: skip
            response = await self.agent.transact(request, Hop("UDP", "127.0.0.1", self.edge_port))
            assert response is not None
            if response.code != 401:
                return response.code
            proof = answer_challenge(self.credentials, response, "REGISTER", str(uri), {})
            assert proof is not None
            extra.append(proof)
        return response.code

    def dial(self, user: str) -> Any:
        return self.agent.invite(
            f"sip:{user}@127.0.0.1:{self.edge_port}",
            self.sound.sdp(),
            from_=self.address,
            credentials=self.credentials,
        )

    async def rung(self, seconds: float = 8.0) -> DialogServerSession:
        call = await asyncio.wait_for(self.incoming.get(), seconds)
        await call.ring()
        return call

    async def answer(self, call: DialogServerSession) -> None:
        assert call.offer is not None
        self.sound.agree(call.offer)
        assert await call.answer(self.sound.sdp())

    async def hears(self, hertz: float, seconds: float = 8.0) -> None:
        end = time.monotonic() + seconds
        while not self.sound.hears(hertz):
            assert time.monotonic() < end, f"wanted {hertz} Hz, heard {self.sound.loudest()}"
            await asyncio.sleep(0.05)


async def notice(call: DialogSession, kind: type[SessionEvent], seconds: float = 8.0) -> Any:
    """The next notice of that kind; others are passed over, but an offer is agreed to."""
    passed: list[str] = []
    try:
        async with asyncio.timeout(seconds):
            while True:
                found = await call.notices.get()
                if isinstance(found, kind):
                    return found
                passed.append(type(found).__name__)
                if isinstance(found, Offer):
                    await found.answer(call.local_sdp or "")
    except TimeoutError as error:
        error.add_note(f"no {kind.__name__} in {seconds:g} s, but {passed}")
        raise


def endpoint(person: Person, nat: bool = False) -> str:
    """A SIP endpoint of that person, with the password `secret`; its user name."""
    assert person.subscriber is not None
    row = SipEndpoint(project=person.project, subscriber=person.subscriber, username=f"{person.name}-desk")
    row.nat = nat
    row.set_password("secret")
    row.save()
    return row.username
