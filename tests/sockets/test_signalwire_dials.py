"""What a SignalWire client says when it dials reaches the call and the other party as it was said."""

from __future__ import annotations

from typing import Any

import pytest

from calling import models
from tests.sockets.clients import Client, online
from tests.sockets.test_signalwire_sockets import offer_to, our_id
from tests.support import fake_worker
from tests.support.fake_worker import SDP, VIDEO_SDP

pytestmark = pytest.mark.django_db(transaction=True)


def dial(client: Client, to: str, variables: Any = None, sdp: str = SDP) -> dict[str, Any]:
    dialog = {"callID": "A", "destination_number": to, "userVariables": variables}
    return client.verto("verto.invite", "A", dialogParams=dialog, sdp=sdp)


@pytest.mark.parametrize("channel", ["", "?channel=audio", "?channel=video", "?color=red&channel=audio"])
@pytest.mark.parametrize(("sdp", "picture"), [(SDP, False), (VIDEO_SDP, True)])
def test_the_channel_never_narrows_what_is_offered(port, cast, channel, sdp, picture):
    alice = Client(port, cast.alice.token)
    online(port, cast.bob)
    assert dial(alice, f"/private/bob{channel}", sdp=sdp)["message"] == "CALL CREATED"
    caller, callee = (fake_worker.leg_of(our_id("A"), role).media for role in ("caller", "callee"))
    assert (caller.video, caller.receive_video) == (picture, picture)
    assert (callee.video, callee.receive_video) == (picture, picture)


def test_user_variables_reach_the_other_party_the_events_and_rest(port, cast):
    alice, bob = Client(port, cast.alice.token), online(port, cast.bob)
    given = {"order": 7, "vip": True, "memberCallId": "A", "channel": "audio", "deep": {"list": [1, None]}}
    dial(alice, "/private/bob?color=red&order=6&channel=audio", given)
    wanted = {"color": "red", "order": 7, "vip": True, "deep": {"list": [1, None]}}
    call_id = our_id("A")
    offer_to(call_id)
    heard = bob.event("verto.invite")["userVariables"]
    assert heard == wanted | {"call_id": call_id}
    assert cast.rest.get(f"/api/calls/{call_id}").json()["metadata"] == {"user_variables": wanted}
    said = models.Event.objects.filter(call_id=call_id).order_by("sequence").last()
    assert said is not None and '"user_variables"' in said.body and "deep" in said.body


@pytest.mark.parametrize("given", [{f"v{n}": 1 for n in range(21)}, {"long": "x" * 5000}])
def test_too_many_or_too_large_variables_refuse_the_dial(port, cast, given):
    alice = Client(port, cast.alice.token)
    assert dial(alice, "/private/bob", given)["error"]["code"] == -32000
    assert not models.Call.objects.exists()


@pytest.mark.parametrize("given", [None, {}, "x", 7, [1], {"memberCallId": "A", "memberId": "m"}])
def test_a_dial_without_variables_has_no_metadata(port, cast, given):
    alice = Client(port, cast.alice.token)
    assert dial(alice, "/private/bob", given)["message"] == "CALL CREATED"
    assert models.Call.objects.get().metadata is None


@pytest.mark.parametrize(
    ("origin", "name", "shown", "number"),
    [
        ("/private/alice", None, "Alice", "/private/alice"),
        (None, "Acme", "Acme", ""),
        (None, None, "", ""),
        ("/private/nobody", None, "/private/nobody", "/private/nobody"),
    ],
)
def test_a_caller_is_shown_by_name_by_number_or_not_at_all(port, cast, origin, name, shown, number):
    bob = online(port, cast.bob)
    body = {"to": "/private/bob", "script": fake_worker.SCRIPT, "from": origin, "caller_name": name}
    answer = cast.rest.post("/api/calls", {key: value for key, value in body.items() if value})
    call_id = answer.json()["id"]
    offer_to(call_id)
    heard = bob.event("verto.invite")
    assert (heard["caller_id_name"], heard["caller_id_number"]) == (shown, number)


def test_a_token_that_cannot_be_called_is_not_registered(port, cast):
    gus = Client(port, cast.gus.token)
    refused = gus.ask("subscriber.online")["error"]
    assert refused["code"] == -32602 and "cannot be called" in refused["message"]
    assert not models.Device.objects.get(pk=gus.device_id).receives
    assert gus.ask("subscriber.offline")["result"]["code"] == "200"
    assert gus.invite("A", "/private/bob")["message"] == "CALL CREATED"


def test_an_acknowledgement_inside_the_wrapper_is_no_fault(port, cast):
    alice = Client(port, cast.alice.token)
    acknowledged = {"jsonrpc": "2.0", "id": "x", "result": {"method": "verto.answer"}}
    assert alice.ask("webrtc.verto", message=acknowledged)["result"]["code"] == "200"
    for empty in ({}, {"jsonrpc": "2.0", "id": "x"}, {"id": "x", "error": {}}):
        assert alice.ask("webrtc.verto", message=empty)["error"]["code"] == -32602
