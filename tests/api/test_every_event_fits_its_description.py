"""Each type of event is described with its data and an example, and the events of real commands fit."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from jsonschema import Draft202012Validator

from calling import models
from calling.calls import control
from calling.calls.event_types import TYPES
from calling.commands import operations, suspension
from calling.machine import inputs
from config import event_data
from tests.support import fake_worker
from tests.support.fake_worker import leg_of, talking
from tests.support.people import Cast


def described(kind: str) -> dict[str, Any]:
    """The schema of a type's data; the shapes of others are theirs to test."""
    text = json.dumps(event_data.schema_of(kind))
    for name in ("Call", "EventRoom", "Member"):
        text = text.replace(f'"$ref": "#/components/schemas/{name}"', '"type": "object"')
    found: dict[str, Any] = json.loads(text)
    return found


def faults(kind: str, data: dict[str, Any]) -> list[str]:
    schema = described(kind)
    found = [f"{kind}: {each.message}" for each in Draft202012Validator(schema).iter_errors(data)]
    return found + [f"{kind}: {name} is not described" for name in data if name not in schema["properties"]]


@pytest.mark.parametrize("kind", TYPES)
def test_the_example_of_a_type_fits_and_names_every_field(kind: str) -> None:
    event = event_data.example_of(kind, {"id": event_data.OTHER_ID})
    assert faults(kind, event["data"]) == []
    assert set(event["data"]) == set(event_data.schema_of(kind)["properties"])
    assert event["type"] == kind


def test_every_type_is_described() -> None:
    assert [kind for kind in TYPES if not event_data.is_known(kind)] == []


def test_nothing_is_described_that_is_no_event() -> None:
    assert set(event_data.OF_CALLS) | set(event_data.ROOMS) | set(event_data.OF_PROJECTS) <= set(TYPES)


def test_the_events_of_a_call_are_as_they_are_described(cast: Cast) -> None:
    call = talking(cast)
    alice, bob = cast.alice.rest, cast.bob.rest
    for verb in ("hold", "resume", "mute", "unmute", "dtmf"):
        body = {"digits": "5"} if verb == "dtmf" else {}
        assert alice.post(f"/api/calls/{call}/{verb}", body).status_code == 200, verb
    peer = leg_of(call, "callee").peer_id
    assert peer is not None
    control.apply(call, inputs.DigitReceived(peer, "7", 120))
    control.apply(call, inputs.MediaLost(peer, "audio", "silence"))
    control.apply(call, inputs.UserEvent(leg_of(call, "callee").id, {"order": 7}))
    results: dict[str, dict[str, Any]] = {
        "play": {},
        "say": {"reason": "stopped"},
        "collect": {"result": {"type": "digit", "params": {"digits": "1", "terminator": ""}}},
        "record": {
            "recording_id": str(uuid4()),
            "reason": "stopped",
            "duration_ms": 1,
            "size": 44,
            "url": "u",
        },
        "stream": {},
    }
    bodies: dict[str, dict[str, Any]] = {
        "play": {"url": "silence:1"}, "say": {"text": "a"}, "stream": {"url": "wss://bot.example.com/"},
        "collect": {"digits": {"max": 1}}, "record": {},
    }  # fmt: skip
    begun = {
        "record": {"recording_id": str(uuid4()), "format": "wav", "channels": 1},
        "stream": {"stream_id": "MZ1"},
    }
    for verb, result in results.items():
        leg = {} if verb == "record" else {"leg": "callee"}
        made = cast.rest.post(f"/api/calls/{call}/{verb}", {**leg, **bodies[verb], "control_id": verb})
        assert made.status_code in (200, 201), made.content
        row = models.Operation.objects.get(call_id=call, control_id=verb)
        operations.changed(row.id, "running", "started", begun.get(verb))
        operations.changed(row.id, "finished", "finished", result)
    assert alice.post(f"/api/calls/{call}/transfer", {"to": "/private/carol"}).status_code == 200
    assert bob.post(f"/api/calls/{call}/hangup", {}).status_code == 200
    suspension.suspend(cast.project.id, "a test")
    seen: set[str] = set()
    wrong: list[str] = []
    for event in models.Event.objects.filter(project_id=cast.project.id):
        body = json.loads(event.body)
        seen.add(body["type"])
        wrong += faults(body["type"], body["data"])
    assert wrong == []
    assert len(seen) >= 24, sorted(seen)


def test_the_events_of_a_room_are_as_they_are_described(cast: Cast) -> None:
    cast.rest.post("/api/fabric/resources/conference_rooms", {"name": "standup"})
    answer = cast.alice.rest.post("/api/calls", {"to": "/public/standup", "sdp": fake_worker.SDP})
    call = answer.json()["id"]
    fake_worker.carry(call)
    cast.alice.rest.post(f"/api/calls/{call}/mute", {})
    cast.alice.rest.post(f"/api/calls/{call}/hangup", {})
    events = [json.loads(each.body) for each in models.Event.objects.filter(project_id=cast.project.id)]
    assert [fault for each in events for fault in faults(each["type"], each["data"])] == []
    assert {"room.started", "participant.joined", "participant.left", "room.ended"} <= {
        each["type"] for each in events
    }
