"""The socket of SignalWire's browser SDK, frame by frame: what the SDK's own source insists on."""

from __future__ import annotations

import json
import random
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from calling import models
from calling.calls import control
from calling.machine import inputs
from tests.sockets.clients import Client, online
from tests.support import fake_worker, people
from tests.support.fake_worker import SDP

pytestmark = pytest.mark.django_db(transaction=True)


def offer_to(call_id: str) -> None:
    """The media worker takes the call and makes its offers to the devices that are rung."""
    fake_worker.carry(call_id)
    for attempt in fake_worker.leg_of(call_id, "callee").attempts:
        if attempt.kind == "fabric":
            control.apply(call_id, inputs.OfferMade(attempt.id, SDP))


def our_id(client_id: str) -> str:
    """Our call of the client's one."""
    device = next(d for d in models.Device.objects.all() if client_id in d.contact.get("calls", {}).values())
    leg_id = next(leg for leg, name in device.contact["calls"].items() if name == client_id)
    return str(models.Leg.objects.values_list("call_id", flat=True).get(pk=leg_id))


def talking(port: int, cast: people.Cast) -> tuple[Client, Client, str]:
    alice, bob = Client(port, cast.alice.token), online(port, cast.bob)
    alice.invite("C1", "/private/bob?channel=audio")
    call_id = our_id("C1")
    offer_to(call_id)
    rung = bob.event("verto.invite")
    assert bob.verto("verto.answer", rung["callID"], sdp=SDP)["message"] == "CALL ANSWERED"
    fake_worker.connect_media(call_id)
    assert alice.event("verto.answer") == {"callID": "C1", "sdp": fake_worker.ANSWER_SDP}
    return alice, bob, call_id


def test_the_connect_result_is_what_the_sdk_accepts(port, cast):
    result = Client(port).come_in(cast.alice.token)["result"]
    assert isinstance(result["identity"], str) and result["protocol"].startswith("signalwire_")
    assert {"jti", "project_id", "fabric_subscriber"} <= set(result["authorization"])
    assert isinstance(result["ice_servers"], list)


def test_a_bad_token_is_an_authentication_error_and_nothing_else_is_answered(port, cast):
    client = Client(port)
    for token in ("x", "", None, 7, cast.alice.token[:-4] + "AAAA"):
        assert client.come_in(token)["error"]["code"] == -32002
    assert client.ask("subscriber.online")["error"]["code"] == -32002


def test_a_back_end_s_relay_client_is_told_that_there_is_no_relay(port, cast):
    client = Client(port)
    project = {"project": str(cast.project.id), "token": cast.api_token}
    error = client.ask("signalwire.connect", authentication=project)["error"]
    assert error["code"] == -32002 and "RELAY is not supported" in error["message"]


def test_an_invitation_is_answered_at_once_and_its_repetition_makes_no_second_call(port, cast):
    alice = Client(port, cast.alice.token)
    first = alice.invite("C1", "/private/bob")
    assert (first["message"], first["callID"]) == ("CALL CREATED", "C1") and first["memberID"]
    assert alice.invite("C1", "/private/bob") == first
    assert models.Call.objects.count() == 1


@pytest.mark.parametrize("to", ["/elsewhere/x", "/public/nobody", "+15551234567", "", None, 7, "/private/"])
def test_a_refused_destination_is_a_top_level_error_at_once(port, cast, to):
    alice = Client(port, cast.alice.token)
    refused = alice.invite("C1", to)
    assert refused["error"]["code"] == -32000 and refused["error"]["message"]
    assert not models.Call.objects.exists()


@pytest.mark.parametrize("what", ["screenShare", "additionalDevice"])
def test_a_shared_screen_rings_nobody_a_second_time(port, cast, what):
    alice = Client(port, cast.alice.token)
    alice.invite("C1", "/private/bob")
    variables = {"memberCallId": "C1"}
    dialog = {"callID": "C2", "destination_number": "/private/bob", "userVariables": variables, what: True}
    refused = alice.verto("verto.invite", "C2", dialogParams=dialog, sdp=SDP)
    assert refused["error"]["code"] == -32602  # no code that ends the call it belongs to
    assert models.Call.objects.count() == 1


def test_both_sides_are_joined_and_told_of_each_other(port, cast):
    alice, bob, _ = talking(port, cast)
    for client in (alice, bob):
        joined = client.event("call.joined")
        members = {each["member_id"]: each for each in joined["room_session"]["members"]}
        assert joined["member_id"] in members
        if len(members) == 1:
            late = client.event("member.joined")["member"]
            members[late["member_id"]] = late
        assert {each["name"] for each in members.values()} == {"Alice", "Bob"}


def test_a_goodbye_is_told_before_it_is_answered(port, cast):
    alice, bob, _ = talking(port, cast)
    assert alice.verto("verto.bye", "C1")["message"] == "CALL ENDED"
    assert alice.events()[-2:] == ["verto.bye", "result"]
    assert bob.event("verto.bye")["causeCode"] == "16"


def test_what_cannot_be_done_now_does_not_end_the_call(port, cast):
    alice = Client(port, cast.alice.token)
    alice.invite("C1", "/private/bob")
    for fields in ({"action": "hold"}, {"action": "x"}, {"action": "transfer", "destination": "/nowhere/x"}):
        assert alice.verto("verto.modify", "C1", **fields)["error"]["code"] == -32602
    assert alice.verto("verto.info", "C1", dtmf="12#")["error"]["code"] == -32602
    assert alice.verto("verto.bye", "C1")["message"] == "CALL ENDED"


def test_hold_mute_and_digits_are_done_to_the_own_leg_alone(port, cast):
    alice, _, call_id = talking(port, cast)
    assert alice.verto("verto.modify", "C1", action="hold")["holdState"] == "held"
    assert fake_worker.leg_of(call_id, "caller").held
    assert alice.verto("verto.modify", "C1", action="unhold")["holdState"] == "active"
    assert alice.verto("verto.info", "C1", dtmf="12#")["message"] == "SENT"
    me = {"node_id": "", "call_id": "C1", "member_id": fake_worker.leg_of(call_id, "caller").id}
    assert alice.ask("call.mute", channels=["audio"], self=me, target=me)["result"]["code"] == "200"
    assert fake_worker.leg_of(call_id, "caller").muted == {"audio"}
    other = me | {"member_id": fake_worker.leg_of(call_id, "callee").id}
    assert alice.ask("call.mute", channels=["audio"], self=me, target=other)["error"]["code"] == -32602
    assert alice.ask("call.mute", channels=["audio"], self=me, targets=[other])["error"]["code"] == -32602
    assert not fake_worker.leg_of(call_id, "callee").muted


def test_a_re_offer_is_answered_with_the_worker_s_answer(port, cast):
    alice, _, call_id = talking(port, cast)
    message = {"jsonrpc": "2.0", "id": "i", "method": "verto.modify", "params": {
        "dialogParams": {"callID": "C1"}, "action": "updateMedia", "sdp": SDP}}  # fmt: skip
    request = {"jsonrpc": "2.0", "id": "again", "method": "webrtc.verto", "params": {"message": message}}
    alice.socket.send(json.dumps(request))
    deadline = time.monotonic() + 4
    while fake_worker.leg_of(call_id, "caller").serial < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    fake_worker.answer_offers(call_id)
    while (heard := alice.next()).get("id") != "again":
        pass
    inner = heard["result"]["result"]["result"]
    assert (inner["action"], inner["sdp"]) == ("updateMedia", fake_worker.ANSWER_SDP)


def test_a_client_that_comes_back_to_another_process_goes_on_and_gets_no_second_answer(port, cast, web):
    alice, bob, call_id = talking(port, cast)
    protocol, state = alice.protocol, alice.state
    alice.drop()
    _, elsewhere = web()
    again = Client(elsewhere, cast.alice.token, protocol=protocol, authorization_state=state)
    assert again.protocol == protocol
    again.event("call.joined")
    assert (
        bob.verto("verto.bye", fake_worker.leg_of(call_id, "callee").attempts[0].id)["message"]
        == "CALL ENDED"
    )
    assert again.event("verto.bye")["callID"] == "C1"
    assert "verto.answer" not in again.events()


def test_events_that_were_not_acknowledged_are_said_again(port, cast):
    alice = Client(port, cast.alice.token)
    bob = online(port, cast.bob)
    alice.invite("C1", "/private/bob")
    bob.acks = False
    offer_to(our_id("C1"))
    before = bob.event("verto.invite")
    bob.drop()
    again = Client(port, cast.bob.token, protocol=bob.protocol, authorization_state=bob.state)
    assert again.event("verto.invite") == before


VERSION_3 = {"agent": "@signalwire/js/browser/3.30.0"}


def test_version_3_comes_back_with_its_protocol_alone(port, cast):
    alice = Client(port, cast.alice.token, **VERSION_3)
    alice.invite("C1", "/private/bob")
    alice.drop()
    again = Client(port, cast.alice.token, **VERSION_3, protocol=alice.protocol)
    assert again.protocol == alice.protocol
    assert again.verto("verto.bye", "C1")["message"] == "CALL ENDED"


@pytest.mark.parametrize("named", ["alice's", "signalwire_x", "signalwire_" + "0" * 32, "x"])
def test_a_session_that_is_only_named_is_given_to_its_holder_alone(port, cast, named):
    alice = Client(port, cast.alice.token, **VERSION_3)
    protocol = alice.protocol if named == "alice's" else named
    other = Client(port, cast.bob.token, **VERSION_3, protocol=protocol)
    assert other.protocol not in (alice.protocol, protocol)


def test_an_expired_token_does_not_come_back_to_a_session_that_is_only_named(port, cast):
    short = people.subscriber(cast.project, "alice", timezone.now() + timedelta(seconds=2))
    alice = Client(port, short.token, **VERSION_3)
    alice.invite("C1", "/private/bob")
    time.sleep(max(0.0, (short.holder.expires_at - timezone.now()).total_seconds()) + 0.2)
    answer = Client(port).come_in(short.token, **VERSION_3, protocol=alice.protocol)
    assert answer["error"]["code"] == -32002


@pytest.mark.parametrize("wrong", ["state", "owner"])
def test_a_session_is_given_to_nobody_else(port, cast, wrong):
    alice = Client(port, cast.alice.token)
    state = alice.state[:-3] + "abc" if wrong == "state" else alice.state
    token = cast.alice.token if wrong == "state" else cast.bob.token
    other = Client(port, token, protocol=alice.protocol, authorization_state=state)
    assert other.protocol != alice.protocol


def test_an_expired_token_goes_on_with_its_calls_and_makes_no_new_one(port, cast):
    short = people.subscriber(cast.project, "alice", timezone.now() + timedelta(seconds=6))
    alice = Client(port, short.token)
    alice.invite("C1", "/private/bob")
    time.sleep(max(0.0, (short.holder.expires_at - timezone.now()).total_seconds()) + 0.2)
    assert alice.invite("C2", "/private/bob")["error"]["code"] == -32000
    away = {"action": "transfer", "destination": "/private/carol"}
    assert alice.verto("verto.modify", "C1", **away)["error"]["code"] == -32002  # not fatal to the call
    alice.drop()
    assert Client(port).come_in(short.token)["error"]["code"] == -32002
    again = Client(port, short.token, protocol=alice.protocol, authorization_state=alice.state)
    assert again.verto("verto.bye", "C1")["message"] == "CALL ENDED"


def test_a_revoked_token_closes_its_socket(port, cast):
    alice = Client(port, cast.alice.token)
    assert cast.rest.post("/api/tokens/revoke", {"token": cast.alice.token}).status_code in (200, 201, 204)
    assert alice.closed_with(4.0) == 4401


@pytest.mark.family
def test_random_frames_are_answered_and_never_end_the_socket(port, cast, seed, figure):
    dice = random.Random(seed)
    alice = Client(port, cast.alice.token)
    alice.invite("C1", "/private/bob")
    methods = ["webrtc.verto", "call.mute", "call.deaf", "subscriber.online", "signalwire.reauthenticate"]
    inner = ["verto.modify", "verto.info", "verto.answer", "verto.subscribe", "verto.invite", "verto.x", 7]
    values = [None, True, -1, 2**70, "", "C1", "hold", "updateMedia", SDP, [], {}, ["x"], {"callID": "C1"}]
    names = ["callID", "dialogParams", "action", "sdp", "dtmf", "destination", "target", "self", "channels"]
    for number in range(figure(150, 50_000)):
        fields = {name: dice.choice(values) for name in dice.sample(names, dice.randrange(6))}
        message = {"method": dice.choice(inner), "params": dice.choice([fields, dice.choice(values)])}
        params = {"message": dice.choice([message, message, dice.choice(values)]), **fields}
        frame = {"jsonrpc": "2.0", "id": dice.choice([f"x{number}", 7, None]), "method": dice.choice(methods)}
        text = json.dumps({**frame, "params": dice.choice([params, params, dice.choice(values)])})
        if dice.random() < 0.1:
            text = text[: dice.randrange(len(text))]
        alice.send_text(text)
        if number % 15 == 14:
            assert "result" in alice.ask("signalwire.ping"), (seed, number)
            assert not any("nternal" in str(each.get("error")) for each in alice.heard), (seed, number)
            alice.heard.clear()
            time.sleep(0.35)  # within 50 messages a second


@pytest.mark.parametrize("number", [1, 0, -7, 2**53])
def test_an_id_may_be_a_number_as_in_json_rpc(port, cast, number):
    client = Client(port, cast.alice.token)
    request = {"jsonrpc": "2.0", "id": number, "method": "signalwire.ping", "params": {}}
    client.socket.send(json.dumps(request))
    assert client.next()["id"] == number
    invite = {
        "method": "verto.invite",
        "id": number,
        "params": {"dialogParams": {"callID": "C1"}, "sdp": SDP},
    }
    invite["params"]["dialogParams"]["destination_number"] = "/private/bob"
    client.socket.send(json.dumps(request | {"method": "webrtc.verto", "params": {"message": invite}}))
    answer = client.next()
    assert answer["id"] == answer["result"]["result"]["id"] == number


@pytest.mark.parametrize("number", [True, 1.5, 2**60, None, {}, [], "", "x" * 201])
def test_other_ids_are_refused(port, cast, number):
    client = Client(port, cast.alice.token)
    client.socket.send(json.dumps({"jsonrpc": "2.0", "id": number, "method": "signalwire.ping"}))
    assert client.next()["error"]["code"] == -32600


def test_what_is_asked_for_nobody_is_refused_and_hits_nobody(port, cast):
    alice, _bob, call_id = talking(port, cast)
    own = {"node_id": "", "call_id": "C1", "member_id": ""}
    elsewhere = {"node_id": "", "call_id": "another", "member_id": ""}
    for wrong in (
        {"target": elsewhere}, {"target": "C1"}, {"targets": [own, elsewhere]}, {"targets": [own, 7]},
        {"targets": [own] * 51}, {"targets": "all"}, {"targets": []}, {"targets": {}}, {"target": {}},
        {"target": {"member_id": 7}}, {"targets": [{"node_id": "n"}]}, {"targets": [None]},
    ):  # fmt: skip
        answer = alice.ask("call.mute", self=own, channels=["audio"], **wrong)
        assert answer["error"]["code"] == -32602, wrong
    for nothing in ({}, {"message": "hello"}, {"dtmf": None}):
        assert alice.verto("verto.info", "C1", **nothing)["error"]["code"] == -32602
    assert not fake_worker.leg_of(call_id, "caller").muted
    for right in ({"target": own}, {"targets": [own]}, {}):
        assert alice.ask("call.mute", self=own, channels=["audio"], **right)["result"]["code"] == "200"
    assert fake_worker.leg_of(call_id, "caller").muted
