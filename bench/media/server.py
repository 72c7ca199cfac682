"""The servers under test that are Python: this platform's packet path, and a stock aiortc relay.

Speaks JSON lines on stdin and stdout: {"op": "answer", "sdp"} -> {"sdp"}; {"op": "bridge"} joins the
legs made so far in pairs; "echo", "mix", "gallery" and "busy" likewise. Run by load.py, never by hand.
"""

from __future__ import annotations

import asyncio
import atexit
import gc
import inspect
import json
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any


class Ours:
    """Legs of this platform."""

    def __init__(self, mux: bool, loop: str, redundancy: bool) -> None:
        from calling.media.rtp.config import MediaConfig
        from calling.media.webrtc import shared_port

        self.config = MediaConfig(ports=(30000, 39999), mux=mux, loop=loop, redundancy=redundancy)
        shared_port.kept(self.config)  # as the worker does
        self.peers: list[Any] = []
        self.room: Any = None
        self.recorders: list[Any] = []
        self.place: Path | None = None

    async def answer(self, sdp: str) -> str:
        from calling.media.webrtc.peer import WebRtcPeer

        peer = WebRtcPeer(self.config, lambda signal: None)
        self.peers.append(peer)
        return await peer.answer(sdp)

    async def plain(self, sdp: str) -> str:
        """A leg of SIP."""
        from calling.media.webrtc.plain_rtp import PlainRtpPeer

        peer = PlainRtpPeer(self.config, lambda signal: None)
        self.peers.append(peer)
        return await peer.answer(sdp)

    def bridge(self) -> None:
        for one, other in zip(self.peers[::2], self.peers[1::2], strict=True):
            for a, b in ((one, other), (other, one)):
                a.port.set_audio_source(b.port)
                a.port.set_video_source(b.port)

    def record(self) -> None:
        """Calls of two, each recorded with a party on each channel, as the operation `record` does."""
        from calling.media.codecs.track_reader import TrackReader
        from calling.media.recording.recorder import Recorder, Settings

        self.bridge()
        if self.place is None:
            self.place = Path(tempfile.mkdtemp(prefix="callwright-bench-"))
            atexit.register(shutil.rmtree, self.place, ignore_errors=True)
        for number, pair in enumerate(zip(self.peers[::2], self.peers[1::2], strict=True)):
            ears = [TrackReader(), TrackReader()]
            for peer, ear in zip(pair, ears, strict=True):
                peer.port.audio_in.tap_later(ear)
            recorder = Recorder(self.place / f"{number}.ogg", ears, Settings(stereo=True))
            recorder.start()
            self.recorders.append(recorder)

    def recorded(self) -> dict[str, float]:
        """Of the shortest recording the seconds, and how many parties were decoded."""
        decoded = sum(ear._decoder is not None for recorder in self.recorders for ear in recorder.ears)
        return {
            "seconds": min(recorder.duration_ms for recorder in self.recorders) / 1000,
            "decoded": decoded,
        }

    async def close(self) -> int:
        """Every leg ends, as do recordings and the room. How many tasks are left."""
        for recorder in self.recorders:
            recorder.stop()
            recorder.path.unlink()
        if self.room is not None:
            self.room.close()
        peers, self.peers, self.recorders, self.room = self.peers, [], [], None
        await asyncio.gather(*(peer.close() for peer in peers))
        return len(asyncio.all_tasks())

    def echo(self) -> None:
        for peer in self.peers:
            peer.port.set_audio_source(peer.port)
            peer.port.set_video_source(peer.port)

    def mix(self) -> None:
        from calling.media.mixing.mixer import Mixer

        self.room = Mixer(video=False)
        self.room.always_mix = True
        for number, peer in enumerate(self.peers):
            self.room.join(peer.port, str(number))

    def gallery(self) -> None:
        """A room that everybody sees; its sound is the row `room`."""
        from calling.media.mixing.mixer import Mixer

        self.room = Mixer()
        for number, peer in enumerate(self.peers):
            self.room.join(peer.port, str(number))

    def play(self, path: str, each: bool, steps: int) -> float:
        """CPU seconds of `steps` times 20 ms of a file to every leg: one player whose packets go as they
        are, or one for each leg that decodes and encodes (as a changed volume asks for)."""
        from calling.media.files.player import FilePlayer
        from calling.media.files.prepared import open_prepared
        from calling.media.rtp.ticker import ticker

        count = len(self.peers) if each else 1
        volume = -1 if each else 0
        players = [FilePlayer([open_prepared(Path(path))], loops=0, volume=volume) for _ in range(count)]
        for number, peer in enumerate(self.peers):
            peer.port.set_audio_source(players[number % count])
        for player in players:
            ticker().drop(player._tick)  # the steps are taken here, not by the clock
            player._tick()  # codecs are made at the first step
        began = time.thread_time()
        for _ in range(steps):
            for player in players:
                player._tick()
        return time.thread_time() - began


class Relay:
    """Stock aiortc: every leg's track is sent to the other leg by replaceTrack, decoded and encoded."""

    def __init__(self) -> None:
        import aioice.ice

        aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
        self.legs: list[Any] = []

    async def answer(self, sdp: str) -> str:
        from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

        leg = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        await leg.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        for transceiver in leg.getTransceivers():
            transceiver.direction = "sendrecv"
        await leg.setLocalDescription(await leg.createAnswer())
        self.legs.append(leg)
        return str(leg.localDescription.sdp)

    def bridge(self) -> None:
        for one, other in zip(self.legs[::2], self.legs[1::2], strict=True):
            for a, b in ((one, other), (other, one)):
                for mine, theirs in zip(a.getTransceivers(), b.getTransceivers(), strict=True):
                    mine.sender.replaceTrack(theirs.receiver.track)

    def echo(self) -> None:
        for leg in self.legs:
            for transceiver in leg.getTransceivers():
                transceiver.sender.replaceTrack(transceiver.receiver.track)


def busy(share: float) -> None:
    """A Python thread that holds the interpreter `share` of the time, as task code would."""

    def work() -> None:
        while True:
            end = time.monotonic() + 0.05 * share
            while time.monotonic() < end:
                json.loads(json.dumps({"numbers": list(range(200))}))
            time.sleep(0.05 * (1 - share))

    threading.Thread(target=work, daemon=True).start()


async def serve(kind: str) -> None:
    loop = asyncio.get_running_loop()
    server: Any = (
        Relay()
        if kind == "relay"
        else Ours(
            mux=kind != "ours-apart",
            loop="python" if kind == "ours-python" else "auto",
            redundancy=kind != "ours-plain",
        )
    )
    reader = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        request = json.loads(line)
        answer: dict[str, Any] = {}
        if request["op"] == "answer":
            answer["sdp"] = await server.answer(request["sdp"])
        elif request["op"] == "busy":
            busy(request["share"])
        elif request["op"] == "settle":
            gc.collect()
        else:
            rest = {name: value for name, value in request.items() if name != "op"}
            result = getattr(server, request["op"])(**rest)
            answer["result"] = await result if inspect.isawaitable(result) else result
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
