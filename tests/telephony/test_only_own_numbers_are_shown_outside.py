"""Whatever leads a call outside, its far end is shown a number of the project and no other."""

from __future__ import annotations

from typing import Any

import pytest

from calling import models
from calling.sip.edge import routes
from calling.sip.edge.rows import OutboundAttempt
from subscribers import assignment
from subscribers.models import SipGateway
from tests.support import fake_worker, rest_client
from tests.support.people import Cast, make_mallory
from tests.telephony.conftest import FAR, OWN

ANOTHERS = "+19998887777"


def shown(leg: models.Leg, from_user: str = ANOTHERS, from_name: str = "") -> str:
    """The From of the INVITE that the trunk would be sent."""
    waiting = OutboundAttempt(
        attempt_id="", leg_id=str(leg.id), call_id="", project_id="", device_id="", party="sip", offer="",
        address=leg.address, route=dict(leg.route), contact={}, from_user=from_user, from_name=from_name,
        headers=(),
    )  # fmt: skip
    return routes.through(SipGateway.objects.get(), waiting, "192.0.2.1").from_


def outward_leg(call_id: str) -> models.Leg:
    return models.Leg.objects.get(call_id=call_id, party="sip")


@pytest.mark.parametrize("field", ["from", "caller_id"])
@pytest.mark.parametrize("number", [ANOTHERS, "/private/x"])
def test_a_connect_outside_needs_a_number_of_the_project(cast: Cast, field: str, number: str) -> None:
    body: dict[str, Any] = {"to": "/public/tone", "connect": FAR, field: number}
    error = rest_client.error_of(cast.rest.post("/api/calls", body), 422)
    assert (error["code"], error["attribute"]) in {
        ("invalid_from_number", "from"),
        ("invalid_parameter", "caller_id"),
    }


def test_a_connect_that_cannot_be_is_told_of_connect(cast: Cast) -> None:
    for connect, status in (("bad", 422), ("/private/nobody", 404)):
        error = rest_client.error_of(
            cast.rest.post("/api/calls", {"to": "/public/tone", "connect": connect}), status
        )
        assert error["attribute"] == "connect"


def test_a_transfer_outside_does_not_show_what_the_dial_claimed(cast: Cast) -> None:
    body = {"to": "/private/bob", "from": ANOTHERS, "script": fake_worker.SCRIPT}
    fake_worker.online(cast.bob)
    call_id = cast.rest.post("/api/calls", body).json()["id"]
    fake_worker.carry(call_id)
    cast.bob.rest.post(f"/api/calls/{call_id}/answer", {"sdp": fake_worker.SDP})
    fake_worker.answer_offers(call_id)
    answer = cast.rest.post(f"/api/calls/{call_id}/transfer", {"to": FAR, "leg": "callee"})
    assert answer.status_code == 200, answer.content
    assert "anonymous@" in shown(outward_leg(call_id)) and ANOTHERS not in shown(outward_leg(call_id))


def test_the_projects_own_number_is_shown(cast: Cast) -> None:
    call_id = cast.rest.post("/api/calls", {"to": "/public/tone", "from": OWN, "connect": FAR}).json()["id"]
    (waiting,) = models.Call.objects.get(pk=call_id).connect
    assert waiting["route"]["from"] == OWN


def leg(cast: Cast, **route: str) -> models.Leg:
    return models.Leg(address=FAR, route=route)


def test_a_number_nobody_checked_is_shown_only_where_the_gateway_lets_it(cast: Cast) -> None:
    assert f"sip:{OWN}@" in shown(leg(cast, **{"from": OWN}))
    assert "sip:anonymous@" in shown(leg(cast))
    assert "sip:alice@" in shown(leg(cast), "alice")
    SipGateway.objects.update(number_policy="any")
    assert f"sip:{ANOTHERS}@" in shown(leg(cast))
    SipGateway.objects.update(number_policy="own", caller_id=OWN)
    assert f"sip:{OWN}@" in shown(leg(cast))


@pytest.mark.parametrize(
    "spelling",
    ["19998887777", "1-999-888-7777", "+1.999.888.7777", "+1(999)888-7777", "+1~999!888_7777",
     "1*9998887777", "+19998887777;npdi", "+19998887777@carrier.example"],
)  # fmt: skip
def test_no_spelling_of_a_number_is_shown_unchecked(cast: Cast, spelling: str) -> None:
    """A subscriber's address is made with a key: it becomes no number at a carrier."""
    assert "sip:anonymous@" in shown(leg(cast), spelling)
    assert shown(leg(cast), "alice", spelling) == shown(leg(cast), "alice"), "nor does a display name"
    SipGateway.objects.update(number_policy="any")
    assert "anonymous" not in shown(leg(cast), spelling)


@pytest.mark.parametrize("name", ["\uff11\uff19\uff19\uff19\uff18\uff18\uff18\uff17", "+1 999 888 7777"])
def test_a_display_name_is_no_number_either(cast: Cast, name: str) -> None:
    assert shown(leg(cast), "alice", name) == shown(leg(cast), "alice")


@pytest.mark.parametrize("name", ["alice", "101", "user-12345678", "room-4-2", "Alice 2nd"])
def test_names_and_extensions_are_shown_as_they_are(cast: Cast, name: str) -> None:
    assert "anonymous" not in shown(leg(cast), name)
    assert name in shown(leg(cast), "alice", name)


def test_a_number_taken_from_the_project_is_shown_no_more(cast: Cast) -> None:
    SipGateway.objects.update(caller_id=OWN)
    assert f"sip:{OWN}@" in shown(leg(cast))
    assignment.unassign(OWN)
    assert "sip:anonymous@" in shown(leg(cast))
    SipGateway.objects.update(number_policy="any")
    assert f"sip:{OWN}@" in shown(leg(cast)), "what platform staff set for a gateway counts"


# --- what a key may save -------------------------------------------------------------------------------

GATEWAYS, ENDPOINTS = "/api/fabric/resources/sip_gateways", "/api/fabric/resources/sip_endpoints"
SAVED = [
    (GATEWAYS, {"name": "T", "host": "trunk.example.com"}, {"caller_id": ANOTHERS}),
    (GATEWAYS, {"name": "T", "host": "trunk.example.com"}, {"number_policy": "any"}),
    (ENDPOINTS, {"username": "lobby", "password": "lobby-secret"}, {"send_as": ANOTHERS}),
    (ENDPOINTS, {"username": "lobby", "password": "lobby-secret"}, {"send_as": ANOTHERS[1:]}),
]


@pytest.mark.parametrize(("path", "body", "field"), SAVED)
@pytest.mark.parametrize("whose", ["nobody's", "another's"])
def test_a_key_saves_no_number_to_show_that_is_not_its_projects(
    cast: Cast, whose: str, path: str, body: dict[str, Any], field: dict[str, str]
) -> None:
    """One answer for a number of nobody and of another; a project that platform staff trusts may."""
    if whose == "another's":
        assignment.assign(ANOTHERS, make_mallory().project)
    (name,) = field
    error = rest_client.error_of(cast.rest.post(path, {**body, **field}), 403)
    assert (error["code"], error["attribute"]) == ("number_not_assigned", name)
    made = cast.rest.post(path, body)
    assert made.status_code == 201, made.content
    for method in (cast.rest.patch, cast.rest.put):
        answer = method(made["Location"], {**body, **field})
        assert rest_client.error_of(answer, 403)["code"] == "number_not_assigned"
    cast.project.trusted = True
    cast.project.save()
    assert cast.rest.patch(made["Location"], field).status_code == 200
    cast.project.trusted = False
    cast.project.save()
    kept = cast.rest.patch(made["Location"], field)
    assert kept.status_code == 200, "what it has, it keeps"


def test_an_own_number_and_a_choice_of_own_ones_are_saved(cast: Cast) -> None:
    body = {"name": "T", "host": "trunk.example.com", "caller_id": OWN, "number_policy": "own"}
    assert cast.rest.post(GATEWAYS, body).status_code == 201
    for number, send_as in enumerate((OWN, OWN[1:], "random", "")):
        body = {"username": f"lobby{number}", "password": "lobby-secret", "send_as": send_as}
        assert cast.rest.post(ENDPOINTS, body).status_code == 201
