"""`GET /api/history`, `POST /api/history/seen`: a person's own calls, made and received, taken and missed."""

from __future__ import annotations

from datetime import timedelta
from unittest import mock

import pytest
from django.utils import timezone

from calling import models, presence
from calling.calls import control
from calling.machine import inputs
from tests.support import fake_worker, rest_client


def entries(person, query: str = "") -> list[dict]:
    answer = person.rest.get(f"/api/history{query}")
    assert answer.status_code == 200, answer.content
    return answer.json()["data"]


def run_out(call_id: str) -> None:
    """Nobody answers for a minute."""
    with mock.patch("clock.now", return_value=timezone.now() + timedelta(seconds=60)):
        control.apply(call_id, inputs.DeadlinePassed())
    assert fake_worker.call_of(call_id).state.value == "ended"


def test_a_call_is_outbound_for_one_and_inbound_for_the_other(cast):
    call_id = fake_worker.talking(cast)
    cast.alice.rest.post(f"/api/calls/{call_id}/hangup")
    (made,), (received,) = entries(cast.alice), entries(cast.bob)
    assert made["id"] == received["id"] == call_id
    assert (made["direction"], received["direction"]) == ("outbound", "inbound")
    for each in (made, received):
        assert not each["missed"] and each["seen"]
        assert (each["from_name"], each["to_name"]) == ("Alice", "Bob")
        assert each["duration_ms"] >= 0 and each["end_reason"] == "hangup" and each["answered_at"]


@pytest.mark.parametrize(
    ("ended_how", "missed"),
    [("cancelled", True), ("unanswered", True), ("rejected", False), ("busy", True)],
)
def test_a_call_that_rang_in_vain_is_missed(cast, ended_how, missed):
    call_id = fake_worker.ringing(cast)
    assert not entries(cast.bob)[0]["missed"], "it still rings"
    if ended_how == "cancelled":
        cast.alice.rest.post(f"/api/calls/{call_id}/hangup")
    elif ended_how == "unanswered":
        run_out(call_id)
    else:
        reason = {"reason": "busy"} if ended_how == "busy" else {}
        cast.bob.rest.post(f"/api/calls/{call_id}/reject", reason)
    assert fake_worker.call_of(call_id).state.value == "ended"
    assert entries(cast.bob)[0]["missed"] is missed
    assert not entries(cast.alice)[0]["missed"], "nobody misses a call they made"


def test_a_call_to_somebody_offline_is_missed(cast):
    call_id = cast.alice.rest.post("/api/calls", {"to": "/private/bob", "sdp": fake_worker.SDP}).json()["id"]
    run_out(call_id)
    assert [each["missed"] for each in entries(cast.bob)] == [True]


def test_a_call_lost_in_the_middle_is_not_missed(cast):
    call_id = fake_worker.talking(cast)
    control.apply(call_id, inputs.MediaFailed(fake_worker.leg_of(call_id, "callee").peer_id))
    assert not entries(cast.bob)[0]["missed"]


def test_missed_calls_are_news_until_they_are_seen(cast):
    first = fake_worker.ringing(cast)
    cast.alice.rest.post(f"/api/calls/{first}/hangup")
    assert [each["seen"] for each in entries(cast.bob)] == [False]
    answer = cast.bob.rest.post("/api/history/seen")
    assert answer.status_code == 200 and answer.json()["seen_at"]
    assert [each["seen"] for each in entries(cast.bob)] == [True]
    second = fake_worker.ringing(cast)
    cast.alice.rest.post(f"/api/calls/{second}/hangup")
    assert [each["seen"] for each in entries(cast.bob)] == [False, True]
    assert [each["id"] for each in entries(cast.bob, "?missed=true")] == [second, first]


def test_filters_agree_with_what_is_shown(cast):
    taken = fake_worker.talking(cast)
    cast.alice.rest.post(f"/api/calls/{taken}/hangup")
    lost = fake_worker.ringing(cast)
    cast.alice.rest.post(f"/api/calls/{lost}/hangup")
    declined = fake_worker.ringing(cast)
    cast.bob.rest.post(f"/api/calls/{declined}/reject")
    made = fake_worker.talking(cast, "carol", "bob")
    everything = entries(cast.bob)
    assert [each["id"] for each in everything] == [made, declined, lost, taken]
    for query, kept in (
        ("?missed=true", lambda each: each["missed"]),
        ("?missed=false", lambda each: not each["missed"]),
        ("?direction=inbound", lambda each: each["direction"] == "inbound"),
        ("?direction=outbound", lambda each: each["direction"] == "outbound"),
        (
            "?direction=inbound&missed=false",
            lambda each: each["direction"] == "inbound" and not each["missed"],
        ),
        ("?direction=inbound,outbound", lambda each: True),
    ):
        assert entries(cast.bob, query) == [each for each in everything if kept(each)], query


def test_nobody_sees_the_calls_of_others(cast, mallory):
    fake_worker.talking(cast)
    assert entries(cast.carol) == [] and entries(cast.gus) == [] and entries(mallory.mallory) == []
    cast.gus.rest.post("/api/calls", {"to": "/private/carol", "sdp": fake_worker.SDP})
    assert [each["direction"] for each in entries(cast.gus)] == ["outbound"]


def test_pages_go_through_everything(cast):
    made = [
        cast.alice.rest.post("/api/calls", {"to": "/private/bob", "sdp": fake_worker.SDP}).json()["id"]
        for _ in range(5)
    ]
    found, path = [], "/api/history?page_size=2"
    while path:
        answer = cast.alice.rest.get(path).json()
        found += [each["id"] for each in answer["data"]]
        path = answer["links"]["next"]
    assert found == made[::-1]


@pytest.mark.parametrize("query", ["direction=up", "missed=1", "missed=yes", "page_size=0", "page_token=x"])
def test_a_query_that_means_nothing_is_422(cast, query):
    rest_client.error_of(cast.bob.rest.get(f"/api/history?{query}"), 422)


def test_only_the_bearer_of_a_token_has_a_history(cast):
    for answer in (cast.rest.get("/api/history"), cast.rest.post("/api/history/seen")):
        rest_client.error_of(answer, 403)
    rest_client.error_of(rest_client.client().get("/api/history"), 401)
    rest_client.error_of(cast.gus.rest.post("/api/history/seen"), 403)
    rest_client.error_of(cast.bob.rest.post("/api/history/seen", {"until": "now"}), 422)


def shown(cast, name: str) -> str | None:
    answer = cast.alice.rest.get(f"/api/fabric/addresses?name={name}").json()["data"]
    return answer[0]["presence"]


def test_addresses_show_who_can_be_reached(cast):
    assert shown(cast, "bob") == "offline"
    fake_worker.online(cast.bob)
    assert shown(cast, "bob") == "available"
    call_id = fake_worker.ringing(cast)
    assert shown(cast, "bob") == "available", "a phone that rings is free"
    cast.bob.rest.post(f"/api/calls/{call_id}/answer", {"sdp": fake_worker.SDP})
    assert shown(cast, "bob") == "busy"
    cast.alice.rest.post(f"/api/calls/{call_id}/hangup")
    assert shown(cast, "bob") == "available"
    bob = cast.bob.subscriber
    bob.do_not_disturb = True
    bob.save()
    assert shown(cast, "bob") == "dnd"
    for each in models.Device.objects.filter(subscriber_id=bob.pk).values_list("id", flat=True):
        presence.device_offline(each)
    assert shown(cast, "bob") == "offline"


def test_what_nobody_sits_behind_has_no_presence(cast):
    cast.rest.post("/api/fabric/resources/conference_rooms", {"name": "standup"})
    found = cast.rest.get("/api/fabric/addresses?name=standup").json()["data"]
    assert [each["presence"] for each in found] == [None]
    one = cast.alice.rest.get(f"/api/fabric/addresses/{cast_address(cast)}").json()
    assert one["presence"] == "offline"


def cast_address(cast) -> str:
    return cast.alice.rest.get("/api/fabric/addresses?name=bob").json()["data"][0]["id"]
