"""A script's `connect`: whose number and headers the far end is shown, who is told what became of the leg."""

from __future__ import annotations

import json
from typing import Any

import pytest

from calling import control, models, placing, publish
from calling.joining import Joining
from calling.machine import inputs
from calling.machine.states import Leg, Party, Role
from subscribers.http.problems import Unprocessable
from tests import stage
from tests.stage import SDP, Cast, make_cast

pytestmark = pytest.mark.django_db(transaction=True)
TOLD = "http://127.0.0.1:9/told"


@pytest.fixture
def scripted() -> tuple[Cast, str]:
    """bob, dialled by a back end, listens to a script."""
    cast = make_cast()
    stage.online(cast.bob)
    made = cast.rest.post("/api/calls", {"to": "/private/bob", "script": stage.SCRIPT})
    call_id = made.json()["id"]
    stage.carry(call_id)
    assert cast.bob.rest.post(f"/api/calls/{call_id}/answer", {"sdp": SDP}).status_code == 200
    stage.answer_offers(call_id)
    stage.connect_media(call_id)
    return cast, call_id


def bodies(url: str) -> list[dict[str, Any]]:
    publish.publish_waiting()
    rows = models.Delivery.objects.filter(endpoint__url=url).order_by("event_id")
    return [json.loads(row.body) for row in rows]


def join(cast: Cast, call_id: str, wish: Joining) -> Leg:
    placing.connect(cast.key, call_id, stage.leg_of(call_id, "callee").id, [wish], 20)
    return stage.leg_of(call_id, "target")


def test_the_bridge_and_the_leg_are_told_to_urls_of_their_own(scripted: tuple[Cast, str]) -> None:
    cast, call_id = scripted
    stage.online(cast.carol)
    states = ("answered", "ended")
    wish = Joining("/private/carol", status_url=TOLD, state_url=TOLD + "/leg", state_events=states)
    leg = join(cast, call_id, wish)
    assert cast.carol.rest.post(f"/api/calls/{call_id}/answer", {"sdp": SDP}).status_code == 200
    stage.answer_offers(call_id)
    control.apply(call_id, inputs.Hangup(leg.id))
    control.apply(call_id, inputs.Hangup())
    told = bodies(TOLD)
    assert [each["event_type"] for each in told] == ["calling.call.connect"] * 2
    assert [each["params"]["connect_state"] for each in told] == ["connected", "disconnected"]
    assert told[0]["params"]["peer"]["device"]["params"] == {"to_number": "/private/carol"}
    of_leg = bodies(TOLD + "/leg")
    assert [each["params"]["call_state"] for each in of_leg] == ["answered", "ended"]
    assert {each["params"]["call_id"] for each in of_leg} == {leg.id}


def test_a_declined_leg_is_told_as_failed(scripted: tuple[Cast, str]) -> None:
    cast, call_id = scripted
    stage.online(cast.carol)
    leg = join(cast, call_id, Joining("/private/carol", status_url=TOLD))
    control.apply(call_id, inputs.Reject(leg.id, reason="busy"))
    (told,) = bodies(TOLD)
    assert (told["params"]["connect_state"], told["params"]["failed_reason"]) == ("failed", "busy")


def test_a_phone_is_shown_a_number_of_the_project_only(scripted: tuple[Cast, str]) -> None:
    cast, call_id = scripted
    with pytest.raises(Unprocessable) as refused:
        join(cast, call_id, Joining("sip:desk@pbx.example.com", caller="+15550001111"))
    assert refused.value.code == "invalid_from_number"


def test_name_and_headers_go_into_the_invite_of_a_sip_leg_alone() -> None:
    from calling.joining import dressed

    wish = Joining("sip:a@b", name="Support", headers={"x-order": "7"})
    leg = Leg("1", Role.TARGET, Party.SIP, "sip:a@b", route='{"gateways": []}')
    assert json.loads(dressed(leg, wish).route) == {
        "gateways": [], "name": "Support", "headers": {"x-order": "7"},
    }  # fmt: skip
    device = Leg("2", Role.TARGET, Party.DEVICE, "/private/bob")
    assert dressed(device, wish) == device
