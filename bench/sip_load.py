"""RTP of many SIP parties from one light process: sent on a schedule, counted when it comes back.

Payloads are made beforehand; an index after the RTP header is not needed, for numbers tell what is lost.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from dataclasses import dataclass, field

import numpy as np

from calling.media.codecs import g711
from calling.media.codecs.opus import OpusEncoder

STEP = 0.02
SLOTS = 10  # the senders of a step are spread over it
FORMATS = {"pcmu": (0, "PCMU/8000", 160), "opus": (111, "opus/48000/2", 960)}
ROOM = 1 << 20  # bytes of a socket's queue: this process may be late, that is not the platform's loss


def voice(rate: int) -> np.ndarray:
    """A second of something like a voice: harmonics under a slow envelope."""
    at = np.arange(rate) / rate
    wave = sum(np.sin(2 * np.pi * 150 * n * at) / n for n in range(1, 9))
    return (wave * (0.5 + 0.5 * np.sin(2 * np.pi * 3 * at)) * 8000).astype(np.int16)


def frames(codec: str) -> list[bytes]:
    """Fifty payloads of 20 ms."""
    if codec == "pcmu":
        pcm = voice(8000)
        return [g711.encode("pcmu", pcm[n : n + 160]) for n in range(0, 8000, 160)]
    encoder, pcm = OpusEncoder(48000, 32000), voice(48000)
    return [encoder.encode(pcm[n : n + 960]) for n in range(0, 48000, 960)]


@dataclass
class Party:
    """One RTP socket. `remote` is where its description said; None: it only listens as yet."""

    codec: str
    ssrc: int
    remote: tuple[str, int] | None = None
    sent: int = 0
    numbers: set[int] = field(default_factory=set)
    wrong: int = 0

    def __post_init__(self) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
        self.sock.bind(("127.0.0.1", 0))

    @property
    def sdp(self) -> str:
        pt, name, _ = FORMATS[self.codec]
        port = self.sock.getsockname()[1]
        return (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP {pt}\r\na=rtpmap:{pt} {name}\r\na=ptime:20\r\na=sendrecv\r\n"
        )

    def agree(self, sdp: str) -> None:
        """Send to where the other's description says."""
        lines = sdp.splitlines()
        host = next(line.split()[-1] for line in lines if line.startswith("c="))
        port = next(line.split()[1] for line in lines if line.startswith("m=audio"))
        self.remote = (host, int(port))

    def send(self, step: int, payload: bytes) -> None:
        pt, _, length = FORMATS[self.codec]
        head = struct.pack("!BBHII", 128, pt, step & 65535, step * length & 0xFFFFFFFF, self.ssrc)
        if self.remote is not None:
            self.sock.sendto(head + payload, self.remote)
            self.sent += 1

    def take(self) -> None:
        while True:
            try:
                data = self.sock.recv(2048)
            except OSError:
                return
            if len(data) < 12 or 191 < data[1] < 224:
                continue
            if data[1] & 127 != FORMATS[self.codec][0]:
                self.wrong += 1
            self.numbers.add(data[2] << 8 | data[3])


def run(parties: list[Party], seconds: float, first_step: int = 1) -> int:
    """Send everything on time for so long and listen; the step to go on from."""
    sounds = {codec: frames(codec) for codec in {party.codec for party in parties}}
    poll = select.epoll()
    by_fd = {party.sock.fileno(): party for party in parties}
    for fd in by_fd:
        poll.register(fd, select.EPOLLIN)
    slots = [parties[slot::SLOTS] for slot in range(SLOTS)]
    steps, begun = int(seconds / STEP), time.monotonic()
    for step in range(first_step, first_step + steps):
        for slot, some in enumerate(slots):
            for party in some:
                party.send(step, sounds[party.codec][step % 50])
            due = begun + (step - first_step) * STEP + (slot + 1) * STEP / SLOTS
            while True:
                for fd, _ in poll.poll(max(0.0, due - time.monotonic())):
                    by_fd[fd].take()
                if time.monotonic() >= due:
                    break
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        for fd, _ in poll.poll(0.05):
            by_fd[fd].take()
    poll.close()
    return first_step + steps


def forget(parties: list[Party]) -> None:
    """What was sent and heard so far does not count."""
    for party in parties:
        party.sent, party.wrong = 0, 0
        party.numbers.clear()


def heard(parties: list[Party]) -> tuple[int, int, int]:
    """(sent, received, of a wrong format)."""
    return (
        sum(party.sent for party in parties),
        sum(len(party.numbers) for party in parties),
        sum(party.wrong for party in parties),
    )
