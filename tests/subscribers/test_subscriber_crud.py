"""/api/fabric/resources/subscribers"""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from subscribers.models import Address, Subscriber
from tests.support.people import Cast
from tests.support.rest_client import Api, code, errors

PATH = "/api/fabric/resources/subscribers"


def test_post_makes_a_subscriber_and_its_address(house: Cast) -> None:
    made = house.api.post(
        PATH, {"email": "john.doe@example.com", "first_name": "John", "timezone": "Europe/Oslo"}
    )
    assert made.status_code == 201
    body = made.json()
    assert body["type"] == "subscriber" and body["project_id"] == str(house.id)
    assert body["display_name"] == "John"
    assert body["subscriber"]["address"] == "/private/john-doe"
    assert body["subscriber"]["timezone"] == "Europe/Oslo"
    assert made["Location"] == f"{PATH}/{body['id']}"
    assert house.api.get(made["Location"]).json() == body
    listed = house.api.get(f"{PATH}/{body['id']}/addresses").json()["data"]
    assert [item["channels"]["audio"] for item in listed] == ["/private/john-doe?channel=audio"]
    assert listed[0]["type"] == "subscriber" and listed[0]["resource_id"] == body["id"]


def test_a_taken_slug_gets_a_suffix(house: Cast) -> None:
    paths = [
        house.api.post(PATH, {"email": f"sam@{host}.example"}).json()["subscriber"]["address"]
        for host in ("one", "two", "three")
    ]
    assert paths == ["/private/sam", "/private/sam-2", "/private/sam-3"]


@pytest.mark.parametrize("verb", ["PUT", "PATCH"])
def test_put_and_patch_change_what_they_name(house: Cast, alice: Subscriber, verb: str) -> None:
    answer = house.api.call(verb, f"{PATH}/{alice.pk}", {"last_name": "Ames", "extension": "777"})
    assert answer.status_code == 200
    inner = answer.json()["subscriber"]
    assert (inner["last_name"], inner["extension"], inner["display_name"]) == ("Ames", "777", "Alice")
    cleared = house.api.call(verb, f"{PATH}/{alice.pk}", {"extension": None, "display_name": "Al"})
    assert cleared.json()["subscriber"]["extension"] is None
    assert Address.objects.get(resource_id=alice.pk).display_name == "Al"


def test_delete_removes_it_with_its_address(house: Cast, alice: Subscriber) -> None:
    assert house.api.delete(f"{PATH}/{alice.pk}").status_code == 204
    assert code(house.api.get(f"{PATH}/{alice.pk}"))[0] == 404
    assert not Address.objects.filter(resource_id=alice.pk).exists()


def test_lists_are_paged_both_ways_without_gap_or_repeat(house: Cast) -> None:
    ids = [house.subscriber(f"u{n}@x.example").pk for n in range(7)]
    wanted = [str(id) for id in reversed(ids)]
    seen: list[str] = []
    pages: list[list[str]] = []
    link = f"{PATH}?page_size=3"
    previous = None
    while link:
        page = house.api.get(link).json()
        assert set(page["links"]) == {"self", "first", "next", "prev"}
        assert page["links"]["self"].startswith("http://testserver/api/")
        pages.append([item["id"] for item in page["data"]])
        seen += pages[-1]
        previous, link = page["links"]["prev"], page["links"]["next"]
    assert seen == wanted
    back = house.api.get(previous).json()
    assert [item["id"] for item in back["data"]] == pages[1]
    assert [i["id"] for i in house.api.get(back["links"]["prev"]).json()["data"]] == pages[0]
    assert house.api.get(back["links"]["first"]).json()["links"]["prev"] is None


@pytest.mark.parametrize(
    ("query", "attribute"),
    [
        ("page_size=0", "page_size"),
        ("page_size=201", "page_size"),
        ("page_size=x", "page_size"),
        ("page_size=٣", "page_size"),
        ("page_token=%00", "page_token"),
        ("page_token=W10", "page_token"),
        ("page_token=bnVsbA", "page_token"),
        ("page_token=!!", "page_token"),
    ],
)
def test_wrong_paging_is_422(house: Cast, query: str, attribute: str) -> None:
    answer = house.api.get(f"{PATH}?{query}")
    assert answer.status_code == 422 and errors(answer)[0]["attribute"] == attribute


@pytest.mark.parametrize(
    ("body", "status", "attribute"),
    [
        ({}, "missing_required_parameter", "email"),
        ({"email": 5}, "invalid_parameter", "email"),
        ({"email": ["a@b"]}, "invalid_parameter", "email"),
        ({"email": "nope"}, "invalid_parameter", "email"),
        ({"email": "a@b.c" + "d" * 255}, "invalid_parameter", "email"),
        ({"email": "a@b.c", "password": "short"}, "invalid_parameter", "password"),
        ({"email": "a@b.c", "password": "x" * 73}, "invalid_parameter", "password"),
        ({"email": "a@b.c", "extension": "1"}, "invalid_parameter", "extension"),
        ({"email": "a@b.c", "extension": "١٢٣"}, "invalid_parameter", "extension"),
        ({"email": "a@b.c", "extension": 123}, "invalid_parameter", "extension"),
        ({"email": "a@b.c", "timezone": "Mars/Base"}, "invalid_parameter", "timezone"),
        ({"email": "a@b.c", "max_calls": -1}, "invalid_parameter", "max_calls"),
        ({"email": "a@b.c", "max_calls": True}, "invalid_parameter", "max_calls"),
        ({"email": "a@b.c", "do_not_disturb": "yes"}, "invalid_parameter", "do_not_disturb"),
        ([], "invalid_parameter", None),
        ("null", "invalid_parameter", None),
    ],
)
def test_wrong_fields_are_422_by_name(house: Cast, body: Any, status: str, attribute: str | None) -> None:
    assert code(house.api.post(PATH, body)) == (422, status, attribute)
    assert not Subscriber.objects.exists()


def test_a_taken_email_and_extension_are_422(house: Cast, alice: Subscriber) -> None:
    assert code(house.api.post(PATH, {"email": alice.reference})) == (422, "already_taken", "email")
    taken = house.api.post(PATH, {"email": "new@x.example", "extension": "101"})
    assert code(taken) == (422, "already_taken", "extension")
    assert not Subscriber.objects.filter(reference="new@x.example").exists()


def test_another_project_may_use_the_same_names(house: Cast, alice: Subscriber, mallory: Cast) -> None:
    made = mallory.api.post(PATH, {"email": alice.reference, "extension": "101"})
    assert made.status_code == 201
    assert made.json()["subscriber"]["address"] == "/private/alice"


def test_another_projects_subscriber_looks_like_none(alice: Subscriber, mallory: Cast) -> None:
    for verb in ("GET", "PUT", "PATCH", "DELETE"):
        foreign = mallory.api.call(verb, f"{PATH}/{alice.pk}", {})
        absent = mallory.api.call(verb, f"{PATH}/{uuid.uuid4()}", {})
        assert foreign.status_code == absent.status_code == 404
        assert foreign.json() == absent.json()
    assert mallory.api.get(PATH).json()["data"] == []


def test_tokens_are_403_and_strangers_401(alice: Subscriber, alice_api: Api, gus_api: Api) -> None:
    for verb, path in (("GET", PATH), ("POST", PATH), ("DELETE", f"{PATH}/{alice.pk}")):
        assert code(alice_api.call(verb, path, {}))[0] == 403
        assert code(gus_api.call(verb, path, {}))[0] == 403
        refused = Api().call(verb, path, {})
        assert code(refused)[0] == 401
        assert refused["WWW-Authenticate"].startswith("Basic ")


def test_other_methods_are_405_and_unknown_ids_404(house: Cast) -> None:
    assert code(house.api.delete(PATH))[0] == 405
    assert code(house.api.get(f"{PATH}/not-an-id"))[0] == 404
    assert code(house.api.get("/api/nothing/here"))[0] == 404
