"""Whatever leads a call outside, its far end is shown a number of the project and no other (contract 5)."""

from __future__ import annotations

from typing import Any

import pytest

from calling import models
from calling.sip import edge_routes
from calling.sip.edge_rows import Waiting
from subscribers.models import SipGateway
from tests import stage
from tests.phones.conftest import FAR, OWN
from tests.stage import Cast

ANOTHERS = "+19998887777"


def shown(leg: models.Leg, from_user: str = ANOTHERS) -> str:
    """The From of the INVITE that the trunk would be sent."""
    waiting = Waiting(
        attempt_id="", leg_id=str(leg.id), call_id="", project_id="", device_id="", party="sip", offer="",
        address=leg.address, route=dict(leg.route), contact={}, from_user=from_user, from_name="", headers=(),
    )  # fmt: skip
    return edge_routes.through(SipGateway.objects.get(), waiting, "192.0.2.1").from_


def outward_leg(call_id: str) -> models.Leg:
    return models.Leg.objects.get(call_id=call_id, party="sip")


@pytest.mark.parametrize("field", ["from", "caller_id"])
@pytest.mark.parametrize("number", [ANOTHERS, "/private/x"])
def test_a_connect_outside_needs_a_number_of_the_project(cast: Cast, field: str, number: str) -> None:
    body: dict[str, Any] = {"to": "/public/tone", "connect": FAR, field: number}
    error = stage.error_of(cast.rest.post("/api/calls", body), 422)
    assert (error["code"], error["attribute"]) in {
        ("invalid_from_number", "from"),
        ("invalid_parameter", "caller_id"),
    }


def test_a_connect_that_cannot_be_is_told_of_connect(cast: Cast) -> None:
    for connect, status in (("bad", 422), ("/private/nobody", 404)):
        error = stage.error_of(
            cast.rest.post("/api/calls", {"to": "/public/tone", "connect": connect}), status
        )
        assert error["attribute"] == "connect"


def test_a_transfer_outside_does_not_show_what_the_dial_claimed(cast: Cast) -> None:
    body = {"to": "/private/bob", "from": ANOTHERS, "script": stage.SCRIPT}
    stage.online(cast.bob)
    call_id = cast.rest.post("/api/calls", body).json()["id"]
    stage.carry(call_id)
    cast.bob.rest.post(f"/api/calls/{call_id}/answer", {"sdp": stage.SDP})
    stage.answer_offers(call_id)
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
