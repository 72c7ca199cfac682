"""A media worker, a device and the clock, played by hand: no packet is needed to drive a call."""

from __future__ import annotations

from uuid import UUID, uuid4

from calling import models, presence
from calling.calls import control, queries
from calling.machine import inputs
from calling.machine.states import Call, Leg
from tests.support.people import Cast, Person

SDP = "\r\n".join(
    [
        "v=0",
        "o=- 1 1 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "c=IN IP4 0.0.0.0",
        "a=ice-ufrag:abcd",
        "a=ice-pwd:abcdefghijklmnopqrstuv",
        "a=fingerprint:sha-256 " + ":".join(["AB"] * 32),
        "a=setup:actpass",
        "a=mid:0",
        "a=sendrecv",
        "a=rtcp-mux",
        "a=rtpmap:111 opus/48000/2",
        "",
    ]
)
VIDEO_SDP = SDP.replace("t=0 0", "t=0 0\r\na=group:BUNDLE 0 1") + "\r\n".join(
    [
        "m=video 9 UDP/TLS/RTP/SAVPF 96",
        "c=IN IP4 0.0.0.0",
        "a=mid:1",
        "a=sendrecv",
        "a=rtcp-mux",
        "a=rtpmap:96 VP8/90000",
        "",
    ]
)
ANSWER_SDP = SDP.replace("actpass", "passive")
SCRIPT = {"version": "1.0.0", "sections": {"main": [{"play": "silence:1"}, "hangup"]}}


def call_of(call_id: UUID | str) -> Call:
    return queries.snapshot(call_id)


def leg_of(call_id: UUID | str, role: str) -> Leg:
    return next(leg for leg in reversed(call_of(call_id).legs) if leg.role.value == role)


def calls_of_session(session_id: UUID | str) -> list[Call]:
    """The live calls of a media session, oldest first."""
    rows = models.Call.objects.filter(session__id=session_id).exclude(state="ended")
    return queries.values(rows.order_by("created_at", "id"))


def carry(call_id: UUID | str) -> None:
    """A media worker takes the call and answers whoever offered."""
    control.apply(call_id, inputs.SessionTaken())
    answer_offers(call_id)


def answer_offers(call_id: UUID | str) -> None:
    for leg in call_of(call_id).live_legs:
        if leg.offer is not None and leg.answer is None and not leg.offered:
            control.apply(call_id, inputs.AnswerMade(leg.id, ANSWER_SDP, leg.serial))


def connect_media(call_id: UUID | str) -> None:
    for leg in call_of(call_id).live_legs:
        if leg.peer_id is not None:
            control.apply(call_id, inputs.MediaConnected(leg.peer_id))


def online(person: Person) -> str:
    """A phone of that person comes online; its device id."""
    assert person.subscriber is not None
    return str(presence.device_online(person.project.id, person.subscriber.id, uuid4()).id)


def ringing(cast: Cast, to: str = "bob", by: str = "alice") -> str:
    """`by` calls `to`, whose device rings. The call's id."""
    online(cast.people[to])
    answer = cast.people[by].rest.post("/api/calls", {"to": cast.people[to].address, "sdp": SDP})
    assert answer.status_code == 201, answer.content
    call_id: str = answer.json()["id"]
    carry(call_id)
    assert leg_of(call_id, "callee").state.value == "ringing"
    return call_id


def talking(cast: Cast, to: str = "bob", by: str = "alice") -> str:
    """`by` and `to` are in a call with sound flowing."""
    call_id = ringing(cast, to, by)
    answer = cast.people[to].rest.post(f"/api/calls/{call_id}/answer", {"sdp": SDP})
    assert answer.status_code == 200, answer.content
    answer_offers(call_id)
    connect_media(call_id)
    return call_id


def event_types(call_id: UUID | str) -> list[str]:
    return list(
        models.Event.objects.filter(call_id=call_id).order_by("sequence").values_list("type", flat=True)
    )
