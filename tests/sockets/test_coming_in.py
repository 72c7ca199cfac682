"""`auth`: the first frame, renewals, device ids, and every way to be turned away."""

from __future__ import annotations

import contextlib
import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone
from websockets.exceptions import ConnectionClosed

from calling import models
from tests.sockets.phones import Phone
from tests.support import fake_worker, people, rest_client
from tokens import revocation
from tokens.claims import Grant
from tokens.issue import issue_access


def test_a_welcome_names_device_subscriber_addresses_and_ice_servers(port, cast):
    phone = Phone(port)
    hello = phone.authenticate(cast.alice.token)
    assert hello["subscriber"]["address"] == "/private/alice"
    assert hello["subscriber"]["id"] == str(cast.alice.subscriber.id)
    assert [each["name"] for each in hello["addresses"]] == ["alice"]
    assert isinstance(hello["ice_servers"], list)
    device = models.Device.objects.get(pk=hello["device_id"])
    assert device.receives and device.online_until > timezone.now()


def test_a_guest_has_a_socket_and_no_addresses(port, cast):
    phone = Phone(port)
    hello = phone.authenticate(cast.gus.token)
    assert hello["addresses"] == [] and hello["subscriber"]["address"] == cast.gus.address
    assert not models.Device.objects.get(pk=hello["device_id"]).receives


def test_a_guest_calls_out_within_its_scope_only(port, cast):
    gus, bob = Phone(port, cast.gus), Phone(port, cast.bob)
    gus.send("call.create", req_id=1, destination="/public/nothing", sdp=fake_worker.SDP)
    gus.refused("address_not_allowed", req_id=1)
    call_id = gus.create("/private/bob")
    fake_worker.carry(call_id)
    gus.expect("sdp.answer")
    gus.expect("call.ringing")
    assert bob.expect("call.incoming", call_id=call_id)["from"] == cast.gus.address
    bob.send("call.answer", call_id=call_id, sdp=fake_worker.SDP)
    gus.expect("call.answered")
    gus.send("call.hangup", call_id=call_id)
    gus.expect("call.ended", reason="hangup")
    rest_client.error_of(people.guest(cast.project, ()).rest.get(f"/api/calls/{call_id}"), 404)


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "auth", "token": "nonsense"},
        {"type": "auth", "token": 7},
        {"type": "auth"},
        {"type": "ping"},
        {"type": "call.create", "destination": "/private/bob"},
        [],
    ],
)
def test_whoever_does_not_begin_with_a_token_is_closed_4401(port, cast, frame):
    phone = Phone(port)
    phone.send_text(json.dumps(frame))
    assert phone.closed_with() == 4401


def test_silence_is_closed_4401_after_five_seconds(port, cast):
    assert Phone(port).closed_with(8) == 4401


def test_an_expired_token_is_closed_4401(port, cast):
    grant = Grant(cast.project.id, "subscriber", cast.alice.subscriber.id, "/private/alice")
    phone = Phone(port)
    phone.send("auth", token=issue_access(grant, timezone.now() - timedelta(seconds=1)))
    assert phone.closed_with() == 4401


def test_the_device_of_another_subscriber_is_refused(port, cast):
    alice = Phone(port, cast.alice)
    for other in (cast.bob, cast.gus):
        phone = Phone(port)
        phone.send("auth", token=other.token, device_id=alice.device_id)
        phone.refused("device_not_yours")
        assert phone.closed_with() == 4401
    alice.quiet()


def test_a_device_id_of_the_clients_own_is_kept(port, cast):
    mine = str(uuid4())
    assert Phone(port, cast.alice, mine).device_id == mine


def test_a_device_may_have_a_name_of_the_clients_own(port, cast):
    alice = Phone(port, cast.alice, "desk 1")
    assert str(UUID(alice.device_id)) == alice.device_id
    assert Phone(port, cast.alice, "desk 1").device_id == alice.device_id
    assert Phone(port, cast.alice, "desk 2").device_id != alice.device_id
    for other in (cast.bob, cast.gus):  # the same name is another device there
        assert Phone(port, other, "desk 1").device_id != alice.device_id
    for wrong in ("", "x" * 101, 5, "a\nb"):
        phone = Phone(port)
        phone.send("auth", token=cast.alice.token, device_id=wrong)
        phone.refused("invalid_parameter")
        assert phone.closed_with() == 4401


def test_auth_on_an_open_socket_renews_it(port, cast):
    phone = Phone(port, cast.alice)
    again = people.subscriber(cast.project, "alice")
    phone.send("auth", token=again.token, req_id="again")
    hello = phone.expect("auth.ok", req_id="again")
    assert hello["device_id"] == phone.device_id
    revocation.revoke_token(cast.project.id, cast.alice.holder.jti)
    phone.silent_for(2.5)  # the old token no longer matters


def test_a_renewal_with_somebody_elses_token_changes_nothing(port, cast):
    phone = Phone(port, cast.alice)
    phone.send("auth", token=cast.bob.token, req_id=5)
    phone.refused("token_invalid", req_id=5)
    phone.send("auth", token="nonsense", req_id=6)
    phone.expect("error", req_id=6)
    phone.quiet()


def test_a_revoked_token_closes_the_socket_within_two_seconds(port, cast):
    phone, bystander = Phone(port, cast.alice), Phone(port, cast.bob)
    revocation.revoke_token(cast.project.id, cast.alice.holder.jti)
    assert phone.closed_with(2.0) == 4401
    bystander.quiet()


def test_expiry_is_announced_and_closes_a_socket_without_calls(port, cast):
    short = people.subscriber(cast.project, "alice", timezone.now() + timedelta(seconds=2))
    phone = Phone(port, short)
    phone.expect("token.expiring")
    assert phone.closed_with(5) == 4401


EXPECTED = {"call.trying", "sdp.answer", "call.ringing", "call.answered", "token.expiring"}


def in_a_call(port: int, cast: people.Cast, expires_at: datetime) -> tuple[Phone, Phone, str]:
    """alice and bob in an answered call, hers with a token that expires then. Raises where that is too soon.

    When she is told that it expires is up to the clock: before, between or after the rest.
    """
    alice, bob = Phone(port, people.subscriber(cast.project, "alice", expires_at)), Phone(port, cast.bob)
    alice.send("call.create", destination="/private/bob", sdp=fake_worker.SDP)
    seen: dict[str, dict[str, Any]] = {}
    while not seen.keys() >= {"call.trying"}:
        message = alice.next()
        seen[message["type"]] = message
        assert "error" not in seen, seen
    call_id = str(seen["call.trying"]["call_id"])
    fake_worker.carry(call_id)
    while (message := bob.next())["type"] != "call.answered":
        if message["type"] == "call.incoming" and message["call_id"] == call_id:
            bob.send("call.answer", call_id=call_id, sdp=fake_worker.SDP)
    while not seen.keys() >= EXPECTED:
        message = alice.next()
        seen[message["type"]] = message
    assert timezone.now() < expires_at and seen.keys() == EXPECTED, seen
    return alice, bob, call_id


def in_a_call_before_expiry(port: int, cast: people.Cast) -> tuple[Phone, Phone, str, datetime]:
    """As soon as this machine can have it."""
    for seconds in (3, 10):
        expires_at = timezone.now() + timedelta(seconds=seconds)
        with contextlib.suppress(AssertionError, TimeoutError, ConnectionClosed):
            return *in_a_call(port, cast, expires_at), expires_at
    expires_at = timezone.now() + timedelta(seconds=30)
    return *in_a_call(port, cast, expires_at), expires_at


@pytest.mark.timing
def test_at_expiry_live_calls_keep_the_socket_for_themselves(port, cast):
    alice, bob, call_id, expires_at = in_a_call_before_expiry(port, cast)
    alice.silent_for((expires_at - timezone.now()).total_seconds() + 0.5)
    alice.send("call.create", destination="/private/carol", sdp=fake_worker.SDP)
    alice.refused("token_expired")
    alice.send("call.transfer", req_id="t", call_id=call_id, destination="/private/carol")
    alice.refused("token_expired", req_id="t")
    alice.send("call.hold", call_id=call_id)
    alice.expect("call.held", held_by="local")
    assert not models.Device.objects.get(pk=alice.device_id).receives
    bob.send("call.hangup", call_id=call_id)
    alice.expect("call.ended")
    assert alice.closed_with(3) == 4401
