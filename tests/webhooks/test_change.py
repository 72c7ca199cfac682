"""PATCH /api/webhooks/{id}."""

from __future__ import annotations

from tests.support import rest_client
from tests.webhooks.conftest import deliveries, emit_event, turn_all
from tests.webhooks.refusals import to_strangers


def test_fields_are_changed_one_by_one(cast, hook) -> None:
    path = f"/api/webhooks/{hook['id']}"
    changed = cast.rest.patch(path, {"events": ["room.*"], "description": "rooms"}).json()
    assert changed["events"] == ["room.*"] and changed["description"] == "rooms"
    assert changed["url"] == hook["url"] == cast.rest.get(path).json()["url"]


def test_wrong_fields_are_named_and_nothing_changes(cast, hook) -> None:
    path = f"/api/webhooks/{hook['id']}"
    for body, attribute in (
        ({"url": "gopher://x"}, "url"),
        ({"events": []}, "events"),
        ({"enabled": "yes"}, "enabled"),
    ):
        assert rest_client.error_of(cast.rest.patch(path, body), 422)["attribute"] == attribute
    assert cast.rest.get(path).json()["events"] == ["*"]


def test_a_disabled_endpoint_parks_what_waits_and_gets_nothing(cast, hook, receiver) -> None:
    path = f"/api/webhooks/{hook['id']}"
    emit_event(cast)
    from calling.webhooks.publish import publish_round

    publish_round()
    assert cast.rest.patch(path, {"enabled": False}).json()["status"] == "disabled"
    emit_event(cast)
    turn_all()
    assert receiver.got == []
    assert [each["status"] for each in deliveries(cast, hook)] == ["parked"]
    again = cast.rest.patch(path, {"enabled": True}).json()
    assert again["enabled"] and again["disabled_at"] is None and again["disabled_reason"] is None
    emit_event(cast, "room.ended")
    turn_all()
    assert [each.json["type"] for each in receiver.got] == ["room.ended"]


def test_strangers_are_refused(cast, mallory, hook) -> None:
    to_strangers(cast, mallory, "patch", f"/api/webhooks/{hook['id']}", {"description": "x"})
