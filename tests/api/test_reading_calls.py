"""`GET /api/calls`, one call, its events and its figures."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from calling import models
from tests.support import fake_worker, rest_client


def ids(answer) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [call["id"] for call in answer.json()["data"]]


def test_a_token_sees_only_calls_it_has_a_leg_in(cast, mallory):
    mine, other = fake_worker.talking(cast), fake_worker.talking(cast, "carol", "bob")
    assert ids(cast.alice.rest.get("/api/calls")) == [mine]
    assert ids(cast.bob.rest.get("/api/calls")) == [other, mine]
    assert ids(cast.rest.get("/api/calls")) == [other, mine]
    assert ids(mallory.rest.get("/api/calls")) == []
    for path in (f"/api/calls/{other}", f"/api/calls/{other}/events", f"/api/calls/{other}/stats"):
        rest_client.error_of(cast.alice.rest.get(path), 404)
        rest_client.error_of(mallory.rest.get(path), 404)
        rest_client.error_of(rest_client.client().get(path), 401)
        assert cast.bob.rest.get(path).status_code == 200
    rest_client.error_of(rest_client.client().get("/api/calls"), 401)


def test_lists_filter_by_what_calls_are(cast):
    ringing = fake_worker.ringing(cast)
    ended = fake_worker.talking(cast, "carol", "alice")
    cast.alice.rest.post(f"/api/calls/{ended}/hangup")
    get = cast.rest.get
    assert ids(get("/api/calls?state=ringing")) == [ringing]
    assert ids(get("/api/calls?state=ringing,ended")) == [ended, ringing]
    assert ids(get("/api/calls?to=/private/carol")) == [ended]
    assert ids(get("/api/calls?from=/private/alice&end_reason=hangup")) == [ended]
    assert ids(get("/api/calls?kind=pstn")) == []
    soon = (timezone.now() + timedelta(seconds=60)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert ids(get(f"/api/calls?created_after={soon}")) == []
    assert ids(get(f"/api/calls?created_before={soon}")) == [ended, ringing]
    assert ids(get("/api/calls?created_after=0")) == [ended, ringing]
    assert ids(cast.bob.rest.get("/api/calls?state=ringing")) == [ringing]


@pytest.mark.parametrize(
    "query",
    [
        "state=asleep", "kind=x", "end_reason=y", "created_after=yesterday", "created_before=99999999999999",
        "created_after=9999-12-31T23:59:59-23:59", "created_before=0001-01-01T00:00:00%2B23:59",
        "page_size=0", "page_size=201", "page_size=x", "page_token=rubbish", "consult_of=x",
    ],
)  # fmt: skip
def test_a_query_that_means_nothing_is_422(cast, query):
    rest_client.error_of(cast.rest.get(f"/api/calls?{query}"), 422)


def test_pages_neither_skip_nor_repeat(cast):
    made = [
        cast.alice.rest.post("/api/calls", {"to": "/private/bob", "sdp": fake_worker.SDP}).json()["id"]
        for _ in range(5)
    ]
    seen, path = [], "/api/calls?page_size=2"
    while path:
        answer = cast.rest.get(path)
        seen += ids(answer)
        path = answer.json()["links"]["next"]
    assert seen == made[::-1]


def test_a_page_of_calls_takes_few_queries(cast, django_assert_max_num_queries):
    for _ in range(5):
        cast.alice.rest.post("/api/calls", {"to": "/private/bob", "sdp": fake_worker.SDP})
    rest = cast.rest
    rest.get("/api/calls")
    with django_assert_max_num_queries(6):
        rest.get("/api/calls")


def test_events_are_numbered_from_one_without_gaps(cast):
    call_id = fake_worker.talking(cast)
    cast.alice.rest.post(f"/api/calls/{call_id}/hangup")
    events = cast.alice.rest.get(f"/api/calls/{call_id}/events").json()["data"]
    assert [event["data"]["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert (events[0]["type"], events[-1]["type"]) == ("call.created", "call.ended")
    assert {event["data"]["call"]["id"] for event in events} == {call_id}
    rest = cast.rest.get(f"/api/calls/{call_id}/events?after=2&page_size=1").json()
    assert [event["data"]["sequence"] for event in rest["data"]] == [3]
    assert rest["links"]["next"].startswith("http://testserver/api/calls/")
    for query in ("after=x", "after=-1", "page_size=201"):
        rest_client.error_of(cast.rest.get(f"/api/calls/{call_id}/events?{query}"), 422)


def test_figures_are_told_per_leg(cast):
    call_id = fake_worker.talking(cast)
    kept, sample = {"at": 1767225600.0, "lost": 1}, {"at": "2026-01-01T00:00:00.000Z", "lost": 1}
    models.Leg.objects.filter(call_id=call_id, role="caller").update(stats=[kept], codec={"codec": "opus"})
    figures = cast.alice.rest.get(f"/api/calls/{call_id}/stats").json()
    assert figures["call_id"] == call_id
    assert figures["legs"][0]["samples"] == [sample] and figures["legs"][0]["codec"] == "opus"
    assert [leg["role"] for leg in figures["legs"]] == ["caller", "callee"]
