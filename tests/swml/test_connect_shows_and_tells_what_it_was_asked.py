"""A script's `connect`: whose number and headers the far end is shown, who is told what became of the leg."""

from __future__ import annotations

import json
from typing import Any

import pytest

from calling import models
from calling.calls import control
from calling.commands import transfers
from calling.commands.transfers import ConnectTarget
from calling.machine import inputs
from calling.machine.states import Leg, Party, Role
from calling.webhooks import publish
from rest.errors import Unprocessable
from tests.support import fake_worker
from tests.support.fake_worker import SDP
from tests.support.people import Cast, make_cast

pytestmark = pytest.mark.django_db(transaction=True)
TOLD = "http://127.0.0.1:9/told"


@pytest.fixture
def scripted() -> tuple[Cast, str]:
    """bob, dialled by a back end, listens to a script."""
    cast = make_cast()
    fake_worker.online(cast.bob)
    made = cast.rest.post("/api/calls", {"to": "/private/bob", "script": fake_worker.SCRIPT})
    call_id = made.json()["id"]
    fake_worker.carry(call_id)
    assert cast.bob.rest.post(f"/api/calls/{call_id}/answer", {"sdp": SDP}).status_code == 200
    fake_worker.answer_offers(call_id)
    fake_worker.connect_media(call_id)
    return cast, call_id


def bodies(url: str) -> list[dict[str, Any]]:
    publish.publish_round()
    rows = models.Delivery.objects.filter(endpoint__url=url).order_by("event_id")
    return [json.loads(row.body) for row in rows]


def join(cast: Cast, call_id: str, wish: ConnectTarget) -> Leg:
    transfers.connect(cast.key, call_id, fake_worker.leg_of(call_id, "callee").id, [wish], 20)
    return fake_worker.leg_of(call_id, "target")


def test_the_bridge_and_the_leg_are_told_to_urls_of_their_own(scripted: tuple[Cast, str]) -> None:
    cast, call_id = scripted
    fake_worker.online(cast.carol)
    states = ("answered", "ended")
    wish = ConnectTarget("/private/carol", status_url=TOLD, state_url=TOLD + "/leg", state_events=states)
    leg = join(cast, call_id, wish)
    assert cast.carol.rest.post(f"/api/calls/{call_id}/answer", {"sdp": SDP}).status_code == 200
    fake_worker.answer_offers(call_id)
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
    fake_worker.online(cast.carol)
    leg = join(cast, call_id, ConnectTarget("/private/carol", status_url=TOLD))
    control.apply(call_id, inputs.Reject(leg.id, reason="busy"))
    (told,) = bodies(TOLD)
    assert (told["params"]["connect_state"], told["params"]["failed_reason"]) == ("failed", "busy")


def test_a_phone_is_shown_a_number_of_the_project_only(scripted: tuple[Cast, str]) -> None:
    cast, call_id = scripted
    with pytest.raises(Unprocessable) as refused:
        join(cast, call_id, ConnectTarget("sip:desk@pbx.example.com", caller="+15550001111"))
    assert refused.value.code == "invalid_from_number"


def test_name_and_headers_go_into_the_invite_of_a_sip_leg_alone() -> None:
    from calling.commands.transfers import with_headers

    wish = ConnectTarget("sip:a@b", name="Support", headers={"x-order": "7"})
    leg = Leg("1", Role.TARGET, Party.SIP, "sip:a@b", route='{"gateways": []}')
    assert json.loads(with_headers(leg, wish).route) == {
        "gateways": [], "name": "Support", "headers": {"x-order": "7"},
    }  # fmt: skip
    device = Leg("2", Role.TARGET, Party.DEVICE, "/private/bob")
    assert with_headers(device, wish) == device
