"""What every browser on `/phone` is asked, whoever made it: calls by clicks, sound and pictures measured."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from tests.webrtc.make_run import URL

# The strongest frequencies, `args[0]` of them, of what the call's audio track carries now.
STRONGEST = """
  const call = phone.activeCalls[0];
  const track = call?.remoteStream.getAudioTracks()[0];
  if (!track) return [];
  const context = (window.ear ??= new AudioContext());
  await context.resume();
  const source = context.createMediaStreamSource(new MediaStream([track]));
  const analyser = context.createAnalyser();
  analyser.fftSize = 16384;
  source.connect(analyser);
  await new Promise((done) => setTimeout(done, 600));
  const bins = new Float32Array(analyser.frequencyBinCount);
  analyser.getFloatFrequencyData(bins);
  source.disconnect();
  bins.fill(-Infinity, 0, 8); // no direct current
  const found = [];
  for (let number = 0; number < args[0]; number++) {
    const best = bins.reduce((sofar, level, i) => level > bins[sofar] ? i : sofar, 0);
    if (bins[best] > -50) found.push(best * context.sampleRate / analyser.fftSize);
    bins.fill(-Infinity, Math.max(0, best - 40), best + 40); // what else is near is the same tone
  }
  return found;
"""
# What the browser counts of the sound that comes and goes.
SOUND = """
  const call = phone.activeCalls[0];
  const stats = [...(await call.peerConnection.getStats()).values()];
  const names = ['type', 'packetsReceived', 'packetsSent', 'concealedSamples', 'totalAudioEnergy'];
  return stats.filter((one) => one.kind === 'audio' && /^(in|out)bound-rtp$/.test(one.type))
    .map((one) => Object.fromEntries(names.map((name) => [name, one[name]])));
"""
# Widths of the pictures of others that are shown now, and how many pictures of them were decoded.
PICTURES = """
  const call = phone.activeCalls[0];
  const stats = [...(await call.peerConnection.getStats()).values()];
  const decoded = stats.filter((one) => one.type === 'inbound-rtp' && one.kind === 'video')
    .reduce((sum, one) => sum + (one.framesDecoded ?? 0), 0);
  const shown = [...document.querySelectorAll('.stage video:not(.own)')];
  return { decoded, widths: shown.map((one) => one.videoWidth).filter(Boolean) };
"""
# Each section with a picture of another: what was agreed, what came, and where it is shown.
SECTIONS = """
  const pc = phone.activeCalls[0].peerConnection;
  const stats = [...(await pc.getStats()).values()];
  const came = stats.filter((one) => one.type === 'inbound-rtp' && one.kind === 'video');
  const names = ['mid', 'ssrc', 'packetsReceived', 'framesReceived', 'framesDecoded', 'pliCount'];
  const short = (track) => [track.id.slice(0, 8), track.muted, track.readyState];
  const places = pc.getTransceivers().filter((one) => one.receiver.track.kind === 'video');
  const said = /^a=(mid:.*|sendrecv|sendonly|recvonly|inactive|ssrc:\\d+)/gm;
  return {
    signaling: pc.signalingState,
    agreed: places.map((one) => [one.mid, one.direction, one.currentDirection, short(one.receiver.track)]),
    told: pc.remoteDescription.sdp.split('m=').slice(1)
      .map((one) => [...one.matchAll(said)].map(([, found]) => found.trim())),
    came: came.map((one) => Object.fromEntries(names.map((name) => [name, one[name]]))),
    shown: [...document.querySelectorAll('.stage video:not(.own)')].map((one) =>
      [one.videoWidth, one.readyState, one.paused, one.srcObject?.getVideoTracks().map(short)]),
  };
"""
# How many different colours the middle of the picture had within a second: a still or black one has one.
COLOURS = """
  const video = [...document.querySelectorAll('.stage video:not(.own)')].find((one) => one.videoWidth);
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 16;
  const brush = canvas.getContext('2d', { willReadFrequently: true });
  const seen = new Set();
  for (let i = 0; i < 10; i++) {
    brush.drawImage(video, 0, 0, 16, 16);
    seen.add([...brush.getImageData(0, 0, 16, 16).data].join());
    await new Promise((done) => setTimeout(done, 100));
  }
  return seen.size;
"""
# From now on everything that goes wrong in this page is kept in `faults`.
FAULTS = """
  window.faults = [];
  addEventListener('error', (event) => faults.push('error: ' + event.message));
  addEventListener('unhandledrejection', (event) => faults.push('rejection: ' + event.reason));
  for (const level of ['error', 'warn']) {
    const before = console[level];
    console[level] = (...words) => {
      faults.push(level + ': ' + words.join(' '));
      before.apply(console, words);
    };
  }
  phone.on('error', (error) => faults.push('phone: ' + error.message));
  const watched = new Set();
  const watch = (call) => watched.has(call)
    || (watched.add(call), call.on('error', (error) => faults.push('call: ' + error.message)));
  phone.on('incoming', watch);
  setInterval(() => phone.activeCalls.forEach(watch), 50);
"""


class BrowserPhone(ABC):
    """A browser with one tab. `hertz`: what its microphone says."""

    hertz: int

    @abstractmethod
    def goto(self, url: str) -> None: ...

    @abstractmethod
    def evaluate(self, body: str, *arguments: object) -> Any:
        """What an asynchronous function of this body returns in the page; `args` are the arguments."""

    @abstractmethod
    def close(self) -> None: ...

    def until(self, expression: str, *arguments: object, seconds: float = 20.0) -> Any:
        deadline = time.monotonic() + seconds
        while not (found := self.evaluate(f"return {expression};", *arguments)):
            assert time.monotonic() < deadline, f"never true in {seconds} s: {expression}; {self.state()}"
            time.sleep(0.1)
        return found

    def state(self) -> Any:
        return self.evaluate("""
          const text = (id) => document.querySelector(id)?.textContent;
          const calls = window.phone?.activeCalls?.map(({ to, state, peerConnection: pc }) =>
            [to, state, pc?.iceConnectionState, pc?.connectionState]);
          const [line, note, log] = ['#line', '#announce', '#log'].map(text);
          return { line, note, log, calls, faults: window.faults };
        """)

    def come_online(self, token: str, url: str = URL) -> None:
        self.goto(f"{url}/phone#token={token}")
        self.until("window.phone?.ready === true")
        self.evaluate(FAULTS)

    def dial(self, destination: str, video: bool = False) -> None:
        self.evaluate(
            "document.querySelector('#destination').value = args[0];"
            "document.querySelector(args[1] ? '#dial-video' : '#dial button.good').click();",
            destination, video,
        )  # fmt: skip

    def answer(self, video: bool = False) -> None:
        self.until("document.querySelector('#ringing').open")
        self.evaluate(f"document.querySelector('{'#answer-video' if video else '#answer'}').click();")

    def connected(self) -> None:
        self.until(
            "phone.activeCalls[0]?.state === 'active'"
            " && phone.activeCalls[0].peerConnection?.connectionState === 'connected'"
        )

    def click(self, label: str) -> None:
        """A button of the only call's card."""
        self.evaluate(
            "[...document.querySelectorAll('#calls button')].find((one) =>"
            " (one.getAttribute('aria-label') ?? one.textContent).trim() === args[0]).click();",
            label,
        )

    def hears(self, *hertz: int, seconds: float = 20.0) -> None:
        """The strongest of what arrives are these frequencies."""
        deadline = time.monotonic() + seconds
        while not _alike(found := self.evaluate(STRONGEST, len(hertz)), hertz):
            words = f"wanted {hertz} Hz, hears {found}"
            assert time.monotonic() < deadline, f"{words}; {self.state()}; {self.evaluate(SOUND)}"

    def hears_no(self, hertz: int, seconds: float = 20.0) -> None:
        """Silence, or the tune for who is on hold."""
        deadline = time.monotonic() + seconds
        while any(abs(one - hertz) < 50 for one in self.evaluate(STRONGEST, 3)):
            assert time.monotonic() < deadline, f"still hears {hertz} Hz; {self.state()}"

    def sees(self, pictures: int = 1, seconds: float = 30.0) -> None:
        """Pictures of others are shown, at least so many, and they move."""
        deadline = time.monotonic() + seconds
        while len((found := self.evaluate(PICTURES))["widths"]) < pictures:
            assert time.monotonic() < deadline, self._pictures(pictures, found)
            time.sleep(0.1)
        before, colours = found["decoded"], 0
        while colours < 2:
            words = f"the picture stands still: {before}, {self.evaluate(PICTURES)}, {colours}"
            assert time.monotonic() < deadline + 10, words
            colours = self.evaluate(COLOURS)
        assert self.evaluate(PICTURES)["decoded"] > before

    def _pictures(self, wanted: int, found: object) -> str:
        return f"wanted {wanted} pictures, shows {found}; {self.evaluate(SECTIONS)}; {self.state()}"

    def is_over(self, seconds: float = 10.0) -> None:
        self.until("phone.activeCalls.length === 0", seconds=seconds)

    def faults(self) -> list[str]:
        return list(self.evaluate("return window.faults ?? [];"))


def _alike(found: list[float], wanted: Sequence[int]) -> bool:
    near = (abs(here - there) < 12 for here, there in zip(sorted(found), sorted(wanted), strict=False))
    return len(found) == len(wanted) and all(near)
