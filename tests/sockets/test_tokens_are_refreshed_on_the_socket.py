"""`token.refresh` on an open socket of any kind: a new pair for the device's own refresh token."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from websockets.exceptions import ConnectionClosed

from calling import models
from tests.sockets.clients import Client
from tests.sockets.phones import OPEN, Phone
from tests.support import fake_worker
from tests.support.people import Cast, Person
from tokens import revocation
from tokens.authentication import subject_from_token
from tokens.claims import Grant
from tokens.issue import Pair, issue_pair, refresh
from tokens.signing import InvalidToken

pytestmark = pytest.mark.django_db(transaction=True)


def pair_of(person: Person, seconds: float = 7200) -> Pair:
    who = person.holder
    grant = Grant(who.project_id, who.kind, who.subscriber_id, who.address, who.allowed, who.display_name)
    return issue_pair(grant, timezone.now() + timedelta(seconds=seconds))


class OnPhone:
    """A device on `/ws/phone`: `ask` is the fields of `auth.ok`, or of the error."""

    def __init__(self, port: int, token: str) -> None:
        self.socket = Phone(port)
        self.socket.authenticate(token)

    def ask(self, **fields: Any) -> dict[str, Any]:
        self.socket.send("token.refresh", req_id="t", **fields)
        while (answer := self.socket.next())["type"] == "token.expiring":
            pass
        assert answer["type"] in ("auth.ok", "error") and answer["req_id"] == "t"
        return answer

    def stays(self, seconds: float) -> None:
        time.sleep(seconds)
        assert self.ask()["code"] == "missing_required_parameter"


class OnSignalWire:
    """A SignalWire client: `ask` is the result, or the error."""

    def __init__(self, port: int, token: str) -> None:
        self.socket = Client(port, token)

    def ask(self, **fields: Any) -> dict[str, Any]:
        answer = self.socket.ask("token.refresh", **fields)
        return dict(answer["error"] if "error" in answer else answer["result"])

    def stays(self, seconds: float) -> None:
        time.sleep(seconds)
        assert "result" in self.socket.ask("signalwire.ping")


Kind = Callable[[int, str], OnPhone | OnSignalWire]
KINDS = pytest.mark.parametrize("kind", [OnPhone, OnSignalWire])


@KINDS
@pytest.mark.parametrize("who", ["alice", "gus"])
def test_a_device_gets_a_new_pair_and_outlives_its_first_token(port: int, cast: Cast, kind: Kind, who: str):
    pair = pair_of(getattr(cast, who), 3)
    device = kind(port, pair.token)
    found = device.ask(refresh_token=pair.refresh_token)
    holder = subject_from_token(found["token"])
    first = subject_from_token(pair.token)
    assert (holder.identity, holder.allowed, holder.address) == (first.identity, first.allowed, first.address)
    assert found["expires_at"].startswith(holder.expires_at.isoformat()[:19])
    device.stays(4.0)
    again = device.ask(refresh_token=found["refresh_token"])
    assert again["token"] not in (pair.token, found["token"])


@KINDS
def test_what_is_no_refresh_token_of_this_device_changes_nothing(port: int, cast: Cast, kind: Kind):
    mine, bobs, used = pair_of(cast.alice), pair_of(cast.bob), pair_of(cast.alice)
    device = kind(port, mine.token)
    refresh(cast.project.id, used.refresh_token)
    revoked = pair_of(cast.alice)
    revocation.revoke_token(cast.project.id, subject_from_token(revoked.token).jti)
    wrong = (used.refresh_token, bobs.refresh_token, revoked.refresh_token, mine.token, "x.y.z", "", 5, None)
    for text in wrong:
        found = device.ask(refresh_token=text)
        assert "token" not in found and found["message"], text
    assert "token" in device.ask(refresh_token=mine.refresh_token)
    theirs = kind(port, bobs.token)
    assert "token" in theirs.ask(refresh_token=bobs.refresh_token), "bob's was left unused"


@KINDS
def test_a_copied_refresh_token_ends_what_came_from_it(port: int, cast: Cast, kind: Kind):
    pair = pair_of(cast.alice)
    fresh = kind(port, pair.token).ask(refresh_token=pair.refresh_token)
    mallory = kind(port, fresh["token"])
    try:
        assert "token" not in mallory.ask(refresh_token=pair.refresh_token)
    except ConnectionClosed as closed:  # its own token ends with the family, which may be told first
        assert closed.rcvd is not None and closed.rcvd.code == 4401
    for token in (pair.token, fresh["token"]):
        with pytest.raises(InvalidToken):
            subject_from_token(token)
    phone = Phone(port)
    phone.send("auth", refresh_token=fresh["refresh_token"])
    assert phone.closed_with() == 4401


def test_a_first_frame_with_a_copied_refresh_token_ends_what_came_from_it(port: int, cast: Cast):
    pair = pair_of(cast.alice)
    alice, mallory = Phone(port), Phone(port)
    alice.send("auth", refresh_token=pair.refresh_token)
    fresh = alice.expect("auth.ok")
    mallory.send("auth", refresh_token=pair.refresh_token)
    assert mallory.closed_with() == 4401
    with pytest.raises(InvalidToken):
        subject_from_token(fresh["token"])
    assert alice.closed_with() == 4401


def test_auth_ok_says_how_long_the_token_lasts(port: int, cast: Cast):
    phone = Phone(port)
    hello = phone.authenticate(pair_of(cast.alice, 600).token)
    assert 590 <= hello["expires_in"] <= 600
    phone.send("auth", token=pair_of(cast.alice, 300).token)
    assert 290 <= phone.expect("auth.ok")["expires_in"] <= 300


def test_a_device_whose_token_has_ended_signs_in_with_its_refresh_token(port: int, cast: Cast):
    pair = pair_of(cast.alice, 1)
    first = Phone(port)
    device = first.authenticate(pair.token)["device_id"]
    first.close()
    time.sleep(1.2)
    late = Phone(port)
    late.send("auth", token=pair.token)
    assert late.closed_with() == 4401
    phone = Phone(port)
    phone.send("auth", refresh_token=pair.refresh_token, device_id=device)
    hello = phone.expect("auth.ok")
    assert hello["device_id"] == device and hello["expires_in"] > 3600
    assert subject_from_token(hello["token"]).identity == cast.alice.holder.identity
    assert hello["refresh_token"] not in ("", pair.refresh_token)
    bob = Phone(port, cast.bob)
    bob.create("/private/alice")


@pytest.mark.parametrize("kind", ["used", "revoked", "access", "nonsense", "number"])
def test_what_is_no_good_refresh_token_signs_nobody_in(port: int, cast: Cast, kind: str):
    pair = pair_of(cast.alice)
    text: object = {"access": pair.token, "nonsense": "x.y.z", "number": 5}.get(kind, pair.refresh_token)
    if kind == "used":
        Phone(port).send("auth", refresh_token=text)
        OPEN[-1].expect("auth.ok")
    if kind == "revoked":
        revocation.revoke_token(cast.project.id, subject_from_token(pair.token).jti)
    phone = Phone(port)
    phone.send("auth", refresh_token=text)
    assert phone.closed_with() == 4401


def test_a_sign_in_that_fails_leaves_the_refresh_token_unused(port: int, cast: Cast):
    pair = pair_of(cast.alice)
    phone = Phone(port)
    phone.send("auth", refresh_token=pair.refresh_token, device_id=7)
    assert phone.closed_with() == 4401
    phone = Phone(port)
    phone.send("auth", refresh_token=pair.refresh_token)
    phone.expect("auth.ok")


@pytest.mark.timing
def test_a_device_that_kept_its_socket_for_a_call_is_rung_again(port: int, cast: Cast):
    pair = pair_of(cast.alice, 3)
    alice, bob = Phone(port), Phone(port, cast.bob)
    alice.authenticate(pair.token)
    alice.expect("token.expiring")
    call_id = alice.create("/private/bob")
    fake_worker.carry(call_id)
    bob.expect("call.incoming")
    bob.send("call.answer", call_id=call_id, sdp=fake_worker.SDP)
    bob.expect("call.answered")
    row = models.Device.objects.get(pk=alice.device_id)
    while row.receives:
        time.sleep(0.1)
        row.refresh_from_db()
    alice.send("token.refresh", refresh_token=pair.refresh_token)
    while alice.next()["type"] != "auth.ok":
        pass
    row.refresh_from_db()
    assert row.receives
