"""`client.phone_numbers`: a number leads to a room, a SIP endpoint's subscriber or SWML at a URL."""

from __future__ import annotations

from typing import Any

import pytest

from subscribers import assignment
from subscribers.models import PhoneNumber, Script
from tests.signalwire.rest_api.conftest import fields_of, refusal
from tests.support.people import Cast

NUMBER, FREE = "+12125550101", "+18005551234"
URL = "https://example.com/menu.swml"


@pytest.fixture
def number(client: Any, cast: Cast) -> Any:
    assignment.assign(NUMBER, cast.project)
    return client.phone_numbers.create(number=NUMBER)


def test_a_number_has_every_field_of_the_packages_type(client: Any, number: Any, cast: Cast) -> None:
    assert set(number) == fields_of("PhoneNumber", "relay_rest")
    assert (number["number"], number["country_code"], number["capabilities"]) == (NUMBER, "US", ["voice"])
    assert number["call_handler"] is None
    assert client.phone_numbers.get(number["id"]) == number
    assert [each["id"] for each in client.phone_numbers.paginate()] == [number["id"]]
    assert client.phone_numbers.list(filter_number="0101")["data"] == [number]
    assert client.phone_numbers.list(filter_number="999")["data"] == []
    assignment.assign(FREE, cast.project)
    free = client.phone_numbers.create(number=FREE)
    assert free["number_type"] == "toll-free" and number["number_type"] == "longcode"


def test_a_number_leads_to_a_room(client: Any, number: Any) -> None:
    room = client.video.rooms.create(name="daily")
    changed = client.phone_numbers.update(
        number["id"], name="Front desk", call_handler="video_room", call_video_room_id=room["id"]
    )
    assert (changed["call_handler"], changed["call_video_room_id"]) == ("video_room", room["id"])
    row = PhoneNumber.objects.get()
    assert (row.name, row.address.text) == ("Front desk", "/public/daily")


def test_a_number_leads_to_a_sip_endpoints_subscriber(client: Any, number: Any) -> None:
    phone = client.fabric.sip_endpoints.create(
        username="desk", caller_id="Desk", send_as="random", ciphers=[], codecs=[], encryption="optional",
        call_handler="default", calling_handler_resource_id=None,
    )  # fmt: skip
    changed = client.phone_numbers.update(
        number["id"], call_handler="relay_sip_endpoint", call_sip_endpoint_id=phone["id"]
    )
    assert changed["call_handler"] == "fabric_subscriber"
    assert PhoneNumber.objects.get().address.text == "/private/desk"


def test_a_number_is_answered_by_a_document_at_a_url(client: Any, number: Any) -> None:
    changed = client.phone_numbers.set_swml_webhook(number["id"], URL)
    assert (changed["call_handler"], changed["call_relay_script_url"]) == ("relay_script", URL)
    address = PhoneNumber.objects.get().address
    script = Script.objects.get()
    assert address.resource_id == script.pk and f'"dest": "{URL}"' in script.contents
    again = client.phone_numbers.set_swml_webhook(number["id"], URL + "?v=2")
    assert again["call_relay_script_url"] == URL + "?v=2" and Script.objects.count() == 1
    room = client.video.rooms.create(name="daily")
    client.phone_numbers.update(number["id"], call_handler="video_room", call_video_room_id=room["id"])
    assert Script.objects.count() == 0
    client.phone_numbers.set_swml_webhook(number["id"], URL)
    assert client.phone_numbers.delete(number["id"]) == {}
    assert Script.objects.count() == 0
    assert not PhoneNumber.objects.get().in_use, "it stays assigned"


@pytest.mark.parametrize(
    ("given", "attribute"),
    [
        ({"call_handler": "laml_webhooks", "call_request_url": URL}, "call_request_url"),
        ({"call_handler": "ai_agent"}, "call_handler"),
        ({"call_handler": "relay_topic"}, "call_handler"),
        ({"message_handler": "laml_webhooks"}, "message_handler"),
        ({"call_receive_mode": "fax"}, "call_receive_mode"),
    ],
)
def test_a_handler_that_there_is_not_is_refused_by_name(
    client: Any, number: Any, given: dict[str, str], attribute: str
) -> None:
    error = refusal(422, client.phone_numbers.update, number["id"], **given)
    assert (error["code"], error["attribute"]) == ("not_supported", attribute)
    assert client.phone_numbers.get(number["id"])["call_handler"] is None


def test_a_handler_needs_what_it_leads_to(client: Any, number: Any, stranger: Any) -> None:
    error = refusal(422, client.phone_numbers.update, number["id"], call_handler="relay_script")
    assert (error["code"], error["attribute"]) == ("missing_required_parameter", "call_relay_script_url")
    error = refusal(422, client.phone_numbers.set_swml_webhook, number["id"], "ftp://example.com")
    assert error["attribute"] == "call_relay_script_url"
    room = stranger.video.rooms.create(name="theirs")
    error = refusal(422, client.phone_numbers.update, number["id"], call_video_room_id=room["id"])
    assert (error["code"], error["attribute"]) == ("must_belong_to_project", "call_video_room_id")


def test_another_projects_number_is_not_found(client: Any, number: Any, stranger: Any) -> None:
    assert stranger.phone_numbers.list()["data"] == []
    for act in (stranger.phone_numbers.get, stranger.phone_numbers.delete, stranger.phone_numbers.update):
        refusal(404, act, number["id"])
    assert refusal(422, client.phone_numbers.create, number="12")["code"] == "not_e164"
    for each in (NUMBER, "+12125550199"):  # another project's, and nobody's
        assert refusal(403, stranger.phone_numbers.create, number=each)["code"] == "number_not_assigned"
