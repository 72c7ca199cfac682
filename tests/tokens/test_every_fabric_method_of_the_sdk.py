"""Every method that `signalwire-sdk` has under `client.fabric`: it works, or is refused by name (422)."""

from __future__ import annotations

import inspect
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from subscribers.assignment import assign
from tests.support.people import Cast

rest = pytest.importorskip("signalwire.rest", reason="needs the signalwire-sdk package")
pytestmark = pytest.mark.django_db(transaction=True)
SWML = '{"version":"1.0.0","sections":{"main":["hangup"]}}'
MEDIA = {"encryption": "optional", "ciphers": ["AEAD_AES_256_GCM_8"], "codecs": ["PCMU", "OPUS"]}
# What one of each is made of, and one change of it.
MADE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "conference_rooms": ({"name": "daily", "enable_room_previews": False}, {"max_members": 4}),
    "subscribers": ({"email": "amy@example.com"}, {"last_name": "Ames"}),
    "swml_scripts": ({"name": "Menu", "contents": SWML}, {"display_name": "Other"}),
    "sip_gateways": ({"name": "Trunk", "uri": "sip:trunk.example.com", **MEDIA}, {"name": "New"}),
    "sip_endpoints": (
        {"username": "desk", "caller_id": "Desk", "send_as": "+15551234567", "call_handler": "default",
         "calling_handler_resource_id": None, **MEDIA},
        {"caller_id": "Other"},
    ),
}  # fmt: skip
BY_HAND = {"addresses", "tokens", "resources"}  # in test_signalwire_sdk.py
KNOWN = {"create", "get", "update", "list", "paginate", "list_addresses", "delete"}
CALLER = rest.RestClient(project="p", token="t", host="127.0.0.1:1").fabric
FAMILIES = sorted(name for name in vars(CALLER) if not name.startswith("_"))
REFUSED = sorted(set(FAMILIES) - set(MADE) - BY_HAND)


def methods(family: str) -> set[str]:
    found = inspect.getmembers(getattr(CALLER, family), inspect.ismethod)
    return {name for name, _ in found if not name.startswith("_")}


@pytest.fixture
def fabric(live_server: Any, house: Cast) -> Any:
    host = urlsplit(live_server.url).netloc
    assign("+15551234567", house.project)
    return rest.RestClient(project=str(house.id), token=house.api_token, host=host).fabric


def ask(method: Any, name: str) -> Any:
    """Call it with something for every argument that must be given; `paginate` asks when it is walked."""
    needed = [p for p in inspect.signature(method).parameters.values() if p.default is p.empty]
    named = [p for p in needed if p.kind is p.POSITIONAL_OR_KEYWORD]
    given = [str(uuid4()) if "id" in p.name else "x" for p in named]
    if name == "update" and not given:
        given = [str(uuid4())]
    return list(method(*given, **{p.name: "x" for p in needed if p.kind is p.KEYWORD_ONLY}))


@pytest.mark.parametrize("family", sorted(MADE))
def test_every_method_of_a_supported_family_works(fabric: Any, family: str) -> None:
    one, (fields, change) = getattr(fabric, family), MADE[family]
    made = one.create(**fields)
    assert one.get(made["id"])["id"] == made["id"]
    needed = {"contents": SWML} if family == "swml_scripts" else {}
    assert one.update(made["id"], **change, **needed)["id"] == made["id"]
    assert [each["id"] for each in one.list()["data"]] == [made["id"]]
    assert [each["id"] for each in one.paginate(page_size=1)] == [made["id"]]
    assert "data" in one.list_addresses(made["id"])
    assert one.delete(made["id"]) == {}
    with pytest.raises(rest.SignalWireRestError) as gone:
        one.get(made["id"])
    assert gone.value.status_code == 404
    assert {name for name in methods(family) if "sip_endpoint" not in name} <= KNOWN


@pytest.mark.parametrize("family", REFUSED)
def test_every_method_of_another_family_is_refused_by_name(fabric: Any, family: str) -> None:
    for name in sorted(methods(family)):
        with pytest.raises(rest.SignalWireRestError) as refused:
            ask(getattr(getattr(fabric, family), name), name)
        assert refused.value.status_code == 422, (name, refused.value.body)
        error = refused.value.body["errors"][0]
        assert error["code"] == "not_supported"
        assert family.rstrip("s").split("_")[0] in error["message"].lower()


def test_a_domain_application_is_refused_by_name(fabric: Any) -> None:
    with pytest.raises(rest.SignalWireRestError) as refused:
        fabric.resources.assign_domain_application(str(uuid4()), domain_application_id=str(uuid4()))
    assert refused.value.status_code == 422
    assert refused.value.body["errors"][0]["code"] == "not_supported"


def test_the_families_done_by_hand_have_no_further_methods() -> None:
    assert methods("tokens") == {
        "create_subscriber_token", "refresh_subscriber_token", "create_guest_token", "create_embed_token",
        "create_invite_token",
    }  # fmt: skip
    assert methods("addresses") == {"get", "list", "paginate"}
    assert methods("resources") == {
        "list", "get", "delete", "list_addresses", "assign_phone_route", "assign_domain_application",
    }  # fmt: skip
