"""The official Python SDK's RestClient, unmodified, against a live server: tokens and the directory."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from subscribers.assignment import assign
from tests.support.people import Cast
from tokens.authentication import subject_from_token

rest = pytest.importorskip("signalwire.rest", reason="needs the signalwire-sdk package")
pytestmark = pytest.mark.django_db(transaction=True)
SWML = '{"version":"1.0.0","sections":{"main":["hangup"]}}'


@pytest.fixture
def client(live_server: Any, house: Cast) -> Any:
    return rest.RestClient(
        project=str(house.id), token=house.api_token, host=urlsplit(live_server.url).netloc
    )


def test_tokens(client: Any, house: Cast) -> None:
    tokens = client.fabric.tokens
    made = tokens.create_subscriber_token(reference="john.doe@example.com", first_name="John")
    assert subject_from_token(made["token"]).address == "/private/john-doe"
    again = tokens.refresh_subscriber_token(refresh_token=made["refresh_token"])
    assert set(again) == {"token", "refresh_token"}
    (address,) = client.fabric.addresses.list(name="/private/john-doe")["data"]
    guest = tokens.create_guest_token(allowed_addresses=[address["id"]])
    assert subject_from_token(guest["token"]).kind == "guest"
    embed = house.api.post("/api/fabric/embeds", {"address_id": address["id"]}).json()
    assert subject_from_token(tokens.create_embed_token(token=embed["token"])["token"]).kind == "embed"
    # Invites need a subscriber's token; the SDK sends the project's key.
    with pytest.raises(rest.SignalWireRestError) as refused:
        tokens.create_invite_token(address_id=address["id"])
    assert refused.value.status_code == 403


def test_an_error_is_read_by_the_sdk(client: Any) -> None:
    with pytest.raises(rest.SignalWireRestError) as refused:
        client.fabric.tokens.create_subscriber_token(reference="")
    assert refused.value.status_code == 422
    assert refused.value.body["errors"][0]["attribute"] == "reference"


def test_subscribers_and_their_sip_endpoints(client: Any) -> None:
    subscribers = client.fabric.subscribers
    made = subscribers.create(email="amy@example.com", first_name="Amy", timezone="Europe/Oslo")
    assert subscribers.get(made["id"])["subscriber"]["first_name"] == "Amy"
    assert subscribers.update(made["id"], last_name="Ames")["subscriber"]["last_name"] == "Ames"
    assert [item["id"] for item in subscribers.list()["data"]] == [made["id"]]
    assert subscribers.list_addresses(made["id"])["data"][0]["name"] == "amy"
    phone = subscribers.create_sip_endpoint(made["id"], username="amy-desk", password="long enough")
    assert subscribers.get_sip_endpoint(made["id"], phone["id"])["username"] == "amy-desk"
    changed = subscribers.update_sip_endpoint(made["id"], phone["id"], caller_id="Amy")
    assert changed["caller_id"] == "Amy"
    assert len(subscribers.list_sip_endpoints(made["id"])["data"]) == 1
    assert subscribers.delete_sip_endpoint(made["id"], phone["id"]) == {}
    assert subscribers.delete(made["id"]) == {}


def test_addresses_are_paginated(client: Any, house: Cast) -> None:
    for number in range(5):
        house.subscriber(f"u{number}@x.example")
    found = list(client.fabric.addresses.paginate(page_size=2, sort_by="name", sort_order="asc"))
    assert [item["name"] for item in found] == ["u0", "u1", "u2", "u3", "u4"]
    assert client.fabric.addresses.get(found[0]["id"])["channels"]["audio"] == "/private/u0?channel=audio"


def test_conference_rooms(client: Any) -> None:
    rooms = client.fabric.conference_rooms
    made = rooms.create(name="daily", enable_room_previews=False, max_members=3, quality="1080p")
    assert made["conference_room"]["enable_room_previews"] is False
    assert rooms.update(made["id"], record_on_start=True)["conference_room"]["record_on_start"] is True
    assert rooms.get(made["id"])["conference_room"]["max_members"] == 3
    assert rooms.list()["data"][0]["id"] == made["id"]
    assert rooms.list_addresses(made["id"])["data"][0]["type"] == "room"
    assert rooms.delete(made["id"]) == {}


def test_swml_scripts(client: Any) -> None:
    scripts = client.fabric.swml_scripts
    made = scripts.create(name="Menu", contents=SWML)
    assert scripts.update(made["id"], display_name="Other", contents=SWML)["display_name"] == "Other"
    assert scripts.get(made["id"])["swml_script"]["contents"] == SWML
    assert scripts.list_addresses(made["id"])["data"][0]["type"] == "app"
    assert len(scripts.list()["data"]) == 1 and scripts.delete(made["id"]) == {}


def test_sip_gateways_and_sip_endpoints(client: Any, house: Cast) -> None:
    assign("+15551234567", house.project)
    media = {"encryption": "optional", "ciphers": ["AEAD_AES_256_GCM_8"], "codecs": ["PCMU", "OPUS"]}
    gateways = client.fabric.sip_gateways
    made = gateways.create(name="Trunk", uri="sip:trunk.example.com", **media)
    assert gateways.update(made["id"], name="New")["sip_gateway"]["name"] == "New"
    assert gateways.get(made["id"])["sip_gateway"]["uri"] == "sip:trunk.example.com"
    assert gateways.list()["data"] and gateways.delete(made["id"]) == {}
    endpoints = client.fabric.sip_endpoints
    phone = endpoints.create(
        username="desk", caller_id="Desk", send_as="+15551234567", call_handler="default",
        calling_handler_resource_id=None, **media,
    )  # fmt: skip
    assert endpoints.update(phone["id"], caller_id="D")["sip_endpoint"]["caller_id"] == "D"
    assert endpoints.get(phone["id"])["sip_endpoint"]["codecs"] == ["PCMU", "OPUS"]
    assert endpoints.list_addresses(phone["id"])["data"][0]["name"] == "desk"
    assert endpoints.list()["data"] and endpoints.delete(phone["id"]) == {}


def test_generic_resources(client: Any, house: Cast) -> None:
    room = client.fabric.conference_rooms.create(name="daily", enable_room_previews=False)
    amy = client.fabric.subscribers.create(email="amy@example.com")
    resources = client.fabric.resources
    assert [item["type"] for item in resources.list()["data"]] == ["subscriber", "video_room"]
    assert resources.list(page_size=1)["links"]["next"]
    assert resources.get(room["id"])["conference_room"]["name"] == "daily"
    assert resources.list_addresses(amy["id"])["data"][0]["name"] == "amy"
    assign("+15551230001", house.project)
    number = house.api.post("/api/phone_numbers", {"number": "+15551230001"}).json()
    assigned = resources.assign_phone_route(amy["id"], phone_route_id=number["id"], handler="calling")
    assert assigned["name"] == "amy"
    assert house.api.get("/api/phone_numbers").json()["data"][0]["address"] == "/private/amy"
    assert resources.delete(amy["id"]) == {}
    assert [item["id"] for item in resources.list()["data"]] == [room["id"]]


def test_what_is_not_here_says_so_by_name(client: Any) -> None:
    for name in ("ai_agents", "call_flows", "cxml_webhooks", "swml_webhooks", "relay_applications"):
        with pytest.raises(rest.SignalWireRestError) as refused:
            getattr(client.fabric, name).list()
        assert refused.value.status_code == 422
        assert refused.value.body["errors"][0]["code"] == "not_supported"
