"""What version 3 of the SDK is told otherwise: the order of answers, and that its screen has begun."""

from __future__ import annotations

import pytest

from calling.signalwire.browser import rpc
from calling.signalwire.browser.translate import ClientView
from calling.signalwire.browser.version_3 import audio_first, fitted, in_levels, in_percent, part_joined

HEAD = "v=0\r\ns=-\r\na=group:BUNDLE 0 1\r\n"
SOUND = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:1\r\na=recvonly\r\n"
PICTURE = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=recvonly\r\n"


def test_a_picture_before_the_sound_goes_behind_it_and_nothing_is_lost() -> None:
    assert audio_first(HEAD + PICTURE + SOUND) == HEAD + SOUND + PICTURE


@pytest.mark.parametrize(
    "sections", ["", SOUND, PICTURE, SOUND + PICTURE, PICTURE + PICTURE, PICTURE + SOUND + PICTURE]
)
def test_any_other_answer_stays_as_it_is(sections: str) -> None:
    assert audio_first(HEAD + sections) == HEAD + sections


def test_of_events_only_the_answer_changes() -> None:
    answer = rpc.verto_event("verto.answer", {"callID": "C1", "sdp": HEAD + PICTURE + SOUND})
    changed = fitted(answer)
    assert changed["params"]["params"]["params"] == {"callID": "C1", "sdp": HEAD + SOUND + PICTURE}
    assert changed["id"] == answer["id"]
    for other in (
        rpc.verto_event("verto.bye", {"callID": "C1"}),
        rpc.verto_event("verto.invite", {"callID": "C1", "sdp": HEAD + PICTURE + SOUND}),
        rpc.event("call.joined", {"call_id": "C1"}),
    ):
        assert fitted(other) == other


def test_a_screen_that_has_begun_is_a_member_of_its_party() -> None:
    screen = ClientView("c2", "l2", "S1", part_of="l1")
    event = part_joined(screen, ClientView("c1", "l1", "C1"))["params"]
    assert event["event_type"] == "video.member.joined"
    assert event["params"] == {
        "call_id": "C1", "member": {"id": "l2", "parent_id": "l1", "call_id": "S1"}
    }  # fmt: skip


@pytest.mark.parametrize(("level", "percent"), [(-50, 0), (-25, 50), (0, 100), (50, 200)])
def test_its_volumes_are_levels(level: int, percent: int) -> None:
    request = rpc.Request("r1", "call.microphone.volume.set", {"volume": level, "self": {}})
    assert in_percent(request).params == {"volume": percent, "self": {}}
    told = {"room_session": {"members": [{"input_volume": percent, "output_volume": percent, "name": "a"}]}}
    own = {"room_session": {"members": [{"input_volume": level, "output_volume": level, "name": "a"}]}}
    assert in_levels(told) == own


def test_what_is_no_volume_stays_what_it_is() -> None:
    for given in ({}, {"volume": True}, {"volume": "5"}, {"volume": None}, {"value": 5}):
        request = rpc.Request("r1", "call.lock", given)
        assert in_percent(request) == request
    event = rpc.event(
        "member.updated", {"member": {"input_sensitivity": 40, "deaf": True, "input_volume": None}}
    )
    assert fitted(event) == event
