"""The decoder's process: one media file in, one prepared file out; `decoder_process` runs it.

Loads everything, then takes one message from the socket that is its standard input: the descriptors of the
input and of the output, and as JSON the demuxer (from `sniff`), 'vp8', 'h264' or 'none' for the picture, and
the longest duration in seconds. Ends where the socket is closed instead. Prints one `.` per second of media
(the parent kills it when they stop coming) and ends with one line of JSON, `{"ok": …}` or `{"error": …}`.
Never run in a worker.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import pkgutil
import socket
from fractions import Fraction
from typing import Any, BinaryIO, Final

import av
import av.error
import numpy as np
from av.bitstream import BitStreamFilterContext

from calling.media.codecs.opus import OpusEncoder
from calling.media.files.prepared import OPUS_STEP_US, Writer
from calling.media.files.sandbox import Unconfined, give_up_rights

FRAME: Final = 960
MAX_PIXELS: Final = 4096 * 2304
MAX_SIDE: Final = 1280
KEY_EVERY: Final = 60
LONGEST_MESSAGE: Final = 1024
MICRO: Final = Fraction(1, 1_000_000)
UNCONFINED: Final = "this machine cannot sandbox a decoder, so files from outside are not played"


class Unplayable(Exception):
    """The file holds nothing Callwright can play; the text is for whoever gave its URL."""


class Sound:
    """Any decoded sound to Opus packets."""

    def __init__(self, writer: Writer, seconds: int) -> None:
        self._writer = writer
        self._resampler = av.AudioResampler(format="s16", layout="mono", rate=48000)
        self._encoder = OpusEncoder(48000, 48000, 5)
        self._pending = np.zeros(0, np.int16)
        self._most = seconds * 50
        self.frames = 0

    def add(self, frame: av.AudioFrame | None) -> None:
        for made in self._resampler.resample(frame):
            samples = made.to_ndarray().reshape(-1)
            self._pending = np.concatenate((self._pending, samples))
            self._encode()

    def _encode(self) -> None:
        while len(self._pending) >= FRAME:
            if self.frames >= self._most:
                raise Unplayable("the file is too long")
            self._writer.add("audio", self.frames * OPUS_STEP_US, self._encoder.encode(self._pending[:FRAME]))
            self._pending = self._pending[FRAME:]
            self.frames += 1
            if self.frames % 50 == 0:
                tick()

    def end(self) -> None:
        with contextlib.suppress(av.error.FFmpegError, ValueError):
            self.add(None)
        if len(self._pending):
            self._pending = np.concatenate(
                (self._pending, np.zeros(FRAME - len(self._pending) % FRAME, np.int16))
            )
            self._encode()


class Picture:
    """Frames of one video stream, passed on as they are where the codec fits, else made into VP8."""

    def __init__(self, writer: Writer, stream: av.VideoStream, wanted: str, seconds: int) -> None:
        self._writer, self._stream = writer, stream
        self._most = seconds * 1_000_000
        context = stream.codec_context
        if not 0 < context.width * context.height <= MAX_PIXELS:
            raise Unplayable("the picture is too large")
        self.width, self.height = context.width, context.height
        self.codec = wanted
        self._first: int | None = None
        self._last = -1
        self._encoder: av.VideoCodecContext | None = None
        self._frames = 0
        self._filter: BitStreamFilterContext | None = None
        plain = not context.has_b_frames
        self.passes = context.name == "vp8" and wanted == "vp8"
        if wanted == "h264":
            if context.name == "h264" and plain:
                self.passes = True
                self._filter = BitStreamFilterContext("h264_mp4toannexb", stream)
            else:
                self.codec = "vp8"

    def packet(self, packet: av.Packet[Any]) -> None:
        if not self.passes:
            for frame in packet.decode():
                self._frame(frame)
            return
        for one in self._filter.filter(packet) if self._filter else [packet]:
            if one.size and one.pts is not None:
                self._put(
                    self._micros(one.pts, one.time_base or self._stream.time_base),
                    bytes(one),
                    one.is_keyframe,
                )

    def _micros(self, pts: int, base: Fraction | None) -> int:
        at = int(pts * (base or MICRO) / MICRO)
        if self._first is None:
            self._first = at
        return max(0, at - self._first)

    def _put(self, at: int, payload: bytes, key: bool) -> None:
        if at > self._most:
            raise Unplayable("the file is too long")
        self._writer.add("video", at, payload, keyframe=key)
        self._frames += 1
        if self._frames % 25 == 0:
            tick()

    def _frame(self, frame: av.VideoFrame) -> None:
        if frame.pts is None:
            return
        at = self._micros(frame.pts, frame.time_base or self._stream.time_base)
        if at <= self._last or (self._last >= 0 and at - self._last < 30_000):
            return  # at most 33 pictures a second
        self._last = at
        if self._encoder is None:
            self._encoder = self._open(frame)
        small = frame.reformat(self.width, self.height, "yuv420p")
        small.pts, small.time_base = at, MICRO
        for packet in self._encoder.encode(small):
            self._put(packet.pts or 0, bytes(packet), bool(packet.is_keyframe))

    def _open(self, frame: av.VideoFrame) -> av.VideoCodecContext:
        scale = min(1.0, MAX_SIDE / max(frame.width, frame.height))
        self.width, self.height = (max(2, int(side * scale) // 2 * 2) for side in (frame.width, frame.height))
        encoder = av.CodecContext.create("libvpx", "w")
        encoder.width, encoder.height = self.width, self.height
        encoder.pix_fmt, encoder.time_base = "yuv420p", MICRO
        encoder.framerate = Fraction(30)
        encoder.bit_rate = 1_200_000
        encoder.thread_count = 1
        encoder.options = {
            "deadline": "realtime", "cpu-used": "8", "g": str(KEY_EVERY), "lag-in-frames": "0",
            "auto-alt-ref": "0", "error-resilient": "1", "qmax": "56",
        }  # fmt: skip
        return encoder

    def end(self) -> None:
        if self.passes:
            return
        with contextlib.suppress(av.error.FFmpegError):
            for frame in self._stream.decode(None):
                self._frame(frame)
        if self._encoder is not None:
            for packet in self._encoder.encode(None):
                self._put(packet.pts or 0, bytes(packet), bool(packet.is_keyframe))


def tick() -> None:
    os.write(1, b".")


def decode(source: BinaryIO, target: BinaryIO, demuxer: str, picture: str, seconds: int) -> dict[str, Any]:
    """Everything: open, demux, decode, encode, write. Raises Unplayable and FFmpeg's errors."""
    # Own I/O and a list of no protocols: nothing the file names can be opened. No probing of other formats.
    options = {"protocol_whitelist": "none", "format_whitelist": _WHITELIST[demuxer]}
    with av.open(
        source, mode="r", format=demuxer, container_options=options, metadata_errors="replace"
    ) as file:
        writer = Writer(target)
        sound_stream = next(iter(file.streams.audio), None)
        video_stream = next(iter(file.streams.video), None) if picture != "none" else None
        if video_stream is not None and video_stream.disposition & 0x400:  # a cover picture in an MP3
            video_stream = None
        wanted = [one for one in (sound_stream, video_stream) if one is not None]
        if not wanted:
            raise Unplayable("the file contains no audio and no video")
        for one in wanted:
            one.codec_context.thread_count = 1
        sound = Sound(writer, seconds) if sound_stream is not None else None
        moving = Picture(writer, video_stream, picture, seconds) if video_stream is not None else None
        _run(file, wanted, sound, moving)
        frames = sound.frames if sound else 0
        if not frames and not (moving and moving._frames):
            raise Unplayable("nothing in the file could be decoded")
        if moving is None:
            return dict(writer.finish().__dict__)
        return dict(writer.finish(video=moving.codec, width=moving.width, height=moving.height).__dict__)


def _run(
    file: av.container.InputContainer, wanted: list[Any], sound: Sound | None, moving: Picture | None
) -> None:
    bad = 0
    packets = file.demux(wanted)
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                break
            if packet.stream.type == "video":
                if moving is not None and packet.size:
                    moving.packet(packet)
            elif sound is not None:
                for frame in packet.decode():
                    if isinstance(frame, av.AudioFrame):
                        sound.add(frame)
        except av.error.InvalidDataError:
            bad += 1
            if bad > 100:
                break
        except av.error.EOFError:
            break
    if sound is not None:
        sound.end()
    if moving is not None:
        moving.end()


_WHITELIST: Final = {
    "wav": "wav", "mp3": "mp3", "ogg": "ogg", "flac": "flac", "mov": "mov,mp4,m4a,3gp,3g2,mj2",
    "matroska": "matroska,webm",
}  # fmt: skip


def warm() -> None:
    """Load what is loaded late (numpy, libopus, codecs), while files can still be opened."""
    for module in pkgutil.walk_packages(av.__path__, "av."):
        if not module.name.startswith(("av.datasets", "av.__main__")):
            importlib.import_module(module.name)
    OpusEncoder(48000).encode(np.zeros(FRAME, np.int16))
    frame = av.VideoFrame(64, 64, "rgb24").reformat(32, 32, "yuv420p")
    encoder = av.CodecContext.create("libvpx", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 32, 32, "yuv420p", MICRO
    encoder.thread_count = 1
    encoder.encode(frame)
    av.AudioResampler(format="s16", layout="mono", rate=48000).resample(None)
    b"", b"".decode("latin-1"), "".encode("idna")
    av.logging.set_level(None)


def main() -> int:
    warm()
    with socket.socket(fileno=0) as line:
        message, descriptors, _, _ = socket.recv_fds(line, LONGEST_MESSAGE, 2)
    if len(descriptors) != 2:
        os._exit(0)  # nobody needs it any more
    source, target = os.fdopen(descriptors[0], "rb"), os.fdopen(descriptors[1], "wb")
    demuxer, picture, seconds = json.loads(message)
    try:
        give_up_rights()
    except Unconfined:
        found: dict[str, Any] = {"error": {"message": UNCONFINED}}
        os.write(1, json.dumps(found).encode() + b"\n")
        os._exit(0)
    tick()  # from here on every second of media is a sign of life
    try:
        found = {"ok": decode(source, target, demuxer, picture, int(seconds))}
    except Unplayable as problem:
        found = {"error": {"message": str(problem)}}
    except MemoryError:
        found = {"error": {"message": "the file needs too much memory"}}
    except (av.error.FFmpegError, ValueError, OSError, ArithmeticError, LookupError, TypeError, RuntimeError):
        found = {"error": {"message": "the file could not be decoded"}}
    os.write(1, b"\n" + json.dumps(found).encode() + b"\n")
    os._exit(0)
