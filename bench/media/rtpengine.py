"""Debian's rtpengine in userspace as a target: WebRTC to WebRTC over its ng protocol (bencode on UDP)."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import socket
from typing import Any

from bench.media.targets import Target
from calling.machine.states import Media
from calling.media.webrtc.peer import WebRtcPeer


def available() -> str | None:
    """None, or why rtpengine cannot be measured here."""
    return None if shutil.which("rtpengine") else "rtpengine is not installed"


def bencode(value: Any) -> bytes:
    if isinstance(value, dict):
        return b"d" + b"".join(bencode(key) + bencode(value[key]) for key in sorted(value)) + b"e"
    if isinstance(value, list):
        return b"l" + b"".join(bencode(one) for one in value) + b"e"
    if isinstance(value, int):
        return b"i%de" % value
    data = value.encode()
    return b"%d:%s" % (len(data), data)


def bdecode(data: bytes, at: int = 0) -> tuple[Any, int]:
    head = data[at : at + 1]
    if head == b"d":
        found: dict[str, Any] = {}
        at += 1
        while data[at : at + 1] != b"e":
            key, at = bdecode(data, at)
            found[key], at = bdecode(data, at)
        return found, at + 1
    if head == b"l":
        items = []
        at += 1
        while data[at : at + 1] != b"e":
            item, at = bdecode(data, at)
            items.append(item)
        return items, at + 1
    if head == b"i":
        stop = data.index(b"e", at)
        return int(data[at + 1 : stop]), stop + 1
    colon = data.index(b":", at)
    size = int(data[at:colon])
    return data[colon + 1 : colon + 1 + size].decode(), colon + 1 + size


class RtpEngine(Target):
    """Pairs of WebRTC devices, forwarded."""

    _control: socket.socket
    _port = 0

    async def start(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.process = await asyncio.create_subprocess_exec(
            "rtpengine", "--foreground", "--table=-1", "--interface=127.0.0.1",
            f"--listen-ng=127.0.0.1:{self._port}",
            "--port-min=10000", "--port-max=19999", "--log-level=1", "--log-stderr", "--config-file=none",
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        self._control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._control.setblocking(False)
        self._control.bind(("127.0.0.1", 0))
        async with asyncio.timeout(20):
            while True:
                try:
                    if (await self._ng(command="ping")).get("result") == "pong":
                        return
                except (TimeoutError, OSError):
                    await asyncio.sleep(0.2)

    async def _ng(self, **words: Any) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        cookie = secrets.token_hex(6).encode()
        await loop.sock_sendto(self._control, cookie + b" " + bencode(words), ("127.0.0.1", self._port))
        async with asyncio.timeout(2):
            while True:
                data = await loop.sock_recv(self._control, 65535)
                if data.startswith(cookie + b" "):
                    answer: dict[str, Any] = bdecode(data[len(cookie) + 1 :])[0]
                    return answer

    async def connect(self, peers: list[WebRtcPeer], media: Media, pictures: int = 1) -> None:
        both = {
            "ICE": "force",
            "transport-protocol": "UDP/TLS/RTP/SAVPF",
            "rtcp-mux": ["offer", "accept"],
            "SDES": ["off"],
        }
        for one, other in zip(peers[::2], peers[1::2], strict=True):
            name = secrets.token_hex(8)
            offer = await self._ng(
                command="offer", sdp=await one.offer(media), **{"call-id": name, "from-tag": "a", **both}
            )
            answer = await other.answer(offer["sdp"])
            back = await self._ng(
                command="answer", sdp=answer, **{"call-id": name, "from-tag": "a", "to-tag": "b", **both}
            )
            await one.accept(back["sdp"])

    async def route(self, mode: str) -> None:
        """Routed by the offers."""
