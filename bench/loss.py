"""How speech sounds to a listener on a network that loses packets: `python -m bench.loss`.

Chromium talks to Chromium through a bridge of two legs. Between a browser and the server a relay drops RTP
packets by a pattern that is the same for all rows: on the speaker's side of the server, or on the listener's.
What comes out at the listener is scored by PESQ (ITU-T P.862, narrow band, 1 to 4.5) against what was said:
recorded people, sentence by sentence. The rows are bridges with RED, without it, and that of another commit
(`--against DIRECTORY`, a work tree of it).
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import io
import json
import os
import random
import re
import statistics
import sys
import wave
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bench.people import LINE, advice, prompts
from calling.speech.frames import Pcm

HERE: Final = Path(__file__).resolve().parent.parent
FLAGS: Final = ["--autoplay-policy=no-user-gesture-required", "--no-sandbox", "--disable-gpu"]
HEARD_RATE: Final = 48000
SENTENCES: Final = 6
LEAST_SECONDS, MOST_SECONDS = 2.5, 5.0  # of a sentence
BEFORE: Final = 6.0  # seconds of speech before the first sentence, in which reports tell of the loss
PAUSE: Final = 0.7
AIM: Final = 0.8  # better than the other commit
Pattern = Callable[[], bool]


# --- what is lost


def never() -> bool:
    return False


def at_random(share: float, seed: int) -> Pattern:
    dice = random.Random(seed)
    return lambda: dice.random() < share


def in_bursts(share: float, long: float, seed: int) -> Pattern:
    """Gilbert's model: `share` of the packets in bursts of `long` packets on average."""
    dice, lost = random.Random(seed), False
    begins = share / (1 - share) / long

    def pattern() -> bool:
        nonlocal lost
        lost = dice.random() < (1 - 1 / long if lost else begins)
        return lost

    return pattern


LOSSES: Final[dict[str, Callable[[int], Pattern]]] = {
    "none": lambda seed: never,
    "10 % at random": lambda seed: at_random(0.1, seed),
    "30 % in bursts of 2": lambda seed: in_bursts(0.3, 2.0, seed),
    "30 % in bursts of 3": lambda seed: in_bursts(0.3, 3.0, seed),
}


class Relay(asyncio.DatagramProtocol):
    """Between one browser and the server. `up` and `down` say which RTP packets are lost."""

    def __init__(self, server: tuple[str, int], up: Pattern, down: Pattern) -> None:
        self.server, self.up, self.down = server, up, down
        self.dropped = self.passed = 0
        self._browser: tuple[str, int] | None = None
        self._far: asyncio.DatagramTransport | None = None
        self._near: asyncio.DatagramTransport | None = None

    async def open(self) -> int:
        """The port for the browser."""
        loop = asyncio.get_running_loop()
        here = ("127.0.0.1", 0)
        self._near, _ = await loop.create_datagram_endpoint(lambda: _Side(self.from_browser), here)
        self._far, _ = await loop.create_datagram_endpoint(lambda: _Side(self.from_server), here)
        port: int = self._near.get_extra_info("sockname")[1]
        return port

    def from_browser(self, data: bytes, source: tuple[str, int]) -> None:
        self._browser = source
        if self._far is not None and not self._lost(data, self.up):
            self._far.sendto(data, self.server)

    def from_server(self, data: bytes, source: tuple[str, int]) -> None:
        if self._near is not None and self._browser is not None and not self._lost(data, self.down):
            self._near.sendto(data, self._browser)

    def _lost(self, data: bytes, pattern: Pattern) -> bool:
        if len(data) < 12 or data[0] >> 6 != 2 or 192 <= data[1] < 224:
            return False  # not RTP
        lost = pattern()
        self.dropped, self.passed = self.dropped + lost, self.passed + (not lost)
        return lost

    def close(self) -> None:
        for transport in (self._near, self._far):
            if transport is not None:
                transport.close()


class _Side(asyncio.DatagramProtocol):
    def __init__(self, heard: Callable[[bytes, tuple[str, int]], None]) -> None:
        self.datagram_received = heard  # type: ignore[method-assign]


# --- who bridges


@dataclass
class Row:
    """A server, and what its listener heard of each loss."""

    name: str
    directory: Path
    kind: str
    scores: dict[str, list[float]] = field(default_factory=dict)
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.media.server", self.kind, cwd=self.directory,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 20,
        )  # fmt: skip

    async def ask(self, op: str, **rest: Any) -> dict[str, Any]:
        assert self.process is not None and self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps({"op": op, **rest}).encode() + b"\n")
        answer = await asyncio.wait_for(self.process.stdout.readline(), 30)
        found: dict[str, Any] = json.loads(answer)
        return found

    async def stop(self) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.terminate()
            await self.process.wait()


# --- two browsers


PAGE: Final = """
window.calls = {};
window.begin = async (name, talks) => {
  const context = new AudioContext({ sampleRate: 48000 });
  const pc = new RTCPeerConnection(), me = calls[name] = { pc, context, heard: [] };
  const out = context.createMediaStreamDestination();
  pc.addTrack(out.stream.getTracks()[0], out.stream);
  me.out = out;
  pc.ontrack = async ({ track }) => {
    if (talks) return;
    const media = Object.assign(document.createElement('audio'), { autoplay: true, muted: true });
    me.media = media;
    media.srcObject = new MediaStream([track]);
    const code = `registerProcessor('ear', class extends AudioWorkletProcessor {
      process([[sound]]) { if (sound) this.port.postMessage(sound.slice()); return true; } });`;
    await context.audioWorklet.addModule(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })));
    const ear = new AudioWorkletNode(context, 'ear');
    ear.port.onmessage = ({ data }) => me.heard.push(data);
    context.createMediaStreamSource(media.srcObject).connect(ear);
  };
  const offer = await pc.createOffer();
  const sdp = offer.sdp.replace(
    /^a=rtpmap:(\\d+) opus\\/.*\\r\\n/gim, (line, pt) => `${line}a=rtcp-fb:${pt} nack\\r\\n`);
  await pc.setLocalDescription({ type: 'offer', sdp });
  return pc.localDescription.sdp;
};
window.say = async (name, base64) => {
  const me = calls[name];
  const bytes = Uint8Array.from(atob(base64), (one) => one.charCodeAt(0));
  const source = me.context.createBufferSource();
  source.buffer = await me.context.decodeAudioData(bytes.buffer);
  source.connect(me.out);
  source.start();
};
window.take = (name) => {
  const parts = calls[name].heard, all = new Int16Array(parts.reduce((sum, one) => sum + one.length, 0));
  let at = 0;
  for (const one of parts) for (const each of one) all[at++] = Math.max(-1, Math.min(1, each)) * 32767;
  let text = '';
  const bytes = new Uint8Array(all.buffer);
  for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
  return btoa(text);
};
window.end = (name) => { calls[name].pc.close(); calls[name].context.close(); delete calls[name]; };
null;
"""


def without_candidates(sdp: str) -> str:
    kept = [line for line in sdp.splitlines() if not line.startswith(("a=candidate", "a=end-of-candidates"))]
    return "\r\n".join(kept) + "\r\n"


def server_address(sdp: str) -> tuple[str, int]:
    found = re.search(r"a=candidate:\S+ 1 udp \d+ (127\.0\.0\.1) (\d+) typ host", sdp, re.IGNORECASE)
    assert found is not None, "no candidate on loopback in the answer"
    return found[1], int(found[2])


async def connect(page: Any, row: Row, name: str, talks: bool, up: Pattern, down: Pattern) -> Relay:
    offer = await page.evaluate("([n, t]) => begin(n, t)", [name, talks])
    answer = (await row.ask("answer", sdp=without_candidates(offer)))["sdp"]
    relay = Relay(server_address(answer), up, down)
    port = await relay.open()
    candidate = f"a=candidate:1 1 udp 2130706431 127.0.0.1 {port} typ host\r\na=end-of-candidates\r\n"
    await page.evaluate(
        "([n, sdp]) => calls[n].pc.setRemoteDescription({ type: 'answer', sdp })",
        [name, without_candidates(answer) + candidate],
    )
    await page.wait_for_function(f"calls['{name}'].pc.connectionState === 'connected'", timeout=20_000)
    return relay


async def hear(
    page: Any, rows: Sequence[Row], made: Callable[[int], Pattern], side: str, seed: int, said: bytes
) -> list[Pcm]:
    """What the listener of each row heard of `said` (a WAV file); all rows at once, with the same pattern."""
    relays: list[Relay] = []
    seconds = len(said) / 2 / HEARD_RATE
    try:
        for number, row in enumerate(rows):
            await row.start()
            lossy, whole = made(seed), never
            up, down = (lossy, whole) if side == "speaker" else (whole, lossy)
            relays.append(await connect(page, row, f"alice{number}", True, up, whole))
            relays.append(await connect(page, row, f"bob{number}", False, whole, down))
            await row.ask("bridge")
        await asyncio.sleep(1.0)
        text = base64.b64encode(said).decode()
        await asyncio.gather(
            *(page.evaluate("([n, s]) => say(n, s)", [f"alice{number}", text]) for number in range(len(rows)))
        )
        await asyncio.sleep(seconds + 1.5)
        return [
            np.frombuffer(base64.b64decode(await page.evaluate("(n) => take(n)", f"bob{number}")), np.int16)
            for number in range(len(rows))
        ]
    finally:
        for number in range(len(rows)):
            for name in ("alice", "bob"):
                with contextlib.suppress(Exception):
                    await page.evaluate("(n) => end(n)", f"{name}{number}")
        for relay in relays:
            relay.close()
        for row in rows:
            await row.stop()


# --- what it is worth


def sentences(seed: int) -> list[Pcm]:
    """At 8 kHz, by the seed; the first is only said to begin with."""
    found = []
    for prompt in prompts("en"):
        with wave.open(str(prompt.file)) as file:
            sound = np.frombuffer(file.readframes(1 << 24), np.int16)
        if LEAST_SECONDS * LINE <= len(sound) <= MOST_SECONDS * LINE:
            found.append(sound)
    random.Random(seed).shuffle(found)
    return found[: SENTENCES + 2]


def resampled(sound: NDArray[Any], source: int, target: int) -> Pcm:
    """By its spectrum."""
    size = len(sound) * target // source
    spectrum = np.fft.rfft(sound)
    fitted = np.zeros(size // 2 + 1, complex)
    most = min(len(spectrum), len(fitted))
    fitted[:most] = spectrum[:most]
    made = np.fft.irfft(fitted, size) * size / len(sound)
    return np.clip(made, -32768, 32767).astype(np.int16)


def laid_out(said: Sequence[Pcm]) -> tuple[Pcm, list[tuple[int, int]]]:
    """All sentences with pauses at 8 kHz, and where those are that are scored."""
    pause = np.zeros(int(PAUSE * LINE), np.int16)
    parts: list[Pcm] = []
    places, at = [], 0
    for sound in said:
        places.append((at, at + len(sound)))
        parts += [sound, pause]
        at += len(sound) + len(pause)
    return np.concatenate(parts), [place for place in places if place[0] >= BEFORE * LINE]


def scores(whole: Pcm, places: Sequence[tuple[int, int]], heard: Pcm) -> list[float]:
    from pesq import NoUtterancesError, pesq

    narrow = resampled(heard, HEARD_RATE, LINE)
    late = delay(whole, narrow)
    found = []
    around = int(PAUSE * LINE / 2)
    for begin, end in places:
        told = whole[max(0, begin - around) : end + around]
        at = max(0, begin - around + late)
        came = np.pad(narrow[at : at + len(told)], (0, max(0, at + len(told) - len(narrow))))
        try:
            found.append(float(pesq(LINE, told, came[: len(told)], "nb")))
        except NoUtterancesError:
            found.append(1.0)  # nothing came
    return found


def delay(whole: Pcm, heard: Pcm) -> int:
    """Samples by which what was heard comes later than what was said."""
    size = 1 << (len(whole) + len(heard)).bit_length()
    match = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(whole, size)), size)
    return int(match[: len(heard)].argmax())


def as_wav(sound: Pcm) -> bytes:
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(HEARD_RATE)
        file.writeframes(resampled(sound, LINE, HEARD_RATE).tobytes())
    return made.getvalue()


# --- the table


@contextlib.asynccontextmanager
async def browser() -> AsyncIterator[Any]:
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        path = which("chromium") or which("chromium-browser")
        running = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        page = await running.new_page()
        await page.route("**/*", lambda route: route.fulfill(body="<p>", content_type="text/html"))
        await page.goto("http://localhost/")  # a secure context, as audio worklets need
        await page.evaluate(PAGE)
        yield page
        await running.close()


def cases() -> Iterator[tuple[str, str]]:
    yield "none", "speaker"
    for loss in list(LOSSES)[1:]:
        for side in ("speaker", "listener"):
            yield loss, side


async def measure(rows: Sequence[Row], only: str, seed: int) -> None:
    whole, places = laid_out(sentences(seed))
    said = as_wav(whole)
    names = " ".join(f"{row.name:>10}" for row in rows)
    print(f"\nPESQ of {len(places)} sentences (load {os.getloadavg()[0]:.0f})\n{'lost':34}{names}")
    async with browser() as page:
        for loss, side in cases():
            title = loss if loss == "none" else f"{loss}, {side}'s side"
            if only not in title:
                continue
            heard = await hear(page, rows, LOSSES[loss], side, seed, said)
            for row, sound in zip(rows, heard, strict=True):
                row.scores[title] = scores(whole, places, sound)
            cells = " ".join(f"{statistics.mean(row.scores[title]):10.2f}" for row in rows)
            print(f"{title:34}{cells}", flush=True)


def verdict(rows: Sequence[Row]) -> int:
    """1 where RED is not as much better than the other commit as it should be."""
    other = next((row for row in rows if row.directory != HERE), None)
    if other is None:
        return 0
    missed = 0
    print(f"\nbetter than {other.name}; aimed at {AIM}")
    for title, found in rows[0].scores.items():
        if title != "none":
            better = statistics.mean(found) - statistics.mean(other.scores[title])
            missed |= better < AIM
            print(f"{title:34}{better:10.2f}  {'ok' if better >= AIM else 'MISSED'}")
    return int(missed)


def obstacle() -> str | None:
    try:
        import pesq  # noqa: F401
        import playwright  # noqa: F401
    except ImportError as missing:
        return f"needs the package {missing.name}"
    if which("chromium") is None and which("chromium-browser") is None:
        return "needs Debian's chromium"
    return None if prompts("en") else advice("en")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.loss")
    parser.add_argument(
        "--against", type=Path, help="a work tree of another commit, whose bridge is a row too"
    )
    parser.add_argument("--only", default="", help="losses with this in their name")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    why = obstacle()
    if why is not None:
        print(f"\nspeech under loss: skipped, {why}")
        return 0
    rows = [Row("RED", HERE, "ours"), Row("no RED", HERE, "ours-plain")]
    if chosen.against:
        rows.append(Row(chosen.against.name, chosen.against.resolve(), "ours"))
    asyncio.run(measure(rows, chosen.only, chosen.seed))
    return verdict(rows)


if __name__ == "__main__":
    sys.exit(main())
