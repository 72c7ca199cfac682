"""/api/phone_numbers"""

from __future__ import annotations

from typing import Any

import pytest

from subscribers import assignment, directory
from subscribers.addressing import parse_destination
from subscribers.models import Subscriber
from tests.support.people import Cast, address_of
from tests.support.rest_client import Api, code

PATH = "/api/phone_numbers"


@pytest.fixture(autouse=True)
def numbers(house: Cast) -> None:
    for number in ("+15551230001", "+15550001"):
        assignment.assign(number, house.project)


def test_a_number_routes_to_an_address(house: Cast, bob: Subscriber) -> None:
    made = house.api.post(PATH, {"number": "+15551230001", "address": "/private/bob"})
    assert made.status_code == 201
    body = made.json()
    assert (body["number"], body["address"]) == ("+15551230001", "/private/bob")
    assert body["address_id"] == str(address_of(bob).pk)
    target = directory.resolve(house.id, parse_destination("+15551230001"))
    assert target is not None and (target.kind, target.address) == ("subscriber", "/private/bob")
    assert target.number == "+15551230001"
    listed = house.api.get(f"{PATH}?number=%2B15551230001").json()["data"]
    assert [item["id"] for item in listed] == [body["id"]]


def test_patch_routes_elsewhere_or_nowhere(house: Cast, alice: Subscriber, bob: Subscriber) -> None:
    path = house.api.post(PATH, {"number": "+15551230001", "address_id": str(address_of(bob).pk)})["Location"]
    moved = house.api.patch(path, {"address": "/private/alice", "subscriber_id": str(alice.pk)})
    assert moved.json()["address"] == "/private/alice"
    assert moved.json()["subscriber_id"] == str(alice.pk)
    assert house.api.put(path, {"address": None}).json()["address"] is None
    assert house.api.delete(path).status_code == 204


def test_deleting_the_subscriber_leaves_the_number(house: Cast, bob: Subscriber) -> None:
    path = house.api.post(PATH, {"number": "+15551230001", "address": "/private/bob"})["Location"]
    house.api.delete(f"/api/fabric/resources/subscribers/{bob.pk}")
    assert house.api.get(path).json()["address"] is None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, ("missing_required_parameter", "number")),
        ({"number": "5551234"}, ("not_e164", "number")),
        ({"number": "+1555123٤"}, ("not_e164", "number")),
        ({"number": 15551234567}, ("invalid_parameter", "number")),
        ({"number": "+46000000000"}, ("already_taken", "number")),
        ({"number": "+15550001", "address": "/private/nobody"}, ("unrecognized_fabric_addresses", "address")),
        ({"number": "+15550001", "address": "/public/echo"}, ("unrecognized_fabric_addresses", "address")),
        ({"number": "+15550001", "address": "nonsense"}, ("invalid_parameter", "address")),
        ({"number": "+15550001", "address_id": "x"}, ("invalid_parameter", "address_id")),
    ],
)
def test_wrong_fields_are_422(house: Cast, body: Any, expected: tuple[str, str]) -> None:
    assert code(house.api.post(PATH, body)) == (422, *expected)


def test_a_taken_number_is_422(house: Cast, mallory: Cast) -> None:
    house.api.post(PATH, {"number": "+15551230001"})
    assert code(house.api.post(PATH, {"number": "+15551230001"})) == (422, "already_taken", "number")
    assert code(mallory.api.post(PATH, {"number": "+15551230001"})) == (403, "number_not_assigned", "number")


def test_another_projects_address_and_subscriber_are_unknown(mallory: Cast, bob: Subscriber) -> None:
    assignment.assign("+15551230009", mallory.project)
    foreign = {"number": "+15551230009", "address_id": str(address_of(bob).pk)}
    assert code(mallory.api.post(PATH, foreign)) == (422, "unrecognized_fabric_addresses", "address_id")
    foreign = {"number": "+15551230009", "subscriber_id": str(bob.pk)}
    assert code(mallory.api.post(PATH, foreign)) == (422, "must_belong_to_project", "subscriber_id")


def test_tokens_are_403(alice_api: Api) -> None:
    assert code(alice_api.get(PATH))[0] == 403
