"""Embed tokens and invites: both end in a token that may only call one address."""

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest

from subscribers.models import Subscriber
from tests.support.people import Cast, address_of, pair_for
from tests.support.rest_client import Api, bearer, code
from tokens.authentication import subject_from_token
from tokens.signing import InvalidToken
from tokens.subjects import Entry

EMBEDS, TRADE, INVITES = "/api/fabric/embeds", "/api/fabric/embeds/tokens", "/api/fabric/subscriber/invites"


def test_an_embed_token_is_traded_by_anyone(house: Cast, bob: Subscriber) -> None:
    made = house.api.post(EMBEDS, {"address_id": str(address_of(bob).pk), "name": "Shop"})
    assert made.status_code == 201
    embed = made.json()
    assert embed["token"].startswith("c2c_") and len(embed["token"]) == 36
    assert embed["address"] == "/private/bob"
    for path in (TRADE, "/api/embeds/tokens"):
        for api in (Api(), house.api, Api("Bearer nonsense")):
            traded = api.post(path, {"token": embed["token"]})
            assert traded.status_code == 201
            holder = subject_from_token(traded.json()["token"])
            assert holder.kind == "embed" and holder.allowed == (Entry("address", embed["address_id"]),)
    assert house.api.get(made["Location"]).json() == embed
    assert house.api.get(EMBEDS).json()["data"] == [embed]


def test_a_deleted_or_revoked_embed_token_is_403(house: Cast, mallory: Cast, bob: Subscriber) -> None:
    made = house.api.post(EMBEDS, {"address": "/private/bob"})
    assert code(mallory.api.delete(made["Location"]))[0] == 404
    assert house.api.delete(made["Location"]).status_code == 204
    assert code(Api().post(TRADE, {"token": made.json()["token"]})) == (403, "token_invalid", "token")
    second = house.api.post(EMBEDS, {"address": "/private/bob"}).json()["token"]
    assert mallory.api.post("/api/tokens/revoke", {"token": second}).status_code == 404
    assert house.api.post("/api/tokens/revoke", {"token": second}).status_code == 200
    assert code(Api().post(TRADE, {"token": second}))[0] == 403


@pytest.mark.parametrize("body", [{}, {"token": "x"}, {"token": 5}, {"token": "c2c_" + "G" * 32}])
def test_what_is_no_embed_token_is_422(db: None, body: Any) -> None:
    assert code(Api().post(TRADE, body))[::2] == (422, "token")


def test_an_embed_needs_one_known_address(house: Cast, mallory: Cast, bob: Subscriber) -> None:
    assert code(house.api.post(EMBEDS, {})) == (422, "missing_required_parameter", "address_id")
    assert code(house.api.post(EMBEDS, {"address": "/public/*"}))[0] == 422
    assert code(house.api.post(EMBEDS, {"address_id": str(uuid.uuid4())}))[0] == 422
    assert code(mallory.api.post(EMBEDS, {"address_id": str(address_of(bob).pk)}))[0] == 422
    assert code(Api().post(EMBEDS, {}))[0] == 401


@pytest.mark.parametrize("name", ["address", "address_id"])
@pytest.mark.parametrize("wanted", ["nowhere", "/private/nobody", "/private/*", "+15551234567"])
def test_an_embed_that_is_refused_names_the_field_that_came(house: Cast, name: str, wanted: str) -> None:
    status, _, attribute = code(house.api.post("/api/fabric/embeds", {name: wanted}))
    assert (status, attribute) == (422, name)


def test_a_subscriber_invites_to_an_address(house: Cast, alice_api: Api, bob: Subscriber) -> None:
    answer = alice_api.post(
        INVITES, {"address_id": str(address_of(bob).pk), "expires_at": int(time.time()) + 600}
    )
    assert answer.status_code == 201 and set(answer.json()) == {"token"}
    holder = subject_from_token(answer.json()["token"])
    assert holder.kind == "invite" and holder.allowed == (Entry("address", str(address_of(bob).pk)),)
    names = [a["name"] for a in bearer(answer.json()["token"]).get("/api/fabric/addresses").json()["data"]]
    assert names == ["bob"]


def test_an_invite_dies_with_its_subscribers_tokens(house: Cast, alice: Subscriber, alice_api: Api) -> None:
    token = alice_api.post(INVITES, {"address_id": str(address_of(alice).pk)}).json()["token"]
    house.api.post("/api/tokens/revoke", {"subscriber_id": str(alice.pk)})
    with pytest.raises(InvalidToken):
        subject_from_token(token)


def test_a_limited_subscriber_cannot_invite_beyond_itself(alice: Subscriber, bob: Subscriber) -> None:
    api = bearer(pair_for(alice, (Entry("context", "public"),)).token)
    known = api.post(INVITES, {"address_id": str(address_of(bob).pk)})
    unknown = api.post(INVITES, {"address_id": str(uuid.uuid4())})
    assert code(known) == code(unknown) == (403, "address_not_allowed", "address_id")
    assert known.json() == unknown.json()


@pytest.mark.parametrize(
    ("body", "attribute"),
    [
        ({}, "address_id"),
        ({"address_id": "x"}, "address_id"),
        ({"address_id": "6ba7b810-9dad-41d1-80b4-00c04fd430c8"}, "address_id"),
        ({"address_id": "6ba7b810-9dad-41d1-80b4-00c04fd430c8", "expires_at": 5}, "expires_at"),
        ({"address_id": "6ba7b810-9dad-41d1-80b4-00c04fd430c8", "expires_at": "x"}, "expires_at"),
    ],
)
def test_wrong_invites_are_422(alice_api: Api, body: Any, attribute: str) -> None:
    assert code(alice_api.post(INVITES, body))[::2] == (422, attribute)


def test_keys_and_guests_cannot_invite(house: Cast, gus_api: Api, bob: Subscriber) -> None:
    body = {"address_id": str(address_of(bob).pk)}
    assert code(house.api.post(INVITES, body))[0] == 403
    assert code(gus_api.post(INVITES, body))[0] == 403
    assert code(Api().post(INVITES, body))[0] == 401
