"""Plain RTP legs, media plane alone: forwarding G.711 and Opus to PCMU, beside Debian's rtpengine.

A run is a child of its own: `python -m bench.sip_media SERVER FROM TO LEGS SECONDS` prints one JSON line.
SERVER is ours or rtpengine (in userspace, by its ng protocol); the figures are CPU of the server's accounts.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
from typing import Any

from bench.media import accounts
from bench.media.rtpengine import RtpEngine
from bench.media.targets import Target
from bench.sip_load import Party, forget, heard, run

WARM = 1.5


async def settle(server: Target, a: Party, b: Party) -> None:
    """Two parties become a call on our packet path."""
    a.agree((await server.call("plain", sdp=a.sdp))["result"])
    b.agree((await server.call("plain", sdp=b.sdp))["result"])


async def settle_there(engine: RtpEngine, a: Party, b: Party) -> None:
    """The same on rtpengine: an offer, with the other codec put in place of ours, and its answer."""
    name, words = secrets.token_hex(8), {"transport-protocol": "RTP/AVP", "ICE": "remove"}
    codecs: dict[str, Any] = {}
    if a.codec != b.codec:
        codecs = {"codec": {"mask": [a.codec], "transcode": [b.codec.upper()]}}
    both: dict[str, Any] = {"call-id": name, "from-tag": "a", **words}
    offer = await engine._ng(command="offer", sdp=a.sdp, **both, **codecs)
    b.agree(offer["sdp"])
    answer = await engine._ng(command="answer", sdp=b.sdp, **both, **{"to-tag": "b"})
    a.agree(answer["sdp"])


async def measure(kind: str, codecs: tuple[str, str], legs: int, seconds: float) -> dict[str, float]:
    server: Any = RtpEngine("rtpengine") if kind == "rtpengine" else Target("ours")
    await server.start()
    try:
        parties = [Party(codecs[number % 2], 1000 + number) for number in range(legs)]
        join = settle_there if kind == "rtpengine" else settle
        for a, b in zip(parties[::2], parties[1::2], strict=True):
            await join(server, a, b)
        if kind != "rtpengine":
            await server.call("bridge")
            await server.call("settle")
        for one in accounts.tree(server.pid):  # one core is what is promised; the load has the others
            os.sched_setaffinity(one, {max(os.sched_getaffinity(0))})
        step = run(parties, WARM)
        forget(parties)
        spent, waited = accounts.fine_cpu_seconds(server.pid), accounts.waited_seconds(server.pid)
        run(parties, seconds, step)
        spent = accounts.fine_cpu_seconds(server.pid) - spent
        waited = accounts.waited_seconds(server.pid) - waited
        sent, received, wrong = heard(parties)
        return {
            "cpu_ms": 1000 * spent / seconds / legs, "core": spent / seconds, "waited": waited / seconds,
            "sent": sent, "received": received, "lost": max(0, sent - received), "wrong": wrong,
        }  # fmt: skip
    finally:
        await server.stop()


if __name__ == "__main__":
    kind, one, other, count, lasting = sys.argv[1:6]
    print(json.dumps(asyncio.run(measure(kind, (one, other), int(count), float(lasting)))))
