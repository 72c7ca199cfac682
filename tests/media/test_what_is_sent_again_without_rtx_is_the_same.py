"""Without RTX a lost packet is sent again under its own number: to the byte as it was, or not at all.

Two headers under one number tell who listens the key that authenticates AES-GCM (RFC 7714 section 8.1)."""

from __future__ import annotations

import pytest

from calling.media.rtp.receive_stream import RtpReceiveStream
from calling.media.rtp.retransmission import ASKS, RESENDS_PER_SECOND
from calling.sdp.model import ABS_SEND_TIME, MID
from tests.media.test_the_link_to_a_viewer_is_estimated import Leg


def leg(extensions: dict[str, int]) -> Leg:
    """A viewer that has agreed to no RTX."""
    made = Leg(None, extensions, extensions)
    assert made.sender.line is not None
    made.sender.line.rtx, made.sender.line.mid = {}, "1"
    made.sender.outgoing.bind(made.sender.line, made.wire)
    return made


def asked(made: Leg) -> list[bytes]:
    """What is sent where each packet that went out is asked for."""
    before = list(made.wire.sent)
    made.sender.resend(tuple(int.from_bytes(data[2:4], "big") for data in before))
    found = made.wire.sent[len(before) :]
    assert all(data in before for data in found)
    return found


async def test_it_is_sent_as_it_was() -> None:
    made = leg({})
    for sequence in range(1, 4):
        made.shows(sequence)
    assert asked(made) == made.wire.sent[:3]


async def test_what_told_its_section_is_not_sent_again_once_others_do_not() -> None:
    made = leg({MID: 4})
    for sequence in range(1, 4):
        made.shows(sequence)
    assert len(asked(made)) == 3
    made.sender.reported(0.0)
    del made.wire.sent[3:]
    made.shows(4)
    assert asked(made) == made.wire.sent[3:4]


async def test_what_told_when_it_left_is_not_sent_again() -> None:
    made = leg({ABS_SEND_TIME: 2})
    made.shows(1, theirs=2)
    made.sender.stamp_send_times(True)
    assert asked(made) == []


async def test_a_flood_of_requests_is_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    made, looked = leg({}), list[int]()
    made.shows(1)
    monkeypatch.setattr(RtpReceiveStream, "kept", lambda stream, number: looked.append(number))
    last = made.sender.outgoing.last_seq
    for _ in range(20):
        made.sender.resend(tuple((last + ahead) & 0xFFFF for ahead in range(5000)))
    assert len(looked) == ASKS * RESENDS_PER_SECOND["video"]
    made.sender.on_second()
    made.sender.resend((last,))
    assert len(looked) == ASKS * RESENDS_PER_SECOND["video"] + 1
