"""/api/fabric/addresses and /api/fabric/subscriber/info"""

from __future__ import annotations

import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from subscribers.models import Subscriber
from tests.support.people import Cast, address_of, pair_for
from tests.support.rest_client import Api, bearer, code
from tokens.subjects import Entry

PATH = "/api/fabric/addresses"


def names(answer: object) -> list[str]:
    return [item["name"] for item in answer.json()["data"]]  # type: ignore[attr-defined]


@pytest.fixture
def everybody(house: Cast, alice: Subscriber, bob: Subscriber, carol: Subscriber) -> None:
    house.api.post("/api/fabric/resources/conference_rooms", {"name": "daily"})
    script = {"name": "menu", "contents": {"version": "1.0.0", "sections": {"main": ["hangup"]}}}
    house.api.post("/api/fabric/resources/swml_scripts", script)


def test_keys_and_subscribers_see_all(everybody: None, house: Cast, alice_api: Api) -> None:
    wanted = ["alice", "bob", "carol", "daily", "menu"]
    assert names(house.api.get(f"{PATH}?sort_by=name&sort_order=asc")) == wanted
    assert names(alice_api.get(f"{PATH}?sort_by=name")) == wanted
    assert names(house.api.get(f"{PATH}?sort_by=name&sort_order=desc")) == wanted[::-1]


def test_pages_by_name_follow_each_other(everybody: None, house: Cast) -> None:
    seen, link = [], f"{PATH}?sort_by=name&page_size=2"
    while link:
        page = house.api.get(link)
        seen += names(page)
        link = page.json()["links"]["next"]
    assert seen == ["alice", "bob", "carol", "daily", "menu"]


def test_filters(everybody: None, house: Cast) -> None:
    assert names(house.api.get(f"{PATH}?name=%2Fprivate%2Fbob")) == ["bob"]
    assert names(house.api.get(f"{PATH}?name=/private/bob?channel=video")) == ["bob"]
    assert names(house.api.get(f"{PATH}?name=bob")) == ["bob"]
    assert names(house.api.get(f"{PATH}?name=/public/bob")) == []
    assert names(house.api.get(f"{PATH}?name=%00")) == []
    assert names(house.api.get(f"{PATH}?type=room")) == ["daily"]
    assert names(house.api.get(f"{PATH}?type=app")) == ["menu"]
    assert names(house.api.get(f"{PATH}?type=%00%00")) == []
    assert code(house.api.get(f"{PATH}?sort_by=id")) == (422, "invalid_parameter", "sort_by")
    assert code(house.api.get(f"{PATH}?sort_order=up")) == (422, "invalid_parameter", "sort_order")


def test_test_destinations_are_listed_nowhere(house: Cast, alice_api: Api) -> None:
    assert names(house.api.get(f"{PATH}?name=/public/echo")) == []
    assert "echo" not in names(alice_api.get(PATH))


def test_a_guest_sees_only_what_it_may_dial(
    everybody: None, gus_api: Api, alice: Subscriber, bob: Subscriber
) -> None:
    assert names(gus_api.get(PATH)) == ["bob"]
    assert gus_api.get(f"{PATH}/{address_of(bob).pk}").json()["name"] == "bob"
    hidden = gus_api.get(f"{PATH}/{address_of(alice).pk}")
    absent = gus_api.get(f"{PATH}/{uuid.uuid4()}")
    assert hidden.status_code == absent.status_code == 404 and hidden.json() == absent.json()


def test_a_limited_subscriber_sees_that_and_itself(everybody: None, alice: Subscriber) -> None:
    api = bearer(pair_for(alice, (Entry("context", "public"),)).token)
    assert sorted(names(api.get(PATH))) == ["alice", "daily", "menu"]


def test_other_projects_see_nothing(everybody: None, mallory: Cast, bob: Subscriber) -> None:
    assert names(mallory.api.get(PATH)) == []
    assert code(mallory.api.get(f"{PATH}/{address_of(bob).pk}"))[0] == 404
    assert code(Api().get(PATH))[0] == 401
    assert code(mallory.api.post(PATH, {}))[0] == 405


def test_the_lookup_before_a_call_costs_few_queries(everybody: None, alice_api: Api) -> None:
    alice_api.get(PATH)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        alice_api.get(f"{PATH}?name=/private/bob")
    asked = [query["sql"] for query in queries if "set_config" not in query["sql"]]  # the project's role
    assert len(asked) <= 2, asked  # the addresses, and who of them is online


def test_info_is_what_the_browser_sdk_reads(alice: Subscriber, alice_api: Api) -> None:
    body = alice_api.get("/api/fabric/subscriber/info").json()
    assert body["id"] == str(alice.pk) and body["email"] == "alice@example.com"
    assert body["push_notification_key"] == "" and "sat_claims" not in body
    (address,) = body["fabric_addresses"]
    assert address["channels"] == {
        "audio": "/private/alice?channel=audio",
        "video": "/private/alice?channel=video",
        "messaging": "/private/alice?channel=messaging",
    }
    assert {"id", "display_name", "name", "resource_id", "type", "locked", "created_at"} <= set(address)


def test_info_of_a_guest_has_no_addresses_and_a_key_has_none(gus_api: Api, house: Cast) -> None:
    body = gus_api.get("/api/fabric/subscriber/info").json()
    assert body["fabric_addresses"] == [] and body["display_name"] == "Gus" and uuid.UUID(body["id"])
    assert code(house.api.get("/api/fabric/subscriber/info"))[0] == 403
    assert code(Api().get("/api/fabric/subscriber/info"))[0] == 401
