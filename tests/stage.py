"""The standing cast and a worker played by hand, for tests of edges: no packet is needed to drive a call.

alice, bob and carol are subscribers of one project; gus is its guest; mallory is a subscriber, and the key,
of another project.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from rest_framework.test import APIClient

from calling import control, models, presence, store
from calling.machine import inputs
from calling.machine.states import Call, Leg
from subscribers import enrolment
from subscribers.models import Project, Subscriber
from tokens.authentication import subject_from_token
from tokens.claims import Grant
from tokens.issue import create_project, issue_access, issue_api_token
from tokens.subjects import ApiKey, Entry, TokenHolder

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
VIDEO_SDP = SDP + "\r\n".join(
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


@dataclass
class Person:
    """A subscriber (or guest) with a token, and a REST client that bears it."""

    name: str
    project: Project
    token: str
    holder: TokenHolder
    subscriber: Subscriber | None = None

    @property
    def address(self) -> str:
        return self.holder.address

    @property
    def rest(self) -> APIClient:
        return client("Bearer " + self.token)


@dataclass
class Cast:
    project: Project
    api_token: str
    key: ApiKey
    people: dict[str, Person] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.people[name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def rest(self) -> APIClient:
        return client(basic(self.project.id, self.api_token))


def basic(project_id: UUID, token: str) -> str:
    return "Basic " + base64.b64encode(f"{project_id}:{token}".encode()).decode()


def client(authorization: str | None = None) -> APIClient:
    made = APIClient(raise_request_exception=False)
    if authorization:
        made.credentials(HTTP_AUTHORIZATION=authorization)
    made.default_format = "json"
    return made


def subscriber(
    project: Project, name: str, expires_at: datetime | None = None, allowed: tuple[Entry, ...] | None = None
) -> Person:
    row = enrolment.enrol(project.id, f"{name}@example.com", {"display_name": name.capitalize()})
    grant = Grant(project.id, "subscriber", row.id, row.address, allowed, row.shown_name)
    token = issue_access(grant, expires_at)
    return Person(name, project, token, subject_from_token(token), row)


def guest(project: Project, allowed: tuple[Entry, ...]) -> Person:
    token = issue_access(Grant(project.id, "guest", None, "", allowed, "Gus"))
    return Person("gus", project, token, subject_from_token(token))


def make_cast() -> Cast:
    """alice, bob, carol and gus in one project; mallory in another (see `mallory_cast`)."""
    project = create_project("Acme")
    api_token = issue_api_token(project)
    cast = Cast(project, api_token, ApiKey(project.id))
    for name in ("alice", "bob", "carol"):
        cast.people[name] = subscriber(project, name)
    cast.people["gus"] = guest(project, (Entry("context", "private"),))
    return cast


def make_mallory() -> Cast:
    project = create_project("Evil")
    cast = Cast(project, issue_api_token(project), ApiKey(project.id))
    cast.people["mallory"] = subscriber(project, "mallory")
    return cast


# --- a worker, a device and the clock, played by hand --------------------------------------------------


def call_of(call_id: UUID | str) -> Call:
    return store.snapshot(call_id)


def leg_of(call_id: UUID | str, role: str) -> Leg:
    found = next(leg for leg in reversed(call_of(call_id).legs) if leg.role.value == role)
    return found


def carry(call_id: UUID | str) -> None:
    """A media worker takes the call and answers whoever offered."""
    control.apply(call_id, inputs.Carried())
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


def error_of(answer: Any, status: int) -> dict[str, Any]:
    """The first error of an answer in the contract's shape."""
    assert answer.status_code == status, (answer.status_code, answer.content)
    found: dict[str, Any] = answer.json()["errors"][0]
    assert set(found) == {"type", "code", "message", "attribute", "url"}
    return found
