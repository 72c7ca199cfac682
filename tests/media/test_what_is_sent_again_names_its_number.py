"""RFC 4588: the number of the lost packet stands before the payload, whatever the header holds."""

from __future__ import annotations

import pytest

from calling.media.rtp import rtx

PLAIN = bytes.fromhex("806f 0007 00000064 00000009")
SOURCES = bytes.fromhex("826f 0007 00000064 00000009 00000001 00000002")  # two contributing sources
EXTENDED = bytes.fromhex("906f 0007 00000064 00000009 bede0001 10aa0000")


def in_buffer(packet: bytes) -> memoryview:
    return memoryview(bytearray(packet + bytes(2048 - len(packet))))


@pytest.mark.parametrize("header", [PLAIN, SOURCES, EXTENDED])
@pytest.mark.parametrize("sequence", [0, 7, 258, 65535])
def test_it_goes_in_and_comes_out(header: bytes, sequence: int) -> None:
    view = in_buffer(header + b"sound")
    size = rtx.wrap(view, len(header) + 5, sequence)
    assert size == len(header) + 7
    assert bytes(view[:size]) == header + sequence.to_bytes(2, "big") + b"sound"
    assert rtx.unwrap(view, size) == (sequence, len(header) + 5)
    assert bytes(view[: size - 2]) == header + b"sound"


def test_padding_is_taken_off() -> None:
    packet = bytes((PLAIN[0] | 0x20,)) + PLAIN[1:] + b"\x01\x02sound\x00\x00\x03"
    view = in_buffer(packet)
    assert rtx.unwrap(view, len(packet)) == (258, len(PLAIN) + 5)
    assert bytes(view[: len(PLAIN) + 5]) == PLAIN + b"sound"


@pytest.mark.parametrize("payload", [b"", b"\x01", b"\x01\x02"])
def test_one_without_a_payload_probes_the_bandwidth(payload: bytes) -> None:
    packet = PLAIN + payload
    view = in_buffer(packet)
    assert rtx.unwrap(view, len(packet)) is None
    assert bytes(view[: len(packet)]) == packet


def test_one_of_padding_alone_probes_the_bandwidth() -> None:
    packet = bytes((PLAIN[0] | 0x20,)) + PLAIN[1:] + bytes(9) + b"\x0a"
    assert rtx.unwrap(in_buffer(packet), len(packet)) is None


@pytest.mark.parametrize("cut", [1, 4])
def test_a_header_that_does_not_fit_is_left_alone(cut: int) -> None:
    packet = EXTENDED[:-cut]
    view = in_buffer(packet)
    assert rtx.wrap(view, len(packet), 7) is None and rtx.unwrap(view, len(packet)) is None
    assert bytes(view[: len(packet)]) == packet


@pytest.mark.parametrize(("size", "fits"), [(rtx.MAX_SIZE - 2, True), (rtx.MAX_SIZE - 1, False)])
def test_one_that_grows_too_large_is_not_sent_again(size: int, fits: bool) -> None:
    view = in_buffer(PLAIN + bytes(size - len(PLAIN)))
    assert rtx.wrap(view, size, 7) == (rtx.MAX_SIZE if fits else None)
