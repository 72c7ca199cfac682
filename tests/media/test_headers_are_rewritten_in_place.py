"""RTP headers, extensions and VP8 descriptors: read and rewritten without moving a byte, whatever comes."""

from __future__ import annotations

import random
import struct

import pytest

from calling.media.rtp.header import (
    add_extension,
    element,
    extension,
    h264_key,
    payload_end,
    payload_offset,
    renumber_extensions,
    vp8,
)
from calling.media.rtp.vp8_rewriter import Vp8Rewriter
from calling.sdp.model import Codec

VP8 = Codec("VP8", 90000, 1, 96)


def packet(elements: bytes = b"", payload: bytes = b"abc", csrc: int = 0, padding: int = 0) -> bytearray:
    first = 0x80 | csrc | (0x10 if elements else 0) | (0x20 if padding else 0)
    head = struct.pack("!BBHII", first, 96, 7, 8, 9) + bytes(4 * csrc)
    if elements:
        elements += bytes(-len(elements) % 4)
        head += struct.pack("!HH", 0xBEDE, len(elements) // 4) + elements
    tail = bytes(padding - 1) + bytes([padding]) if padding else b""
    return bytearray(head + payload + tail)


def test_the_payload_is_found_behind_sources_extensions_and_before_padding() -> None:
    data = packet(b"\x10\x55", b"payload", csrc=2, padding=5)
    view = memoryview(data)
    at = payload_offset(view, len(data))
    assert at is not None and bytes(view[at : payload_end(view, len(data))]) == b"payload"


def test_extensions_get_their_new_numbers_and_unknown_ones_vanish() -> None:
    data = packet(b"\x10\x55" + b"\x32abc" + b"\x00" + b"\x41xy")
    view = memoryview(data)
    renumber_extensions(view, len(data), {1: 5, 3: 2})
    assert bytes(extension(view, len(data), 5) or b"") == b"\x55"
    assert bytes(extension(view, len(data), 2) or b"") == b"abc"
    assert extension(view, len(data), 4) is None
    assert bytes(view[-3:]) == b"abc"


@pytest.mark.parametrize("elements", [b"", b"\x10\x55", b"\x10\x55\x32abc", b"\x10\x55\x00\x00\x41xy"])
@pytest.mark.parametrize("mid", [b"2", b"video-17", b"sixteen letters!"])
@pytest.mark.parametrize(("csrc", "padding"), [(0, 0), (2, 0), (0, 5), (3, 4)])
def test_an_extension_is_added_and_all_else_is_as_it_was(
    elements: bytes, mid: bytes, csrc: int, padding: int
) -> None:
    data = packet(elements, b"payload", csrc, padding)
    size = len(data)
    before = bytes(data)
    data += bytes(100)
    view = memoryview(data)
    longer = add_extension(view, size, element(9, mid))
    assert bytes(extension(view, longer, 9) or b"") == mid
    for number in (1, 3, 4):
        there = extension(memoryview(bytearray(before)), size, number)
        assert extension(view, longer, number) == there
    at = payload_offset(view, longer)
    assert at is not None and bytes(view[at : payload_end(view, longer)]) == b"payload"
    assert bytes(view[1 : 12 + 4 * csrc]) == before[1 : 12 + 4 * csrc]
    again = bytes(view)
    assert add_extension(view, longer, element(9, b"other")) == longer and bytes(view) == again


@pytest.mark.parametrize(("number", "data"), [(9, b""), (9, b"seventeen letters"), (0, b"2"), (15, b"2")])
def test_what_has_no_room_in_a_one_byte_header_is_no_element(number: int, data: bytes) -> None:
    assert element(number, data) == b""


def test_broken_headers_are_survived() -> None:
    dice = random.Random(11)
    for _ in range(20_000):
        data = bytearray(dice.randbytes(dice.randint(13, 60)))
        data[0] = 0x80 | data[0] & 0x3F
        view, size = memoryview(data), len(data)
        at = payload_offset(view, size)
        extension(view, size, 3)
        renumber_extensions(view, size, {1: 2, 2: 3, 3: 1})
        grown = memoryview(bytearray(bytes(view) + bytes(8)))
        assert add_extension(grown, size, element(5, b"2")) <= size + 8
        if at is not None:
            vp8(view, at, payload_end(view, size))
            h264_key(view, at, payload_end(view, size))
        assert len(data) == size


def picture(number: int, base: int, key: bool = True) -> bytearray:
    return packet(
        payload=bytes((0x90, 0xC0, 0x80 | number >> 8, number & 255, base, 0 if key else 1)) + b"data"
    )


def test_picture_numbers_go_on_when_the_source_changes() -> None:
    numbers = Vp8Rewriter()
    old, new = picture(32767, 255), picture(500, 10)
    numbers.follow(bytes(old), VP8, memoryview(new), len(new))
    numbers.rewrite(memoryview(new), len(new))
    found = vp8(memoryview(new), 12, len(new))
    assert found is not None and (found.picture, found.tl0, found.key) == (0, 0, True)
    later = picture(501, 11, key=False)
    numbers.rewrite(memoryview(later), len(later))
    found = vp8(memoryview(later), 12, len(later))
    assert found is not None and (found.picture, found.tl0, found.key) == (1, 1, False)


def test_pictures_go_through_as_they_are_until_numbers_differ() -> None:
    numbers = Vp8Rewriter()
    assert not numbers.needed
    old, new = picture(7, 3), picture(8, 4)
    numbers.follow(bytes(old), VP8, memoryview(new), len(new))
    assert not numbers.needed, "it goes on by itself"
    numbers.leave_out(2)
    assert numbers.needed
    later = picture(11, 5, key=False)
    numbers.rewrite(memoryview(later), len(later))
    found = vp8(memoryview(later), 12, len(later))
    assert found is not None and (found.picture, found.tl0) == (9, 5)
    numbers.reset()
    assert not numbers.needed


def test_key_frames_are_known_in_both_codecs() -> None:
    for payload, key in ((b"\x65x", True), (b"\x67x", True), (b"\x41x", False), (b"\x7c\x85", True),
                         (b"\x7c\x05", False), (b"\x78\x00\x02\x67x\x00\x01\x65", True)):  # fmt: skip
        assert h264_key(memoryview(payload), 0, len(payload)) is key
