"""POST /api/fabric/subscribers/tokens"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from subscribers import assignment
from subscribers.models import Subscriber
from tests.support.people import Cast, address_of
from tests.support.rest_client import Api, code, errors
from tokens.authentication import subject_from_token
from tokens.subjects import Entry

PATH = "/api/fabric/subscribers/tokens"


def test_an_unknown_reference_makes_the_subscriber(house: Cast) -> None:
    answer = house.api.post(
        PATH, {"reference": "john.doe@example.com", "first_name": "John", "time_zone": "Asia/Tokyo"}
    )
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"subscriber_id", "token", "refresh_token"}
    row = Subscriber.objects.get(pk=body["subscriber_id"])
    assert (row.slug, row.email, row.time_zone) == ("john-doe", "john.doe@example.com", "Asia/Tokyo")
    header = jwt.get_unverified_header(body["token"])
    assert header["typ"] == "SAT" and header["ch"].startswith("fabric.")
    assert jwt.get_unverified_header(body["refresh_token"])["typ"] == "Refresh"
    holder = subject_from_token(body["token"])
    assert (holder.kind, holder.address, holder.allowed) == ("subscriber", "/private/john-doe", None)
    assert abs(holder.expires_at - datetime.now(UTC) - timedelta(hours=2)) < timedelta(seconds=10)


def test_a_known_reference_is_the_same_subscriber_with_new_fields(house: Cast, alice: Subscriber) -> None:
    body = house.api.post(PATH, {"reference": alice.reference, "display_name": "A", "password": ""}).json()
    assert body["subscriber_id"] == str(alice.pk)
    alice.refresh_from_db()
    assert alice.display_name == "A" and alice.password == ""
    house.api.post(PATH, {"reference": alice.reference, "password": "a good one"})
    alice.refresh_from_db()
    assert alice.check_password("a good one") and alice.display_name == "A"


def test_the_end_may_be_unix_seconds_or_rfc_3339(house: Cast) -> None:
    ends = int(time.time()) + 3600
    text = datetime.fromtimestamp(ends, UTC).isoformat()
    utc = text.replace("+00:00", "Z")
    for value in (ends, text, utc, utc.lower()):
        token = house.api.post(PATH, {"reference": "a", "expire_at": value}).json()["token"]
        assert subject_from_token(token).expires_at.timestamp() == ends


def test_entries_are_bound_when_the_token_is_made(house: Cast, bob: Subscriber) -> None:
    assignment.assign("+15550001", house.project)
    number = house.api.post("/api/phone_numbers", {"number": "+15550001", "address": "/private/bob"})
    assert number.status_code == 201
    bob_id = str(address_of(bob).pk)
    listed = [bob_id, "/private/bob", "102", "+15550001", "/public/*", "+15551234567", "+1*",
              "sip:U@Host.example", "sip:*@host.example", "/public/echo"]  # fmt: skip
    token = house.api.post(PATH, {"reference": "a", "allowed_addresses": listed}).json()["token"]
    assert subject_from_token(token).allowed == (
        Entry("address", bob_id),
        Entry("context", "public"),
        Entry("number", "+15551234567"),
        Entry("prefix", "+1"),
        Entry("sip", "sip:U@host.example"),
        Entry("sip_host", "sip:host.example"),
        Entry("test", "/public/echo"),
    )


def test_an_empty_list_is_kept_and_null_is_the_default(house: Cast) -> None:
    def allowed(value: Any) -> Any:
        body = house.api.post(PATH, {"reference": "a", "allowed_addresses": value}).json()
        return subject_from_token(body["token"]).allowed

    assert allowed([]) == () and allowed(None) is None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, ("missing_required_parameter", "reference")),
        ({"reference": ""}, ("invalid_parameter", "reference")),
        ({"reference": "x" * 256}, ("invalid_parameter", "reference")),
        ({"reference": 5}, ("invalid_parameter", "reference")),
        ({"reference": None}, ("invalid_parameter", "reference")),
        ({"reference": "a", "expire_at": 1}, ("invalid_parameter", "expire_at")),
        ({"reference": "a", "expire_at": "tomorrow"}, ("invalid_parameter", "expire_at")),
        ({"reference": "a", "expire_at": "2090-01-01"}, ("invalid_parameter", "expire_at")),
        ({"reference": "a", "expire_at": True}, ("invalid_parameter", "expire_at")),
        ({"reference": "a", "expire_at": 9e18}, ("invalid_parameter", "expire_at")),
        ({"reference": "a", "expire_at": time.time() + 31 * 86400}, ("invalid_parameter", "expire_at")),
        ({"reference": "a", "allowed_addresses": "x"}, ("invalid_parameter", "allowed_addresses")),
        ({"reference": "a", "allowed_addresses": [5]}, ("invalid_parameter", "allowed_addresses")),
        ({"reference": "a", "allowed_addresses": ["/x/*"]}, ("invalid_parameter", "allowed_addresses")),
        ({"reference": "a", "allowed_addresses": ["*"]}, ("invalid_parameter", "allowed_addresses")),
        ({"reference": "a", "allowed_addresses": ["+*"]}, ("invalid_parameter", "allowed_addresses")),
        (
            {"reference": "a", "allowed_addresses": ["/private/nobody"]},
            ("unrecognized_fabric_addresses", "allowed_addresses"),
        ),
        (
            {"reference": "a", "allowed_addresses": ["6ba7b810-9dad-41d1-80b4-00c04fd430c8"]},
            ("unrecognized_fabric_addresses", "allowed_addresses"),
        ),
        (
            {"reference": "a", "allowed_addresses": ["+1555000"] * 101},
            ("allowed_address_limit_exceeded", "allowed_addresses"),
        ),
        ({"reference": "a", "password": "short"}, ("invalid_parameter", "password")),
        ({"reference": "a", "fingerprint": "x"}, ("invalid_parameter", "fingerprint")),
        ({"reference": "a", "scope": "all"}, ("invalid_parameter", "scope")),
    ],
)
def test_wrong_fields_are_422_and_make_nobody(house: Cast, body: Any, expected: tuple[str, str]) -> None:
    assert code(house.api.post(PATH, body)) == (422, *expected)
    assert not Subscriber.objects.exists()


def test_another_projects_address_cannot_be_allowed(mallory: Cast, bob: Subscriber) -> None:
    for entry in (str(address_of(bob).pk), "/private/bob"):
        answer = mallory.api.post(PATH, {"reference": "m", "allowed_addresses": [entry]})
        assert code(answer) == (422, "unrecognized_fabric_addresses", "allowed_addresses")


def test_a_scope_without_fingerprint_lives_a_minute(house: Cast) -> None:
    token = house.api.post(PATH, {"reference": "a", "scope": "sat:refresh"}).json()["token"]
    assert subject_from_token(token).expires_at <= datetime.now(UTC) + timedelta(seconds=60)


def test_only_a_project_key_may_ask(house: Cast, mallory: Cast, alice_api: Api, gus_api: Api) -> None:
    assert code(alice_api.post(PATH, {"reference": "x"}))[0] == 403
    assert code(gus_api.post(PATH, {"reference": "x"}))[0] == 403
    assert errors(Api().post(PATH, {"reference": "x"})) and Api().post(PATH, {}).status_code == 401
    from tests.support.rest_client import basic

    assert Api(basic(house.id, mallory.api_token)).post(PATH, {"reference": "x"}).status_code == 401
    assert Api(basic(house.id, "")).post(PATH, {"reference": "x"}).status_code == 401
    assert Api(basic("x", house.api_token)).post(PATH, {"reference": "x"}).status_code == 401
    assert code(house.api.get(PATH))[0] == 405
