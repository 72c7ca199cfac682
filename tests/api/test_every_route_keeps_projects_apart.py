"""Every route of the switchboard, from the URLconf, asked by another project (R7): foreign is as absent.

A route that is not listed here fails the test, so a new one is thought about before it is served.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.urls import URLPattern, URLResolver

from calling import models
from calling.urls import urlpatterns
from subscribers import enrolment
from tests import stage
from tests.stage import Cast

VERBS = ("get", "post", "put", "patch", "delete")

# Routes with an id of a project's own in them, by what that id is.
OF_A_CALL = re.compile(r"^api/calls/<str:call_id>(/.*)?$")
OF_A_RECORDING = re.compile(r"^api/recordings/<str:recording_id>(/download)?$")
OF_A_ROOM = re.compile(r"^api/rooms/<str:name>(/.*)?$")
OF_A_WEBHOOK = re.compile(r"^api/webhooks/<(str|uuid):\w+>(/.*)?$")
OF_A_DELIVERY = re.compile(r"^api/(webhooks/)?deliveries/<(str|uuid):\w+>(/.*)?$")
LISTS = {"api/calls", "api/events", "api/recordings", "api/webhooks", "api/webhooks/deliveries"}
# Relay's commands name calls in the body; the account of the other is in the path.
ELSEWHERE = {
    "api/calling/calls": "tests/api",
    "2010-04-01/Accounts/<str:account>/Calls/<str:call_id>.json": "tests/api",
}
KINDS = (OF_A_CALL, OF_A_RECORDING, OF_A_ROOM, OF_A_WEBHOOK, OF_A_DELIVERY)


def templates(patterns: list[URLPattern | URLResolver], before: str = "") -> Iterator[str]:
    for pattern in patterns:
        here = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from templates(pattern.url_patterns, here)
        else:
            yield here


TEMPLATES = sorted(set(templates(urlpatterns)))
OWNED = [each for each in TEMPLATES if any(kind.match(each) for kind in KINDS)]


def test_every_route_is_listed() -> None:
    assert [each for each in TEMPLATES if each not in OWNED and each not in LISTS | ELSEWHERE.keys()] == []


@pytest.fixture
def mine(cast: Cast) -> dict[str, str]:
    """One of everything that has an id, by the name of its place in a path."""
    call_id = stage.talking(cast)
    leg = stage.leg_of(call_id, "caller")
    enrolment.create_room(cast.project.id, {"name": "daily"})
    made = cast.rest.post("/api/webhooks", {"url": "http://127.0.0.1:9/", "events": ["*"]})
    assert made.status_code == 201, made.content
    event = models.Event.objects.filter(call_id=call_id).first()
    assert event is not None
    hook = models.WebhookEndpoint.objects.get()
    delivery = models.Delivery.objects.create(
        endpoint=hook, event=event, stream=event.stream, created_at=event.created_at
    )
    ids = {"call_id": call_id, "leg_id": leg.id, "name": "daily", "verb": "play", "wish": "stop"}
    return {**ids, "control_id": "c1", "webhook_id": str(hook.id), "delivery_id": str(delivery.id)}


def filled(template: str, values: dict[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        name = found[1]
        if name in ("id", "pk", "endpoint_id"):
            name = "delivery_id" if "deliveries" in template else "webhook_id"
        return values.get(name) or values["call_id"]

    return "/" + re.sub(r"<\w+:(\w+)>", value, template)


def facts(answer: Any) -> tuple[int, bytes]:
    return answer.status_code, answer.content


@pytest.mark.parametrize("template", OWNED)
def test_a_foreign_object_is_answered_like_none(
    cast: Cast, mallory: Cast, mine: dict[str, str], template: str
) -> None:
    absent = {name: str(uuid4()) for name in mine} | {name: mine[name] for name in ("verb", "wish")}
    absent["name"] = "other"
    foreign_and_absent = [filled(template, mine), filled(template, absent)]
    for asker in (mallory.rest, mallory.mallory.rest):
        for verb in VERBS:
            for body in ({}, {"sdp": stage.SDP, "digits": "1", "to": "/private/bob", "reason": "busy"}):
                first, second = (facts(getattr(asker, verb)(path, body)) for path in foreign_and_absent)
                assert first[0] < 500
                assert first == second, (verb, template)
                assert not 200 <= first[0] < 300, (verb, template)
    assert stage.call_of(mine["call_id"]).state.value == "answered"


@pytest.mark.parametrize("template", sorted(LISTS & set(TEMPLATES)))
def test_lists_of_another_project_are_empty(mallory: Cast, mine: dict[str, str], template: str) -> None:
    answer = mallory.rest.get("/" + template)
    assert answer.status_code == 200
    assert mine["call_id"].encode() not in answer.content
    assert answer.json()["data"] == []


@pytest.mark.parametrize("template", TEMPLATES)
def test_strangers_are_refused_everywhere(mine: dict[str, str], template: str) -> None:
    for verb in VERBS:
        answer = getattr(stage.client(), verb)(filled(template, mine), {})
        assert answer.status_code in (401, 404, 405), (verb, template, answer.status_code)
