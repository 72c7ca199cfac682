"""Playing one file to many legs, against a decode and an encode for each of them: `python -m bench.playing`.

Both are measured in this run, by turns, on the same connected legs of one server process: CPU time of the
same number of 20 ms steps, SRTP and sending included. The promise (encode once, send many): at most a fifth.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import av
import numpy as np

from bench.media.targets import Target
from calling.machine.states import Media
from calling.media.files.prepare import prepare
from calling.media.rtp.config import MediaConfig
from calling.media.webrtc.peer import WebRtcPeer

PROMISE = 0.2
RATE = 48000
WAYS = ("once", "each")
STEPS = 25


def tune(seconds: float = 20.0) -> bytes:
    """A WAV with something to encode: three moving tones and a little noise."""
    at = np.arange(int(seconds * RATE)) / RATE
    wave = sum(np.sin(2 * np.pi * (hertz * at + 20 * np.sin(at))) for hertz in (220, 440, 660)) / 4
    noise = np.random.default_rng(1).normal(0, 0.01, len(at))
    sound = ((wave + noise) * 12000).astype(np.int16)
    out = io.BytesIO()
    with av.open(out, "w", format="wav") as file:
        stream: Any = file.add_stream("pcm_s16le", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(sound.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return out.getvalue()


async def measure(legs: int, rounds: int) -> dict[str, float]:
    """Median CPU microseconds of 20 ms of sound to one leg, by way of playing."""
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as directory:
        source, made = Path(directory) / "tune.wav", Path(directory) / "tune.cwp"
        source.write_bytes(tune())
        await prepare(source, made)
        server = Target("ours")
        await server.start()
        config = MediaConfig(bind="127.0.0.1", advertised="127.0.0.1", ports=(20000, 29999))
        peers = [WebRtcPeer(config, lambda _: None) for _ in range(legs)]
        try:
            await server.connect(peers, Media(receive_audio=True))
            async with asyncio.timeout(60):
                while not all(peer.port.up for peer in peers):
                    await asyncio.sleep(0.02)
            await server.call("settle")
            for _ in range(rounds):
                for way in WAYS:
                    used = await server.call("play", path=str(made), each=way == "each", steps=STEPS)
                    found[way].append(1e6 * used["result"] / STEPS / legs)
                    await asyncio.sleep(0.2)  # the devices take what was sent
            if not all(peer.port.audio_in.streams for peer in peers):
                raise SystemExit("some legs heard nothing")
        finally:
            await server.stop()
            await asyncio.gather(*(peer.close() for peer in peers))
    return {way: statistics.median(values) for way, values in found.items()}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.playing")
    parser.add_argument("--legs", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=15)
    chosen = parser.parse_args()
    cost = asyncio.run(measure(chosen.legs, chosen.rounds))
    ratio = cost["once"] / cost["each"]
    print(f"\nplaying one file to {chosen.legs} legs, CPU µs of 20 ms to one leg (SRTP and sending included)")
    print(f"  encoded once, sent to all      {cost['once']:8.1f}")
    print(f"  decode + encode for each leg   {cost['each']:8.1f}")
    verdict = "ok" if ratio <= PROMISE else "MISSED"
    print(f"  ratio {ratio:.3f}, promised {PROMISE:.3f}  {verdict}")
    return 0 if ratio <= PROMISE else 1


if __name__ == "__main__":
    sys.exit(main())
