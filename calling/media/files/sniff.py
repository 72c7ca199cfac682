"""What a file is, from its first bytes: only the containers Callwright plays, never a playlist. Pure.

The answer is the demuxer FFmpeg gets told, so that its own probing, which knows playlists, images, scripts
and hundreds of other formats, never runs.
"""

from __future__ import annotations

from typing import Final

HEAD: Final = 4096
_BRANDS: Final = (
    b"isom",
    b"iso2",
    b"iso4",
    b"iso5",
    b"iso6",
    b"mp41",
    b"mp42",
    b"avc1",
    b"M4A ",
    b"M4V ",
    b"qt  ",
    b"dash",
    b"3gp4",
    b"3gp5",
    b"MSNV",
    b"M4B ",
    b"f4v ",
)


def sniff(head: bytes) -> str | None:
    """'wav', 'mp3', 'ogg', 'flac', 'mov' (MP4, MOV, M4A), 'matroska' (WebM) or None."""
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"OggS":
        return "ogg"
    if head[:4] == b"fLaC":
        return "flac"
    if head[:4] == b"\x1a\x45\xdf\xa3" and (b"webm" in head[:64] or b"matroska" in head[:64]):
        return "matroska"
    if head[4:8] == b"ftyp" and head[8:12] in _BRANDS:
        return "mov"
    if head[4:8] in (b"moov", b"mdat", b"wide") and len(head) > 16:  # QuickTime before ftyp was invented
        return "mov"
    if head[:3] == b"ID3" and len(head) > 10 and all(byte < 128 for byte in head[6:10]):
        return _after_id3(head)
    return "mp3" if _mpeg_audio(head, 0) else None


def _after_id3(head: bytes) -> str | None:
    size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
    at = 10 + size
    if at + 4 > len(head):
        return "mp3"  # a tag with a picture: the sound comes later
    if head[at : at + 4] == b"fLaC":
        return "flac"
    return (
        "mp3" if any(_mpeg_audio(head, place) for place in range(at, min(at + 1024, len(head) - 4))) else None
    )


_RATES: Final = {0b11: (44100, 48000, 32000), 0b10: (22050, 24000, 16000), 0b00: (11025, 12000, 8000)}
_BITS_1: Final = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_BITS_2: Final = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)


def _mpeg_audio(head: bytes, at: int) -> bool:
    """Two layer III frame headers in a row (one where the head ends before the second)."""
    size = _frame_size(head, at)
    if size is None:
        return False
    following = at + size
    return following + 4 > len(head) or _frame_size(head, following) is not None


def _frame_size(head: bytes, at: int) -> int | None:
    if at + 4 > len(head) or head[at] != 0xFF or head[at + 1] & 0xE6 != 0xE2:  # sync, layer III
        return None
    version, bits, rate = head[at + 1] >> 3 & 3, head[at + 2] >> 4, head[at + 2] >> 2 & 3
    if version not in _RATES or bits in (0, 15) or rate == 3:
        return None
    kbps = (_BITS_1 if version == 3 else _BITS_2)[bits]
    return (144 if version == 3 else 72) * kbps * 1000 // _RATES[version][rate] + (head[at + 2] >> 1 & 1)
