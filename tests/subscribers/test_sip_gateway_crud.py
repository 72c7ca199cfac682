"""/api/fabric/resources/sip_gateways"""

from __future__ import annotations

from typing import Any

import pytest

from subscribers.models import SipGateway
from tests.support.people import Cast
from tests.support.rest_client import Api, code

PATH = "/api/fabric/resources/sip_gateways"


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"uri": "sip:trunk.example.com"}, ("trunk.example.com", 5060, "udp", "")),
        ({"uri": "user@Trunk.example.com:5080"}, ("trunk.example.com", 5080, "udp", "user")),
        ({"uri": "sips:trunk.example.com"}, ("trunk.example.com", 5061, "tls", "")),
        ({"uri": "sip:192.0.2.9;transport=tcp"}, ("192.0.2.9", 5060, "tcp", "")),
        ({"host": "gw.example.com", "port": 5070, "transport": "tcp"}, ("gw.example.com", 5070, "tcp", "")),
        ({"host": "[2001:db8::1]"}, ("[2001:db8::1]", 5060, "udp", "")),
    ],
)
def test_a_gateway_is_named_by_uri_or_host(house: Cast, body: dict[str, Any], place: tuple[Any, ...]) -> None:
    made = house.api.post(PATH, {"name": "Trunk", **body})
    assert made.status_code == 201
    inner = made.json()["sip_gateway"]
    assert (inner["host"], inner["port"], inner["transport"], inner["user"]) == place


def test_the_password_is_sealed_and_never_shown(house: Cast) -> None:
    made = house.api.post(
        PATH, {"name": "T", "uri": "sip:x.example", "username": "u", "password": "s3cret!", "register": True}
    )
    assert "s3cret!" not in made.content.decode() and made.json()["sip_gateway"]["has_password"]
    row = SipGateway.objects.get()
    assert row.password == "s3cret!" and "s3cret!" not in row.sealed_password


def test_a_gateway_behind_a_nat_is_said_to_be_one(house: Cast) -> None:
    made = house.api.post(PATH, {"name": "T", "uri": "sip:x.example"})
    assert made.json()["sip_gateway"]["nat"] is False
    assert house.api.patch(made["Location"], {"nat": True}).json()["sip_gateway"]["nat"] is True
    assert SipGateway.objects.get().nat is True


def test_patch_keeps_what_it_does_not_name(house: Cast) -> None:
    body = {"name": "T", "uri": "sip:x.example:5090", "prefixes": ["+1", "+4670"], "priority": 3}
    path = house.api.post(PATH, body)["Location"]
    inner = house.api.patch(path, {"name": "U", "enabled": False}).json()["sip_gateway"]
    assert (inner["name"], inner["port"], inner["prefixes"], inner["enabled"]) == (
        "U",
        5090,
        ["+1", "+4670"],
        False,
    )
    assert house.api.get(path + "/addresses").json()["data"] == []
    assert house.api.delete(path).status_code == 204


def test_a_gateway_is_trusted_only_where_somebody_says_so(house: Cast) -> None:
    made = house.api.post(PATH, {"name": "T", "uri": "sip:x.example"})
    assert made.json()["sip_gateway"]["trust_identity"] is False
    changed = house.api.patch(made["Location"], {"trust_identity": True}).json()["sip_gateway"]
    assert changed["trust_identity"] is True and SipGateway.objects.get().trust_identity
    assert house.api.patch(made["Location"], {"trust_identity": "maybe"}).status_code == 422


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"uri": "sip:x.example"}, ("missing_required_parameter", "name")),
        ({"name": "x"}, ("missing_required_parameter", "uri")),
        ({"name": "x", "uri": "http://x.example"}, ("invalid_parameter", "uri")),
        ({"name": "x", "uri": "sip:x.example:70000"}, ("invalid_parameter", "uri")),
        ({"name": "x", "host": "a b"}, ("invalid_parameter", "host")),
        ({"name": "x", "uri": "sip:x", "prefixes": ["1"]}, ("invalid_parameter", "prefixes")),
        ({"name": "x", "uri": "sip:x", "ip_addresses": ["nope"]}, ("invalid_parameter", "ip_addresses")),
        ({"name": "x", "uri": "sip:x", "headers": {"Via": "x"}}, ("invalid_parameter", "headers")),
        ({"name": "x", "uri": "sip:x", "headers": {"x-a": "b\r\nVia: x"}}, ("invalid_parameter", "headers")),
        ({"name": "x", "uri": "sip:x", "caller_id": "+1"}, ("not_e164", "caller_id")),
        ({"name": "x", "uri": "sip:x", "transport": "ws"}, ("invalid_parameter", "transport")),
    ],
)
def test_wrong_fields_are_422(house: Cast, body: Any, expected: tuple[str, str]) -> None:
    assert code(house.api.post(PATH, body)) == (422, *expected)


def test_tokens_are_403_and_foreigners_404(house: Cast, mallory: Cast, alice_api: Api) -> None:
    path = house.api.post(PATH, {"name": "T", "uri": "sip:x.example"})["Location"]
    assert code(alice_api.get(path))[0] == 403
    assert code(mallory.api.patch(path, {"name": "M"}))[0] == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"encryption": "required", "uri": "sip:x.example"}, "encryption"),
        ({"encryption": "required", "uri": "sip:x.example;transport=tcp"}, "encryption"),
        ({"encryption": "required", "host": "x.example", "transport": "udp"}, "encryption"),
        ({"encryption": "always", "uri": "sips:x.example"}, "encryption"),
        ({"ciphers": ["ROT13"], "uri": "sips:x.example"}, "ciphers"),
        (
            {"ciphers": ["AEAD_AES_256_GCM_8"], "encryption": "required", "uri": "sips:x.example"},
            "ciphers",
        ),
        ({"codecs": ["G729"], "uri": "sip:x.example"}, "codecs"),
    ],
)
def test_what_can_never_work_is_refused_when_it_is_saved(
    house: Cast, body: dict[str, Any], field: str
) -> None:
    refused = house.api.post(PATH, {"name": "T", **body})
    assert (refused.status_code, refused.json()["errors"][0]["attribute"]) == (422, field)
    assert not SipGateway.objects.exists()


def test_encryption_needs_tls_for_as_long_as_it_is_required(house: Cast) -> None:
    body = {"name": "T", "uri": "sips:x.example", "encryption": "required", "ciphers": ["aead_aes_256_gcm"]}
    made = house.api.post(PATH, body)
    assert made.status_code == 201 and made.json()["sip_gateway"]["ciphers"] == ["AEAD_AES_256_GCM"]
    path = made["Location"]
    assert house.api.patch(path, {"transport": "udp"}).status_code == 422
    assert house.api.patch(path, {"uri": "sip:x.example"}).status_code == 422
    assert house.api.patch(path, {"name": "U"}).status_code == 200
    assert house.api.patch(path, {"transport": "udp", "encryption": "disabled"}).status_code == 200
    assert SipGateway.objects.get().encryption == "disabled"
