"""The servers that are measured, behind one face: start, connect a batch of devices, route, stop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from typing import Any

from calling.machine.states import Media
from calling.media.webrtc.peer import WebRtcPeer

PICTURES = 9  # that a member of a room sees at once


class Target:
    """A Python server of server.py (`ours`, `ours-python` without the loop in C, `ours-apart` with a port per
    leg, `relay`)."""

    address = "127.0.0.1"  # where the devices' sockets are bound
    decodes = False  # whether payloads must be real Opus

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.process: asyncio.subprocess.Process | None = None
        self.decodes = kind == "relay"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.media.server", self.kind,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 20,
        )  # fmt: skip

    async def call(self, op: str, **rest: Any) -> dict[str, Any]:
        """One request of the control channel."""
        assert self.process is not None and self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps({"op": op, **rest}).encode() + b"\n")
        async with asyncio.timeout(30):
            answer: dict[str, Any] = json.loads(await self.process.stdout.readline())
        return answer

    async def connect(self, peers: list[WebRtcPeer], media: Media, pictures: int = 1) -> None:
        """Exchange descriptions for these devices (an even number; neighbours belong together). `pictures`:
        how many each has lines for."""
        for peer in peers:
            offer = widened(await peer.offer(media), pictures)
            answer = await self.call("answer", sdp=offer)
            await peer.accept(narrowed(str(answer["sdp"]), pictures))

    async def route(self, mode: str) -> None:
        """Join the devices."""
        await self.call({"room": "mix", "pictures": "gallery", "recording": "record"}.get(mode, "bridge"))
        await self.call("settle")

    async def busy(self) -> None:
        await self.call("busy", share=0.4)

    async def recorded(self) -> dict[str, float]:
        """Of the shortest recording the `seconds`, and how many parties were `decoded`."""
        return dict((await self.call("recorded"))["result"])

    async def stop(self) -> None:
        await end(self.process)


def widened(offer: str, pictures: int) -> str:
    """An offer of one picture, with lines for more that come in, on the same transport."""
    head, line, section = offer.partition("m=video")
    kept = [
        one
        for one in section.splitlines()
        if not one.startswith(("a=ssrc", "a=candidate", "a=end-of", "a=msid"))
    ]
    further = "\r\n".join(kept).replace("a=sendrecv", "a=recvonly")
    sections = [further.replace("a=mid:0", f"a=mid:{number}") for number in range(1, pictures)]
    group = " ".join(map(str, range(pictures)))
    return head.replace("BUNDLE 0", f"BUNDLE {group}") + line + section + "".join(
        f"{line}{one}\r\n" for one in sections
    )  # fmt: skip


def narrowed(answer: str, pictures: int) -> str:
    """Its answer with the first line alone: the load looks at packets, not at pictures."""
    if pictures == 1:
        return answer
    head, first = answer.split("m=video")[:2]
    group = " ".join(map(str, range(pictures)))
    return head.replace(f"BUNDLE {group}", "BUNDLE 0") + "m=video" + first


async def end(process: asyncio.subprocess.Process | None) -> None:
    """Kill a child that this process started."""
    if process is not None and process.returncode is None:
        process.kill()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 5)
