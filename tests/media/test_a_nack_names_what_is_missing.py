"""What is asked for, how often and until when, number by number (RFC 4585)."""

from __future__ import annotations

import pytest

from calling.media.rtp.nack import FIRST, FOLLOWED, LIVES, MOST, PICTURES, SOUND, Limits, Missing

NOW, RTT = 1000.0, 0.1


def after(sequence: int, step: int, limits: Limits = SOUND) -> Missing:
    missing = Missing(limits)
    assert missing.gap(sequence, step)
    return missing


@pytest.mark.parametrize(
    ("sequence", "step", "lost"),
    [
        (14, 3, [12, 13]),
        (11, 1, []),
        (0, 2, [65535]),
        (1, 4, [65534, 65535, 0]),
        (65535, 2, [65534]),
    ],
)
def test_every_number_between_two_packets_is_asked_for_at_once(
    sequence: int, step: int, lost: list[int]
) -> None:
    missing = after(sequence, step)
    assert sorted(missing) == sorted(lost)
    assert sorted(missing.due(sequence, NOW, RTT)) == sorted(lost)
    assert missing.due(sequence, NOW, RTT) == [], "and not twice at the same time"


@pytest.mark.parametrize(
    ("rtt", "pause"), [(0.0, FIRST), (0.02, FIRST), (0.1, 0.15), (0.13, 0.195), (3.0, MOST)]
)
def test_it_is_asked_for_again_after_one_and_a_half_round_trips_within_bounds(
    rtt: float, pause: float
) -> None:
    missing = after(12, 2)
    assert missing.due(12, NOW, rtt) == [11]
    assert missing.due(12, NOW + pause - 0.001, rtt) == []
    assert missing.due(12, NOW + pause + 0.001, rtt) == [11]


@pytest.mark.parametrize("limits", [SOUND, PICTURES])
def test_it_is_given_up_when_the_last_request_has_brought_nothing(limits: Limits) -> None:
    missing, now = after(12, 2, limits), NOW
    for _ in range(limits.tries):
        assert missing.due(12, now, RTT) == [11]
        now += 1.0
    last = now - 1.0
    assert missing.due(12, last + LIVES - 0.001, RTT) == [] and 11 in missing, "it may come yet"
    assert missing.due(12, last + LIVES, RTT) == [] and not missing


@pytest.mark.parametrize("limits", [SOUND, PICTURES])
@pytest.mark.parametrize("lost", [11, 65535])
def test_it_is_given_up_when_it_is_too_old(limits: Limits, lost: int) -> None:
    missing = after((lost + 1) & 0xFFFF, 2, limits)
    assert missing.due((lost + limits.age) & 0xFFFF, NOW, RTT) == [lost]
    assert missing.due((lost + limits.age + 1) & 0xFFFF, NOW + 1, RTT) == [] and not missing


def test_what_came_is_not_asked_for_and_comes_once() -> None:
    missing = after(14, 3)
    assert missing.pop(12, None) is not None
    assert missing.pop(12, None) is None, "a duplicate of it is no repair"
    assert missing.due(14, NOW, RTT) == [13]


@pytest.mark.parametrize("limits", [SOUND, PICTURES])
def test_behind_a_gap_that_is_too_long_nothing_is_asked_for(limits: Limits) -> None:
    missing = after(12, 2, limits)
    assert missing.gap(12 + limits.gap, limits.gap)
    assert not missing.gap(13 + 2 * limits.gap, limits.gap + 1)
    assert not missing, "nor what was missing before it"


def test_of_many_gaps_the_newest_are_followed() -> None:
    missing = Missing(PICTURES)
    for sequence in range(2, 2 * FOLLOWED + 12, 2):
        missing.gap(sequence, 2)
    assert sorted(missing) == list(range(11, 2 * FOLLOWED + 11, 2)) and len(missing) == FOLLOWED
