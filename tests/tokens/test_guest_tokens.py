"""POST /api/fabric/guests/tokens"""

from __future__ import annotations

import re
from typing import Any

import pytest

from subscribers.models import Subscriber
from tests.support.people import Cast, address_of
from tests.support.rest_client import Api, code
from tokens.authentication import subject_from_token

PATH = "/api/fabric/guests/tokens"


def test_a_guest_may_dial_what_is_listed(house: Cast, bob: Subscriber) -> None:
    answer = house.api.post(PATH, {"allowed_addresses": [str(address_of(bob).pk), "+1*"]})
    assert answer.status_code == 201 and set(answer.json()) == {"token", "refresh_token"}
    holder = subject_from_token(answer.json()["token"])
    assert holder.kind == "guest" and holder.subscriber_id is None and not holder.may_receive
    assert re.fullmatch(r"/guest/[0-9a-f]{8}", holder.address)


def test_a_refreshed_guest_keeps_its_address(house: Cast, bob: Subscriber) -> None:
    pair = house.api.post(PATH, {"allowed_addresses": ["/private/bob"]}).json()
    again = house.api.post(
        "/api/fabric/subscribers/tokens/refresh", {"refresh_token": pair["refresh_token"]}
    ).json()
    before, after = subject_from_token(pair["token"]), subject_from_token(again["token"])
    assert (before.address, before.allowed) == (after.address, after.allowed)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({}, "missing_required_parameter"),
        ({"allowed_addresses": []}, "invalid_parameter"),
        ({"allowed_addresses": None}, "invalid_parameter"),
        ({"allowed_addresses": "/private/bob"}, "invalid_parameter"),
        ({"allowed_addresses": {"a": 1}}, "invalid_parameter"),
        ({"allowed_addresses": ["+1555000"] * 11}, "allowed_address_limit_exceeded"),
        ({"allowed_addresses": ["/private/nobody"]}, "unrecognized_fabric_addresses"),
        ({"allowed_addresses": ["999"]}, "unrecognized_fabric_addresses"),
    ],
)
def test_wrong_lists_are_422(house: Cast, body: Any, word: str) -> None:
    assert code(house.api.post(PATH, body)) == (422, word, "allowed_addresses")


def test_only_a_project_key_may_ask(alice_api: Api, gus_api: Api) -> None:
    body = {"allowed_addresses": ["/public/*"]}
    assert code(alice_api.post(PATH, body))[0] == 403
    assert code(gus_api.post(PATH, body))[0] == 403
    assert code(Api().post(PATH, body))[0] == 401
