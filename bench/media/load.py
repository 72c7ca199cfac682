"""The load: many legs in one light process, as a child of the table; prints one JSON line.

Packets are encrypted beforehand and sent on a schedule; what comes back is authenticated and timed, but where
the legs are so many that this process has no time for that: then of every tenth leg, and the rest is counted.

`python -m bench.media.load SERVER MODE LEGS SECONDS [busy] [red] [loss]`; SERVER: ours ours-python ours-plain
ours-apart relay janus rtpengine, MODE: audio video room pictures recording. The server is this process's
child, so its cost is never mixed with the load's. `busy`: a thread of the server holds the GIL; `red`:
devices send RED (RFC 2198); `loss`: they report that 10 % of what they hear is lost, whereupon they get RED
too.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import struct
import sys
import time
from collections.abc import Sequence
from typing import Any

from bench.media import accounts
from bench.media.janus import Janus
from bench.media.rtpengine import RtpEngine
from bench.media.targets import PICTURES, Target
from calling.machine.states import Media
from calling.media.aiortc_private.srtp import PacketBuffer, protect, unprotect
from calling.media.rtp import red
from calling.media.rtp.config import MediaConfig
from calling.media.webrtc.peer import WebRtcPeer
from calling.media.webrtc.webrtc_transport import WebRtcTransport

FIRST = 2  # legs set up before the accounts are read: what is made once is not counted
WARM = 1.5  # seconds before the figures count
PAYLOAD = 80
MANY, SAMPLE = 400, 10  # more legs than that: every tenth is authenticated and timed


class Leg:
    """One device: its transport, its encrypted packets, what it got."""

    def __init__(self, peer: WebRtcPeer, number: int) -> None:
        self.peer = peer
        self.number = number
        transport = peer.port.transports[0]
        assert isinstance(transport, WebRtcTransport)
        self.transport = transport
        self.sock = self.transport.path.sock
        self.remote = self.transport.path.remote
        self.packets: list[list[bytes]] = []  # per 20 ms step
        self.received = self.refused = 0
        self.hears = 0  # the SSRC

    def report_loss(self, share: float) -> None:
        """A receiver report about what it hears."""
        head = struct.pack("!BBHI", 0x81, 201, 7, self.peer._lines[0].ssrc)
        block = struct.pack("!IB3sIIII", self.hears, round(256 * share), b"\0\0\1", 1, 0, 0, 0)
        self.transport.send_control(head + block)


def target(name: str) -> Target:
    """ours · ours-python · ours-apart · relay · rtpengine · janus-echotest · -videocall · -audiobridge."""
    if name.startswith("janus-"):
        return Janus(name.removeprefix("janus-"))
    return RtpEngine(name) if name == "rtpengine" else Target(name)


class Load:
    """A run."""

    def __init__(self, mode: str, legs: int, seconds: float, address: str, extra: Sequence[str] = ()) -> None:
        self.mode, self.count, self.seconds = mode, legs, seconds
        self.red, self.loss = "red" in extra, "loss" in extra
        self.config = MediaConfig(bind=address, advertised=address, ports=(20000, 29999))
        self.legs: list[Leg] = []
        self.sent_at: dict[int, float] = {}
        self.latencies: list[float] = []
        self.sent = 0
        self.memory = 0.0

    async def connect(self, server: Target) -> dict[str, float]:
        """Set all legs up, some at a time; returns the server's CPU and memory for it."""
        video = self.mode in ("video", "pictures")
        media = Media(audio=not video, receive_audio=not video, video=video, receive_video=video)
        peers: list[WebRtcPeer] = []
        memory = cpu = 0.0
        while len(peers) < self.count:
            if len(peers) == FIRST:
                memory, cpu = accounts.memory_kb(server.pid), accounts.fine_cpu_seconds(server.pid)
            most = 10 if peers else FIRST
            some = [
                WebRtcPeer(self.config, lambda signal: None)
                for _ in range(min(most, self.count - len(peers)))
            ]
            await server.connect(some, media, PICTURES if self.mode == "pictures" else 1)
            async with asyncio.timeout(20):
                while not all(peer.port.up for peer in some):
                    await asyncio.sleep(0.005)
            peers += some
        measured = max(1, self.count - FIRST)
        spent = accounts.fine_cpu_seconds(server.pid) - cpu
        self.memory = memory
        if self.mode != "setup":
            await server.route(self.mode)
        self.legs = [Leg(peer, number) for number, peer in enumerate(peers)]
        return {"setup_ms": 1000 * spent / measured}

    def encrypt(self, opus: bool) -> None:
        """All packets of the run. An index in the payload finds the sending time; Opus has none."""
        steps = int((self.seconds + WARM) * 50)
        frames = _frames() if opus else [bytes(PAYLOAD)] * 50
        buffer = PacketBuffer()
        for leg in self.legs:
            line = leg.peer._lines[0]
            pt = line.codecs[0].pt
            level = line.extensions.get("urn:ietf:params:rtp-hdrext:ssrc-audio-level", 1)
            loud = 127 if self.mode == "room" and leg.number >= 3 else 20
            sequence, past = 1, b""
            for step in range(steps):
                made = []
                for size, marker, stamp, begins in self._shape(step):
                    head = struct.pack(
                        "!BBHIIHHBBH",
                        0x90,
                        pt | marker,
                        sequence & 0xFFFF,
                        stamp,
                        line.ssrc,
                        0xBEDE,
                        1,
                        level << 4,
                        loud,
                        0,
                    )
                    payload = (
                        frames[step % 50] if opus else self._payload(leg.number, sequence, step, size, begins)
                    )
                    if self.red:
                        head = head[:1] + bytes((line.red[pt] | marker,)) + head[2:]
                        past, payload = payload, red.written(pt, payload, [(960, past)] if past else [])
                    data = head + payload
                    buffer.view[: len(data)] = data
                    buffer.length[0] = len(data)
                    protect(leg.transport.tx, buffer.c, buffer.length)
                    made.append(bytes(buffer.view[: buffer.length[0]]))
                    sequence += 1
                leg.packets.append(made)

    def _shape(self, step: int) -> list[tuple[int, int, int, bool]]:
        """(payload bytes, marker bit, timestamp, whether it begins a picture) of the packets in 20 ms."""
        if self.mode == "pictures":  # small ones, as nine at once are: 25 a second, 200 kbit/s
            return [] if step % 2 else [(1006, 128, step * 1800, True)]
        if self.mode != "video":
            return [(PAYLOAD, 0, step * 960, True)]
        if step % 5 > 2:  # 30 of 50 steps carry a picture of two packets
            return []
        return [(1006, 0, step * 1800, True), (1006, 128, step * 1800, False)]

    def _payload(self, leg: int, sequence: int, step: int, size: int, begins: bool) -> bytes:
        index = struct.pack("!III", 0xC0FFEE, leg, sequence)
        if self.mode in ("video", "pictures"):  # a VP8 descriptor; every fiftieth step is a key frame
            key = 0 if step % 50 == 0 else 1
            number = step & 0x7FFF
            start = 0x90 if begins else 0x80
            return bytes((start, 0x80, 0x80 | number >> 8, number & 255, key)) + index + bytes(size - 17)
        return index + bytes(size - 12)

    def run(self, server: Target) -> dict[str, float]:
        """Send everything on time and listen; the figures of the part after the warm-up."""
        poll = select.epoll()
        by_fd = {}
        for leg in self.legs:
            leg.transport.path._loop.remove_reader(leg.sock.fileno())
            poll.register(leg.sock.fileno(), select.EPOLLIN)
            by_fd[leg.sock.fileno()] = leg
        slots = [self.legs[slot::10] for slot in range(10)]
        steps = len(self.legs[0].packets)
        begun = time.monotonic()
        counting_from = int(WARM * 50)
        cpu = cal = waited = own_waited = 0.0
        counted = begun
        for step in range(steps):
            if step == counting_from:
                self.sent = 0
                self.latencies.clear()
                for leg in self.legs:
                    leg.received = 0
                cpu, counted = accounts.fine_cpu_seconds(server.pid), time.monotonic()
                waited, own_waited = accounts.waited_seconds(server.pid), accounts.waited_seconds(os.getpid())
            if self.loss and step % 50 == 25:
                for leg in self.legs:
                    leg.report_loss(0.1)
            for slot, legs in enumerate(slots):
                now = time.monotonic()
                for leg in legs:
                    for number, data in enumerate(leg.packets[step]):
                        try:
                            leg.sock.sendto(data, leg.remote)
                        except BlockingIOError:
                            continue
                        self.sent += 1
                        if number == 0:
                            self.sent_at[leg.number << 20 | step] = now
                due = begun + step * 0.02 + (slot + 1) * 0.002
                while True:
                    left = due - time.monotonic()
                    for fd, _ in poll.poll(max(0.0, left)):
                        self._take(by_fd[fd])
                    if time.monotonic() >= due:
                        break
        used, wall = accounts.fine_cpu_seconds(server.pid) - cpu, time.monotonic() - counted
        waited = accounts.waited_seconds(server.pid) - waited
        own_waited = accounts.waited_seconds(os.getpid()) - own_waited - waited
        end = time.monotonic() + 0.3
        while time.monotonic() < end:
            for fd, _ in poll.poll(0.02):
                self._take(by_fd[fd])
        received = sum(leg.received for leg in self.legs)
        latencies = sorted(self.latencies) or [0.0]
        due = self.sent * (PICTURES if self.mode == "pictures" else 1)
        return {
            "kb_per_leg": (accounts.memory_kb(server.pid) - self.memory) / max(1, self.count - FIRST),
            "cpu_ms": 1000 * used / wall / self.count,
            "core": used / wall,
            "waited": waited / wall,
            "load_waited": max(0.0, own_waited) / wall,
            "sent": self.sent,
            "received": received,
            "due": due,
            "lost": max(0, due - received),
            "refused": sum(leg.refused for leg in self.legs),
            "late_p50": 1000 * latencies[len(latencies) // 2],
            "late_p99": 1000 * latencies[int(len(latencies) * 0.99)],
            "cal": cal,
        }

    def _take(self, leg: Leg) -> None:
        transport = leg.transport
        buffer = transport.buffer
        view = buffer.view
        try:
            size, address = leg.sock.recvfrom_into(view)
        except OSError:
            return
        now = time.monotonic()
        first = view[0]
        if first < 4:
            transport.path.agent.feed(bytes(view[:size]), address, leg.sock)
            return
        if not 127 < first < 192 or 191 < view[1] < 224:
            return
        if self.count > MANY and leg.number % SAMPLE:
            leg.received += 1
            return
        buffer.length[0] = size
        if unprotect(transport.rx, buffer.c, buffer.length):
            leg.refused += 1
            return
        leg.received += 1
        (leg.hears,) = struct.unpack_from("!I", view, 8)
        at = 12 + (4 + 4 * (view[14] << 8 | view[15]) if first & 0x10 else 0)
        at += 5 if self.mode == "video" else 0
        if buffer.length[0] >= at + 12:
            magic, sender, sequence = struct.unpack_from("!III", view, at)
            if magic == 0xC0FFEE and self.mode == "audio":
                sent = self.sent_at.get(sender << 20 | (sequence - 1))
                if sent is not None:
                    self.latencies.append(now - sent)


def _frames() -> list[bytes]:
    """A second of real Opus: a voice-like sum of harmonics."""
    import numpy as np

    from calling.media.codecs.opus import OpusEncoder

    at = np.arange(48000) / 48000
    wave = sum(np.sin(2 * np.pi * 150 * n * at) / n for n in range(1, 9)) * (
        0.5 + 0.5 * np.sin(2 * np.pi * 3 * at)
    )
    own = OpusEncoder(48000, 32000)
    pcm = (wave * 8000).astype(np.int16)
    return [own.encode(pcm[n : n + 960]) for n in range(0, 48000, 960)]


async def main(name: str, mode: str, legs: int, seconds: float, extra: list[str]) -> dict[str, Any]:
    server = target(name)
    try:
        await server.start()
        load = Load(mode, legs, seconds, server.address, extra)
        figures: dict[str, Any] = {"cal": accounts.calibrate()}
        figures |= await load.connect(server)
        if mode == "setup":
            return figures
        if "busy" in extra:
            await server.busy()
        load.encrypt(opus=server.decodes or mode in ("room", "recording"))
        figures |= {key: value for key, value in load.run(server).items() if key != "cal"}
        if mode == "recording":
            found = await server.recorded()
            figures |= {"missing": max(0.0, seconds + WARM - found["seconds"]), "decoded": found["decoded"]}
        figures["cal"] = (figures["cal"] + accounts.calibrate()) / 2
        figures["norm_ms"] = figures["cpu_ms"] * accounts.REFERENCE_US / figures["cal"]
        return figures
    finally:
        await server.stop()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # so that the server goes too
    arguments = sys.argv[1:]
    result = asyncio.run(
        main(arguments[0], arguments[1], int(arguments[2]), float(arguments[3]), arguments[4:])
    )
    print(json.dumps(result))
