"""Small media files made on the spot: a tone and a moving white bar."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any

import av
import numpy as np

KINDS = {
    "wav": ("wav", "pcm_s16le", None),
    "mp3": ("mp3", "libmp3lame", None),
    "ogg": ("ogg", "libopus", None),
    "flac": ("flac", "flac", None),
    "m4a": ("mp4", "aac", None),
    "mp4": ("mp4", "aac", "libx264"),
    "mov": ("mov", "aac", "libx264"),
    "webm": ("webm", "libopus", "libvpx"),
    "silent.webm": ("webm", None, "libvpx"),
}


def media(kind: str, seconds: float = 1.0, *, hertz: float = 440.0, b_frames: int = 0) -> bytes:
    """One file of a kind, in memory."""
    container, sound, picture = KINDS[kind]
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        audio: Any = file.add_stream(sound, rate=48000) if sound else None
        video: Any = file.add_stream(picture, rate=25) if picture else None
        if audio is not None:
            audio.layout = "mono"
        if video is not None:
            video.width, video.height, video.pix_fmt = 320, 240, "yuv420p"
            if picture == "libx264":
                video.options = {"bf": str(b_frames), "g": "25", "preset": "ultrafast"}
        if audio is not None:
            _tone(file, audio, seconds, hertz)
        if video is not None:
            _bar(file, video, seconds)
    return out.getvalue()


def _tone(file: Any, stream: Any, seconds: float, hertz: float) -> None:
    size = stream.codec_context.frame_size or 960
    shape = av.AudioResampler(format=stream.codec_context.format.name, layout="mono", rate=48000)
    for at in range(0, int(seconds * 48000), size):
        wave = (np.sin(2 * np.pi * hertz * np.arange(at, at + size) / 48000) * 12000).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(wave.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = 48000
        for one in shape.resample(frame):
            one.pts = at
            file.mux(stream.encode(one))
    file.mux(stream.encode(None))


def _bar(file: Any, stream: Any, seconds: float) -> None:
    for number in range(int(seconds * 25)):
        picture = np.zeros((240, 320, 3), np.uint8)
        picture[:, number * 8 % 280 : number * 8 % 280 + 40] = 255
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = number, Fraction(1, 25)
        file.mux(stream.encode(frame))
    file.mux(stream.encode(None))
