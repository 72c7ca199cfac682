"""Every route of the directory and the gate, from the URLconf, against every kind of asker.

Proves docs/security.md#r7.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLPattern

from subscribers import provisioning
from subscribers.models import PhoneNumber, SipEndpoint, SipGateway, Subscriber
from subscribers.urls import urlpatterns as directory_urls
from tests.support.people import Cast, address_of, pair_for
from tests.support.rest_client import Api, errors
from tokens.models import EmbedToken, IssuedToken
from tokens.urls import urlpatterns as token_urls

VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")
OPEN_TO_ALL = {"api/fabric/embeds/tokens", "api/embeds/tokens"}
FOR_TOKENS = {
    "api/fabric/addresses",
    "api/fabric/addresses/<uuid:id>",
    "api/fabric/subscriber/info",
    "api/fabric/subscriber/invites",
}


def templates() -> Iterator[str]:
    for pattern in [*directory_urls, *token_urls]:
        assert isinstance(pattern, URLPattern)
        text = str(pattern.pattern)
        yield "api/fabric/resources/ai_agents" if text.startswith("^") else text


TEMPLATES = sorted(set(templates()))


@pytest.fixture
def ids(house: Cast, alice: Subscriber) -> list[uuid.UUID]:
    """One of everything that has an id in the house."""
    room = provisioning.create_room(house.id, {"name": "daily"})
    script = provisioning.create_script(house.id, {"name": "menu", "contents": "x"})
    number = PhoneNumber.objects.create(project=house.project, number="+15551230001")
    phone = SipEndpoint.objects.create(project=house.project, subscriber=alice, username="desk")
    trunk = SipGateway.objects.create(project=house.project, name="T", host="x.example")
    embed = EmbedToken.objects.create(project=house.project, address=address_of(alice))
    pair_for(alice)
    rows = [alice, room, script, number, phone, trunk, embed, address_of(alice), IssuedToken.objects.first()]
    return [row.pk for row in rows if row is not None]


def filled(template: str, id: Any, other: Any) -> str:
    first = template.replace("<uuid:id>", str(id))
    return "/" + re.sub(r"<uuid:\w+>", str(other), first)


def facts(answer: Any) -> tuple[Any, ...]:
    """What may differ between two answers must not: status, body, headers."""
    headers = {name: value for name, value in answer.headers.items() if name != "Location"}
    return answer.status_code, answer.content, headers


@pytest.mark.sample(10)
@pytest.mark.parametrize("template", [t for t in TEMPLATES if "<uuid" in t])
def test_a_foreign_object_looks_like_none(ids: list[uuid.UUID], mallory: Cast, template: str) -> None:
    nobody = uuid.uuid4()
    for verb in VERBS:
        absent = facts(mallory.api.call(verb, filled(template, nobody, nobody), {}))
        for id in ids:
            for other in (id, nobody):
                assert facts(mallory.api.call(verb, filled(template, id, other), {})) == absent


@pytest.mark.parametrize("template", TEMPLATES)
def test_strangers_are_401_everywhere(ids: list[uuid.UUID], template: str) -> None:
    for verb in VERBS:
        answer = Api().call(verb, filled(template, ids[0], ids[0]), {})
        if template in OPEN_TO_ALL:
            assert answer.status_code in (405, 422)
        else:
            assert answer.status_code == 401 and answer["WWW-Authenticate"]
        errors(answer)


@pytest.mark.parametrize("template", [t for t in TEMPLATES if t not in OPEN_TO_ALL | FOR_TOKENS])
def test_tokens_manage_nothing(ids: list[uuid.UUID], alice_api: Api, gus_api: Api, template: str) -> None:
    for api in (alice_api, gus_api):
        for verb in VERBS:
            answer = api.call(verb, filled(template, ids[0], ids[4]), {})
            assert answer.status_code == 403
            errors(answer)


def test_lists_hold_only_what_is_ones_own(ids: list[uuid.UUID], mallory: Cast) -> None:
    for template in TEMPLATES:
        answer = mallory.api.get(filled(template, ids[0], ids[0]))
        if "<uuid" not in template and answer.status_code == 200:
            own = 1 if template == "api/keys" else 0
            assert len(answer.json()["data"]) == own
