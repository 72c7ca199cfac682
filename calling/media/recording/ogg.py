"""Ogg/Opus on disk, packet by packet: what a device sent goes to the file as it came.

Two channels are two mono streams side by side (RFC 7845's channel mapping family 1, none coupled), so a call
of two is recorded, each on a channel, and nothing is decoded. Pages are written whole, once a second (RFC
3533), so the file stays playable when its writer is killed; a full disk raises OSError at once.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from calling.media.codecs.opus import OpusEncoder, Pcm, opus_samples
from calling.media.recording.writers import FRAME, PAGE_PACKETS, RATE, Sound, write_all

SILENCE: Final = b"\xf8\xff\xfe"  # 20 ms of it
PAGE_BYTES: Final = 40_000  # at most 255 segments of 255 octets each, and a packet ends within one
LONGEST: Final = 1275  # octets of a frame (RFC 6716 section 3.2.1)
_REVERSED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def ogg_checksum(page: bytes | bytearray) -> int:
    """RFC 3533's CRC-32: not reflected, no xor. zlib's is reflected, so the bits of each octet and of the
    result are turned round."""
    value = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(value.to_bytes(4, "little").translate(_REVERSED), "big")


def passes(payload: bytes) -> bool:
    """Whether a packet can stand beside another one: one frame of 20 ms."""
    return 0 < len(payload) <= 1 + LONGEST and not payload[0] & 3 and opus_samples(payload) == FRAME


def lost_after(payload: bytes) -> bytes:
    """The packet of a lost frame: of the kind of the last one, and empty, so that a decoder conceals it."""
    return bytes((payload[0] & 0xFC,))


def delimited(payload: bytes) -> bytes:
    """A packet of one frame, saying its own length (RFC 6716 appendix B)."""
    size = len(payload) - 1
    length = bytes((size,)) if size < 252 else bytes((252 + (size & 3), (size - 252) >> 2))
    return payload[:1] + length + payload[1:]


class OggWriter:
    """One mono stream, or two. `add` takes samples; `add_opus` takes a packet for each channel, and with two
    channels each must pass (`passes`); `encoded` makes one."""

    def __init__(self, path: Path, channels: int = 1) -> None:
        self._file = path.open("wb", buffering=0)
        self._serial = int.from_bytes(path.name.encode()[-4:], "little")
        self._number = self._granule = 0
        self._packets: list[bytes] = []
        self._size = 0
        self._encoders: dict[int, OpusEncoder] = {}
        family = b"\0" if channels == 1 else bytes((1, channels, 0, *range(channels)))
        head = struct.pack("<8sBBHIh", b"OpusHead", 1, channels, 0, RATE, 0) + family
        tags = b"OpusTags" + struct.pack("<I", 10) + b"Callwright" + struct.pack("<I", 0)
        self._page([head], 0, flags=2)
        self._page([tags], 0)

    def add(self, pcm: Sound) -> None:
        self.add_opus([self.encoded(channel, pcm[:, channel]) for channel in range(pcm.shape[1])], FRAME)

    def encoded(self, channel: int, pcm: Pcm) -> bytes:
        """20 ms of a channel's samples as a packet."""
        encoder = self._encoders.get(channel)
        if encoder is None:
            encoder = self._encoders[channel] = OpusEncoder(RATE)
        return encoder.encode(pcm)

    def add_opus(self, payloads: Sequence[bytes], samples: int) -> None:
        """The channels' packets of the same `samples`."""
        *others, last = payloads
        packet = b"".join((*map(delimited, others), last))
        self._packets.append(packet)
        self._size += len(packet)
        self._granule += samples
        if len(self._packets) >= PAGE_PACKETS or self._size > PAGE_BYTES:
            self._flush()

    def _flush(self, *, last: bool = False) -> None:
        packets, self._packets, self._size = self._packets, [], 0
        if packets or last:
            self._page(packets, self._granule, flags=4 if last else 0)

    def _page(self, packets: list[bytes], granule: int, flags: int = 0) -> None:
        lacing = b"".join(b"\xff" * (len(packet) // 255) + bytes((len(packet) % 255,)) for packet in packets)
        head = struct.pack("<4sBBqIII", b"OggS", 0, flags, granule, self._serial, self._number, 0)
        page = bytearray(b"".join((head, bytes((len(lacing),)), lacing, *packets)))
        page[22:26] = ogg_checksum(page).to_bytes(4, "little")
        self._number += 1
        write_all(self._file, bytes(page))

    def close(self) -> None:
        try:
            self._flush(last=True)
        finally:
            self._file.close()
