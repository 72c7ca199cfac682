"""Packets are found by number for as long as they are kept, and never one for another."""

from __future__ import annotations

import pytest

from calling.media.rtp.packet_history import PICTURES_KEPT, SOUND_KEPT, PacketHistory


def filled(size: int, first: int, count: int) -> PacketHistory:
    history = PacketHistory(size)
    history.keep(((first + n) & 0xFFFF, b"%d" % ((first + n) & 0xFFFF)) for n in range(count))
    return history


@pytest.mark.parametrize("size", [SOUND_KEPT, PICTURES_KEPT])
@pytest.mark.parametrize("first", [10, 65535 - 3])
def test_as_many_as_fit_are_found_and_the_one_before_is_not(size: int, first: int) -> None:
    history = filled(size, first, size + 1)
    found = [history.packet((first + n) & 0xFFFF) for n in range(size + 2)]
    assert found == [None, *(b"%d" % ((first + n) & 0xFFFF) for n in range(1, size + 1)), None]


def test_a_duplicate_stands_for_the_first() -> None:
    history = filled(SOUND_KEPT, 10, 5)
    history.keep([(12, b"again")])
    assert [history.packet(n) for n in (11, 12, 13)] == [b"11", b"again", b"13"]


def test_a_number_of_another_round_is_not_found() -> None:
    history = filled(SOUND_KEPT, 10, 5)
    assert history.packet(12 + SOUND_KEPT) is None and history.packet((12 - SOUND_KEPT) & 0xFFFF) is None


def test_nothing_is_found_before_the_first_packet_or_when_the_numbers_begin_anew() -> None:
    history = PacketHistory(SOUND_KEPT)
    assert [history.packet(n) for n in (0, 1, 65535)] == [None] * 3
    history = filled(SOUND_KEPT, 0, 5)
    history.forget()
    assert [history.packet(n) for n in range(5)] == [None] * 5
    history.keep([(3, b"new")])
    assert history.packet(3) == b"new" and len(history) == SOUND_KEPT
