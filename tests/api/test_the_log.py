"""`GET /api/events`: the project's log for those who poll."""

from __future__ import annotations

from calling import models
from calling.calls import control
from calling.webhooks import publish
from tests.support import rest_client


def say(cast, count: int, type: str = "webhook.disabled") -> None:
    for number in range(count):
        control.record_project_event(cast.project.id, type, {"n": number})
    publish.publish_round()


def numbers(answer) -> list[int]:
    assert answer.status_code == 200, answer.content
    return [entry["event"]["data"]["n"] for entry in answer.json()["data"]]


def test_without_a_cursor_it_starts_at_the_oldest_and_goes_on_by_cursor(cast):
    say(cast, 5)
    first = cast.rest.get("/api/events?page_size=3")
    assert numbers(first) == [0, 1, 2]
    assert numbers(cast.rest.get(first.json()["links"]["next"])) == [3, 4]
    last = cast.rest.get(first.json()["links"]["next"]).json()["links"]["next"]
    assert numbers(cast.rest.get(last)) == []
    say(cast, 1)
    assert numbers(cast.rest.get(last)) == [0]
    cursor = first.json()["data"][0]["cursor"]
    assert numbers(cast.rest.get(f"/api/events?after={cursor}"))[:2] == [1, 2]


def test_latest_gives_a_cursor_and_nothing_else(cast):
    say(cast, 3)
    answer = cast.rest.get("/api/events?after=latest")
    assert numbers(answer) == []
    say(cast, 1)
    assert numbers(cast.rest.get(answer.json()["links"]["next"])) == [0]


def test_types_filter(cast):
    say(cast, 1)
    say(cast, 2, "project.suspended")
    assert len(numbers(cast.rest.get("/api/events?types=project.*"))) == 2


def test_a_cursor_past_retention_is_410(cast):
    say(cast, 4)
    models.Event.objects.filter(position__lte=2).delete()
    error = rest_client.error_of(cast.rest.get("/api/events?after=1"), 410)
    assert error["code"] == "cursor_expired"
    assert numbers(cast.rest.get("/api/events?after=2")) == [2, 3]
    assert numbers(cast.rest.get("/api/events")) == [2, 3]


def test_the_wrong_people_and_queries_are_refused(cast, mallory):
    say(cast, 1)
    assert numbers(mallory.rest.get("/api/events")) == []
    rest_client.error_of(cast.alice.rest.get("/api/events"), 403)
    rest_client.error_of(rest_client.client().get("/api/events"), 401)
    for query in ("after=x", "after=-1", "after=99999999999999999999", "page_size=0", "types=a;b"):
        rest_client.error_of(cast.rest.get(f"/api/events?{query}"), 422)
