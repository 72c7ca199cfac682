"""SIP endpoints below a subscriber and as resources."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

import pytest

from subscribers.models import SipEndpoint, Subscriber
from tests.support.people import Cast
from tests.support.rest_client import Api, code

PASSWORD = "long enough"
TOP = "/api/fabric/resources/sip_endpoints"


def below(row: Subscriber) -> str:
    return f"/api/fabric/resources/subscribers/{row.pk}/sip_endpoints"


def test_an_endpoint_keeps_digests_and_never_shows_its_password(house: Cast, alice: Subscriber) -> None:
    made = house.api.post(
        below(alice), {"username": "alice-desk", "password": "correct horse", "codecs": "opus, PCMU"}
    )
    assert made.status_code == 201
    body = made.json()
    assert body["username"] == "alice-desk" and body["codecs"] == ["OPUS", "PCMU"]
    assert "correct horse" not in made.content.decode()
    row = SipEndpoint.objects.get(pk=body["id"])
    text = b"alice-desk:callwright:correct horse"
    assert row.ha1_md5 == hashlib.md5(text).hexdigest()
    assert row.ha1_sha256 == hashlib.sha256(text).hexdigest()
    assert [item["id"] for item in house.api.get(below(alice)).json()["data"]] == [body["id"]]
    assert house.api.get(made["Location"]).json()["username"] == "alice-desk"


def test_a_phone_behind_a_nat_is_said_to_be_one(house: Cast, alice: Subscriber) -> None:
    made = house.api.post(below(alice), {"username": "a1", "password": PASSWORD})
    assert made.json()["nat"] is False
    path = made["Location"]
    assert house.api.patch(path, {"nat": True}).json()["nat"] is True
    assert house.api.patch(path, {"caller_id": "Alice"}).json()["nat"] is True
    assert SipEndpoint.objects.get().nat is True
    assert code(house.api.patch(path, {"nat": "perhaps"})) == (422, "invalid_parameter", "nat")
    top = house.api.post(TOP, {"username": "a2", "password": PASSWORD, "nat": True}).json()
    assert top["sip_endpoint"]["nat"] is True


def test_put_patch_and_delete(house: Cast, alice: Subscriber) -> None:
    path = house.api.post(below(alice), {"username": "a1", "password": "long enough"})["Location"]
    assert house.api.put(path, {"caller_id": "Alice"}).json()["caller_id"] == "Alice"
    assert house.api.patch(path, {"encryption": "required"}).json()["encryption"] == "required"
    assert code(house.api.patch(path, {"username": "a2"})) == (422, "missing_required_parameter", "password")
    renamed = house.api.patch(path, {"username": "a2", "password": "long enough"})
    assert renamed.json()["username"] == "a2"
    row = SipEndpoint.objects.get()
    assert row.ha1_md5 == hashlib.md5(b"a2:callwright:long enough").hexdigest()
    assert house.api.delete(path).status_code == 204
    assert code(house.api.get(path))[0] == 404


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"password": "long enough"}, ("missing_required_parameter", "username")),
        ({"username": "x"}, ("missing_required_parameter", "password")),
        ({"username": "x y", "password": "long enough"}, ("invalid_parameter", "username")),
        ({"username": "x" * 65, "password": "long enough"}, ("invalid_parameter", "username")),
        ({"username": "x", "password": "short"}, ("invalid_parameter", "password")),
        (
            {"username": "x", "password": PASSWORD, "codecs": ["MP3"]},
            ("invalid_codecs_format", "codecs"),
        ),
        (
            {"username": "x", "password": PASSWORD, "encryption": "no"},
            ("invalid_parameter", "encryption"),
        ),
    ],
)
def test_wrong_fields_are_422(house: Cast, alice: Subscriber, body: Any, expected: tuple[str, str]) -> None:
    assert code(house.api.post(below(alice), body)) == (422, *expected)


def test_user_names_are_unique(house: Cast, alice: Subscriber, mallory: Cast) -> None:
    body = {"username": "a1", "password": "long enough"}
    house.api.post(below(alice), body)
    assert code(house.api.post(below(alice), body)) == (422, "already_taken", "username")


def test_a_resource_endpoint_without_subscriber_gets_one(house: Cast) -> None:
    made = house.api.post(TOP, {"username": "lobby", "caller_id": "Lobby", "call_handler": "default"})
    assert made.status_code == 201
    body = made.json()
    assert body["type"] == "sip_endpoint" and len(body["sip_endpoint"]["password"]) >= 16
    assert "password" not in house.api.get(made["Location"]).json()["sip_endpoint"]
    addresses = house.api.get(made["Location"] + "/addresses").json()["data"]
    assert addresses[0]["channels"]["audio"] == "/private/lobby?channel=audio"


def test_other_projects_and_tokens_are_kept_out(alice: Subscriber, mallory: Cast, alice_api: Api) -> None:
    assert code(mallory.api.get(below(alice)))[0] == 404
    assert code(mallory.api.post(below(alice), {"username": "m", "password": "long enough"}))[0] == 404
    assert code(alice_api.get(below(alice)))[0] == 403
    assert code(Api().get(below(alice)))[0] == 401


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"encryption": "required", "ciphers": ["AES_256_CM_HMAC_SHA1_80"]}, "ciphers"),
        ({"ciphers": ["none"]}, "ciphers"),
        ({"codecs": "VP8"}, "codecs"),
        ({"call_handler": "passthrough"}, "call_handler"),
        ({"call_handler": "resource"}, "calling_handler_resource_id"),
        (
            {"call_handler": "resource", "calling_handler_resource_id": str(UUID(int=7))},
            "calling_handler_resource_id",
        ),
        ({"calling_handler_resource_id": str(UUID(int=7))}, "calling_handler_resource_id"),
    ],
)
def test_what_can_never_act_is_refused_when_it_is_saved(
    house: Cast, alice: Subscriber, body: dict[str, Any], field: str
) -> None:
    refused = house.api.post(below(alice), {"username": "x", "password": PASSWORD, **body})
    assert code(refused)[0::2] == (422, field)
    assert not SipEndpoint.objects.exists()


def test_a_phone_without_encryption_can_be_asked_for(house: Cast, alice: Subscriber) -> None:
    body = {"username": "x", "password": PASSWORD, "encryption": "disabled"}
    assert house.api.post(below(alice), body).json()["encryption"] == "disabled"


def test_a_phone_may_have_all_its_calls_handled_by_a_resource(house: Cast, alice: Subscriber) -> None:
    handler = {"call_handler": "resource", "calling_handler_resource_id": str(alice.pk)}
    made = house.api.post(below(alice), {"username": "x", "password": PASSWORD, **handler})
    assert made.status_code == 201
    path = made["Location"]
    assert code(house.api.patch(path, {"call_handler": "default"}))[0] == 422
    back = house.api.patch(path, {"call_handler": "default", "calling_handler_resource_id": None})
    assert back.status_code == 200
