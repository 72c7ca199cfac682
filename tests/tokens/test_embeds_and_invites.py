"""Embed tokens and invites: both end in a token that may only call one address."""

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest
from django.utils import timezone

from subscribers.models import Subscriber
from tests.support.people import Cast, address_of, pair_for
from tests.support.rest_client import Api, bearer, code
from tokens.api import invites
from tokens.authentication import subject_from_token
from tokens.models import IssuedToken
from tokens.signing import InvalidToken
from tokens.subjects import Entry

REFRESH = "/api/fabric/subscribers/tokens/refresh"
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


def test_an_invite_dies_with_the_token_it_was_made_with(house: Cast, alice: Subscriber) -> None:
    """Who has stolen a token makes invites of it; the one who revokes it does not know them."""
    stolen, kept = pair_for(alice), pair_for(alice)
    body = {"address_id": str(address_of(alice).pk)}
    refreshed = house.api.post(REFRESH, {"refresh_token": stolen.refresh_token}).json()["token"]
    invites = [bearer(text).post(INVITES, body).json()["token"] for text in (stolen.token, refreshed)]
    other = bearer(kept.token).post(INVITES, body).json()["token"]
    identities = {subject_from_token(text).identity for text in invites}
    assert len(identities) == 2, "each is a guest of its own"
    assert code(house.api.post(REFRESH, {"refresh_token": stolen.refresh_token}))[0] == 422, "used again"
    for text in (refreshed, *invites):
        with pytest.raises(InvalidToken):
            subject_from_token(text)
    assert subject_from_token(other).kind == "invite", "another sign-in's"


def test_a_revoked_invite_leaves_its_makers_token_alone(house: Cast, alice_api: Api, bob: Subscriber) -> None:
    body = {"address_id": str(address_of(bob).pk)}
    first, second = (alice_api.post(INVITES, body).json()["token"] for _ in range(2))
    assert house.api.post("/api/tokens/revoke", {"token": first}).status_code == 200
    with pytest.raises(InvalidToken):
        subject_from_token(first)
    assert subject_from_token(second).kind == "invite"
    assert alice_api.get("/api/fabric/subscriber/info").status_code == 200


def test_a_token_that_was_revoked_a_moment_ago_makes_no_invite(
    house: Cast, alice_api: Api, bob: Subscriber
) -> None:
    """A process remembers for a second that it was good."""
    body = {"address_id": str(address_of(bob).pk)}
    assert alice_api.post(INVITES, body).status_code == 201
    IssuedToken.objects.update(revoked_at=timezone.now())  # by another process
    assert code(alice_api.post(INVITES, body))[:2] == (401, "token_revoked")


def test_invites_have_a_rate_of_their_maker(
    house: Cast, alice: Subscriber, bob: Subscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand of them would dial three thousand calls; another subscriber is not affected."""
    monkeypatch.setattr(invites, "RATE", 0.001)  # however slowly the test goes
    monkeypatch.setattr(invites, "BURST", 3)
    body = {"address_id": str(address_of(bob).pk)}
    answers = [bearer(pair_for(alice).token).post(INVITES, body) for _ in range(4)]
    assert [each.status_code for each in answers] == [201, 201, 201, 429]
    assert int(answers[3]["Retry-After"]) >= 1 and answers[3]["RateLimit-Limit"] == "3"
    assert bearer(pair_for(bob).token).post(INVITES, body).status_code == 201


def test_what_visitors_got_for_an_embed_token_is_revoked_with_it(house: Cast, bob: Subscriber) -> None:
    embed = house.api.post(EMBEDS, {"address": "/private/bob"}).json()["token"]
    first, second = (Api().post(TRADE, {"token": embed}).json()["token"] for _ in range(2))
    assert subject_from_token(first).identity != subject_from_token(second).identity
    house.api.post("/api/tokens/revoke", {"token": first})
    with pytest.raises(InvalidToken):
        subject_from_token(first)
    assert subject_from_token(second).kind == "embed"
    house.api.post("/api/tokens/revoke", {"token": embed})
    with pytest.raises(InvalidToken):
        subject_from_token(second)


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
