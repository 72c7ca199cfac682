"""`/ws/events`: backlog then live without a seam, filters, cursors, keys that are taken back."""

from __future__ import annotations

import json
import time

import pytest
from websockets.sync.client import connect

from calling import models
from calling.calls import control
from calling.webhooks import publish
from tests.sockets.phones import OPEN, Phone
from tests.support import fake_worker
from tokens.models import ApiToken


class Reader(Phone):
    """A back end that follows the log; frames are `{cursor, event}`."""

    def __init__(self, port: int) -> None:
        self.socket = connect(
            f"ws://127.0.0.1:{port}/ws/events", open_timeout=5, legacy=True, close_timeout=0.3
        )
        self.heard, self.device_id = [], None
        OPEN.append(self)

    def follow(self, cast, **fields) -> None:
        self.send("auth", project_id=str(cast.project.id), api_token=cast.api_token, **fields)

    def event(self, type: str) -> tuple[str, dict]:
        frame = self.next()
        assert set(frame) == {"cursor", "event"}, frame
        assert frame["event"]["type"] == type, frame
        return frame["cursor"], frame["event"]


def say(cast, text: str, type: str = "webhook.disabled") -> None:
    control.record_project_event(cast.project.id, type, {"n": text})
    publish.publish_round()


def test_the_socket_starts_at_the_moment_it_was_opened(port, cast):
    say(cast, "before")
    time.sleep(0.05)
    reader = Reader(port)
    time.sleep(0.05)
    say(cast, "between")  # after the handshake, before the first frame
    reader.follow(cast)
    say(cast, "after")
    assert [reader.event("webhook.disabled")[1]["data"]["n"] for _ in range(2)] == ["between", "after"]


@pytest.mark.parametrize(("pattern", "nearest"), [("cals.*", "call.*"), ("call.anwsered", "call.answered")])
def test_a_pattern_that_can_match_nothing_is_refused_as_over_rest(port, cast, pattern, nearest):
    reader = Reader(port)
    reader.follow(cast, types=["call.*", pattern])
    error = reader.next()
    assert (error["type"], error["code"]) == ("error", "unknown_parameter")
    assert error["message"] == f"There is no event type {pattern} here; the nearest is {nearest}."
    assert reader.closed_with() == 4409


def test_backlog_and_live_have_no_seam_and_a_cursor_resumes_exactly(port, cast):
    for number in range(120):
        say(cast, str(number))
    reader = Reader(port)
    reader.follow(cast, after="0")
    seen = []
    for number in range(130):
        if number == 60:
            for more in range(120, 130):
                say(cast, str(more))
        cursor, event = reader.event("webhook.disabled")
        seen.append(event["data"]["n"])
        if number == 99:
            middle = cursor
    assert seen == [str(number) for number in range(130)]
    again = Reader(port)
    again.follow(cast, after=middle)
    assert again.event("webhook.disabled")[1]["data"]["n"] == "100"


def test_the_frames_are_those_of_rest(port, cast):
    say(cast, "x")
    reader = Reader(port)
    reader.follow(cast, after="0")
    cursor, event = reader.event("webhook.disabled")
    (entry,) = cast.rest.get("/api/events").json()["data"]
    assert entry == {"cursor": cursor, "event": event}


def test_types_filter_with_wildcards(port, cast):
    reader = Reader(port)
    reader.follow(cast, types=["call.*", "project.suspended"], after="0")
    for type in ("webhook.disabled", "project.suspended", "call.expiring", "callx.y"):
        say(cast, type, type)
    reader.event("project.suspended")
    reader.event("call.expiring")


def test_a_calls_events_come_in_sequence_without_sdp(port, cast):
    reader = Reader(port)
    reader.follow(cast, types=["call.*", "leg.*"], after="0")
    call_id = fake_worker.talking(cast)
    cast.alice.rest.post(f"/api/calls/{call_id}/hangup")
    publish.publish_round()
    frames = [reader.next()["event"] for _ in fake_worker.event_types(call_id)]
    assert [frame["data"]["sequence"] for frame in frames] == list(range(1, len(frames) + 1))
    assert frames[-1]["type"] == "call.ended"
    assert "fingerprint" not in json.dumps(frames)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"after": "abc"}, 4409),
        ({"after": 5}, 4409),
        ({"types": "call.*;"}, 4409),
        ({"api_token": "x"}, 4401),
    ],
)
def test_a_wrong_beginning_is_told_and_closed(port, cast, fields, code):
    reader = Reader(port)
    wanted = {"project_id": str(cast.project.id), "api_token": cast.api_token}
    reader.send("auth", **{**wanted, **fields})
    assert reader.next()["type"] == "error"
    assert reader.closed_with() == code


def test_another_projects_key_sees_nothing_of_this_one(port, cast, mallory):
    reader = Reader(port)
    reader.send("auth", project_id=str(cast.project.id), api_token=mallory.api_token)
    assert reader.closed_with() == 4401
    theirs = Reader(port)
    theirs.follow(mallory, after="0")
    say(cast, "secret")
    theirs.silent_for(0.5)


def test_a_cursor_past_retention_is_cursor_expired(port, cast):
    for number in range(3):
        say(cast, str(number))
    models.Event.objects.filter(position__lte=2).delete()
    reader = Reader(port)
    reader.follow(cast, after="1")
    reader.refused("cursor_expired")
    assert reader.closed_with() == 4409


def test_a_revoked_key_closes_the_stream_within_two_seconds(port, cast):
    reader = Reader(port)
    reader.follow(cast)
    say(cast, "x")
    reader.next()
    ApiToken.objects.filter(project=cast.project).delete()
    assert reader.closed_with(4) == 4401


def test_a_reader_that_takes_nothing_is_closed_4409_and_loses_nothing(port, cast):
    big = "x" * 60_000
    for number in range(150):
        control.record_project_event(cast.project.id, "webhook.disabled", {"n": number, "big": big})
    publish.publish_round()
    reader = connect(
        f"ws://127.0.0.1:{port}/ws/events", open_timeout=5, legacy=True, max_queue=1, close_timeout=1
    )
    first = {"type": "auth", "project_id": str(cast.project.id), "api_token": cast.api_token, "after": "0"}
    reader.send(json.dumps(first))
    time.sleep(12)  # longer than a frame may take
    last, code = None, None
    try:
        while True:
            last = json.loads(reader.recv(timeout=5))
    except Exception as closed:
        code = getattr(getattr(closed, "rcvd", None), "code", None)
    assert code in (4409, None)  # the closing frame itself may find no room
    again = Reader(port)
    again.follow(cast, after=last["cursor"])
    assert again.event("webhook.disabled")[1]["data"]["n"] == last["event"]["data"]["n"] + 1
