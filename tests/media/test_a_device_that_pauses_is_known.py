"""A device that sends nothing while nobody talks (DTX) is told from one whose packets were lost."""

from __future__ import annotations

from calling.media.rtp.dtx import PAUSED, Dtx

TALKS = 50  # packets a second


def test_a_pause_in_which_nothing_is_lost_is_dtx() -> None:
    dtx = Dtx()
    for rate in (TALKS, PAUSED - 1, 0, 0):
        dtx.on_second(rate, 3, True)
        assert not dtx.seen, "it may be over, or packets may be lost"
    dtx.on_second(TALKS, 3, True)
    assert dtx.seen


def test_a_gap_in_which_packets_were_lost_is_none() -> None:
    dtx = Dtx()
    for rate, lost in ((TALKS, 0), (0, 0), (TALKS, 50), (TALKS, 50)):
        dtx.on_second(rate, lost, True)
    assert not dtx.seen


def test_as_many_packets_as_in_words_are_no_pause() -> None:
    dtx = Dtx()
    for rate in (TALKS, PAUSED, TALKS):
        dtx.on_second(rate, 0, True)
    assert not dtx.seen


def test_the_wait_for_the_first_packet_is_no_pause() -> None:
    dtx = Dtx()
    for rate, begun in ((0, False), (0, False), (TALKS, True)):
        dtx.on_second(rate, 0, begun)
    assert not dtx.seen


def test_a_pause_that_is_forgotten_counts_no_more_and_what_was_seen_stays() -> None:
    dtx = Dtx()
    dtx.on_second(0, 0, True)
    dtx.forget_pause()
    dtx.on_second(TALKS, 0, True)
    assert not dtx.seen
    for rate in (0, TALKS):
        dtx.on_second(rate, 0, True)
    dtx.forget_pause()
    for rate, lost in ((0, 0), (TALKS, 9)):
        dtx.on_second(rate, lost, True)
    assert dtx.seen
