"""The order of an answer's sections, as version 3 of the SDK expects it."""

from __future__ import annotations

import pytest

from calling.signalwire.browser import rpc
from calling.signalwire.browser.answer_order import audio_first, for_version_3

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
    changed = for_version_3(answer)
    assert changed["params"]["params"]["params"] == {"callID": "C1", "sdp": HEAD + SOUND + PICTURE}
    assert changed["id"] == answer["id"]
    for other in (
        rpc.verto_event("verto.bye", {"callID": "C1"}),
        rpc.verto_event("verto.invite", {"callID": "C1", "sdp": HEAD + PICTURE + SOUND}),
        rpc.event("call.joined", {"call_id": "C1"}),
    ):
        assert for_version_3(other) == other
