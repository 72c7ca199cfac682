"""Sounds the project makes itself: tones, a short tune for hold, the spoken announcement.

Each is synthesised and encoded once per process and codec; after that a listener costs no codec work.
`ringback() busy() tone() beep() music() silence() announcement()` give new producers.
"""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Callable

import numpy as np

from calling.media.codecs.audio_codecs import encoder
from calling.media.codecs.opus import Pcm
from calling.media.sources.producers import Clip
from calling.swml import rings

SOUNDS = pathlib.Path(__file__).resolve().parent.parent / "sounds"
CODECS = ("opus", "pcmu")

# Hold music: chords of an original eight-bar tune in A minor, MIDI note numbers, one chord per 1.5 s.
CHORDS = (
    (57, 60, 64),
    (53, 57, 60),
    (55, 59, 62),
    (52, 55, 59),
    (57, 60, 64),
    (50, 53, 57),
    (52, 56, 59),
    (57, 60, 64),
)
MELODY = (
    76,
    72,
    74,
    71,
    72,
    69,
    71,
    67,
    69,
    72,
    76,
    74,
    72,
    71,
    69,
    68,
    69,
    64,
    65,
    69,
    74,
    72,
    71,
    68,
    71,
    69,
    64,
    60,
    69,
    72,
    76,
    81,
)


def _rate(codec: str) -> int:
    return {"opus": 48000, "g722": 16000}.get(codec, 8000)


def _sine(hertz: tuple[float, ...], seconds: float, rate: int, level: float = 0.25) -> np.ndarray:
    at = np.arange(round(seconds * rate)) / rate
    wave = sum(np.sin(2 * np.pi * one * at) for one in hertz) * (level / len(hertz))
    edge = min(len(at) // 2, rate // 200)
    ramp = np.ones(len(at))
    if edge:
        ramp[:edge] = np.linspace(0, 1, edge)
        ramp[-edge:] = np.linspace(1, 0, edge)
    return np.asarray(wave * ramp)


def _quiet(seconds: float, rate: int) -> np.ndarray:
    return np.zeros(round(seconds * rate))


def _pcm(wave: np.ndarray) -> Pcm:
    pcm: Pcm = np.clip(wave * 32767, -32768, 32767).astype(np.int16)
    return pcm


def _ringback(rate: int, country: str = rings.DEFAULT) -> Pcm:
    ring = rings.RINGS.get(country, rings.RINGS[rings.DEFAULT])
    parts = [
        _quiet(seconds, rate) if number % 2 else _sine(ring.hertz, seconds, rate)
        for number, seconds in enumerate(ring.cadence)
    ]
    return _pcm(np.concatenate(parts))


def _busy(rate: int) -> Pcm:
    return _pcm(np.concatenate((_sine((480, 620), 0.5, rate), _quiet(0.5, rate))))


def _steady(rate: int) -> Pcm:
    at = np.arange(rate) / rate  # whole periods: the loop has no seam
    return _pcm(0.3 * np.sin(2 * np.pi * 440 * at))


def _beep(rate: int) -> Pcm:
    return _pcm(_sine((1000,), 0.2, rate, 0.4))


def _silence(rate: int) -> Pcm:
    return np.zeros(rate // 5, np.int16)


def _note(number: int, seconds: float, rate: int, level: float) -> np.ndarray:
    """A plucked note: a few harmonics that die away."""
    at = np.arange(round(seconds * rate)) / rate
    hertz = 440 * 2 ** ((number - 69) / 12)
    wave = np.zeros(len(at))
    for harmonic in (1, 2, 3):
        if hertz * harmonic < rate * 0.45:
            wave += np.sin(2 * np.pi * hertz * harmonic * at) * np.exp(-at * 2.2 * harmonic) / harmonic**1.6
    attack = min(len(at), rate // 100)
    wave[:attack] *= np.linspace(0, 1, attack)
    wave[-attack:] *= np.linspace(1, 0, attack)
    return wave * level


def _music(rate: int) -> Pcm:
    bar = 1.5
    track = np.zeros(round(bar * len(CHORDS) * rate))
    for index, chord in enumerate(CHORDS):
        at = round(index * bar * rate)
        for voice in chord:
            note = _note(voice, bar, rate, 0.10)
            track[at : at + len(note)] += note
    beat = bar * len(CHORDS) / len(MELODY)
    for index, number in enumerate(MELODY):
        at = round(index * beat * rate)
        note = _note(number, beat, rate, 0.16)
        track[at : at + len(note)] += note
    return _pcm(track)


@functools.cache
def announcement_pcm(rate: int) -> Pcm:
    """The spoken announcement of +46000000000, read from the sound file in the repository."""
    import av

    parts: list[np.ndarray] = []
    with av.open(str(SOUNDS / "announcement.ogg")) as box:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=rate)
        for frame in box.decode(audio=0):
            parts += [one.to_ndarray().reshape(-1) for one in resampler.resample(frame)]
        parts += [one.to_ndarray().reshape(-1) for one in resampler.resample(None)]
    return np.concatenate(parts)


def encoded(pcm: Pcm, codec: str, loop: bool) -> tuple[bytes, ...]:
    """Payloads of 20 ms. A loop is encoded twice and the second round kept: its start fits its end."""
    rate = _rate(codec)
    frame = rate // 50
    pcm = np.concatenate((pcm, np.zeros(-len(pcm) % frame, np.int16)))
    own = encoder(codec, rate, 8)  # made once, heard often
    frames = [pcm[at : at + frame] for at in range(0, len(pcm), frame)]
    if loop:
        for one in frames[-5:]:
            own.encode(one)
    return tuple(own.encode(one) for one in frames)


@functools.cache
def _frames(name: str, codec: str) -> tuple[bytes, ...]:
    make, loop = _MAKERS[name]
    return encoded(make(_rate(codec)), codec, loop)


_MAKERS: dict[str, tuple[Callable[[int], Pcm], bool]] = {
    "busy": (_busy, True),
    "tone": (_steady, True),
    "beep": (_beep, False),
    "silence": (_silence, True),
    "music": (_music, True),
    "announcement": (announcement_pcm, False),
}


def _clip(name: str, on_done: Callable[[], None] | None = None) -> Clip:
    return Clip(functools.partial(_frames, name), loop=_MAKERS[name][1], on_done=on_done)


def ringback(country: str = rings.DEFAULT) -> Clip:
    """What the caller hears while it rings there; `make_ringback` makes it beside the loop before."""
    return Clip(functools.partial(_ringback_frames, country), loop=True)


def make_ringback(country: str) -> None:
    for codec in CODECS:
        _ringback_frames(country, codec)


@functools.cache
def _ringback_frames(country: str, codec: str) -> tuple[bytes, ...]:
    return encoded(_ringback(_rate(codec), country), codec, True)


def busy() -> Clip:
    """480 + 620 Hz, half a second of one."""
    return _clip("busy")


def tone() -> Clip:
    """440 Hz without end: what /public/tone sounds like."""
    return _clip("tone")


def beep(on_done: Callable[[], None] | None = None) -> Clip:
    """1 kHz for 200 ms."""
    return _clip("beep", on_done)


def music() -> Clip:
    """The tune for those on hold."""
    return _clip("music")


def silence() -> Clip:
    """Encoded silence: keeps a stream alive for clients that watch it."""
    return _clip("silence")


def announcement(on_done: Callable[[], None] | None = None) -> Clip:
    """The spoken announcement, once."""
    return _clip("announcement", on_done)


def warm(codecs: tuple[str, ...] = CODECS) -> None:
    """Make and encode everything now (0.8 s): call it in a thread before a worker takes calls."""
    for codec in codecs:
        for name in _MAKERS:
            _frames(name, codec)
        _ringback_frames(rings.DEFAULT, codec)
