"""What version 3 of SignalWire's browser SDK needs otherwise than version 4; `agent` says which it is."""

from __future__ import annotations

import pytest

from calling import models
from calling.machine.plan import make_plan
from calling.media.session.rows import read_pictured
from tests.sockets.clients import Client
from tests.sockets.test_signalwire_sockets import offer_to, our_id
from tests.support import fake_worker
from tests.support.fake_worker import SDP
from tests.support.people import Cast

pytestmark = pytest.mark.django_db(transaction=True)

THREE, FOUR = "@signalwire/js/browser/3.30.0", "signalwire-js/4.0.0"


def of_version(port: int, token: str, agent: str) -> Client:
    client = Client(port, token, agent=agent)
    client.ask("subscriber.online")
    return client


@pytest.mark.parametrize(("agent", "told"), [(THREE, False), (FOUR, True)])
def test_its_own_hang_up_is_answered_and_not_told_as_an_event(
    port: int, cast: Cast, agent: str, told: bool
) -> None:
    alice, bob = of_version(port, cast.alice.token, agent), of_version(port, cast.bob.token, FOUR)
    alice.invite("C1", "/private/bob")
    offer_to(our_id("C1"))
    rung = bob.event("verto.invite")
    bob.verto("verto.answer", rung["callID"], sdp=SDP)
    fake_worker.connect_media(our_id("C1"))
    alice.event("verto.answer")
    assert alice.verto("verto.bye", "C1")["message"] == "CALL ENDED"
    alice.ask("signalwire.ping")
    assert ("verto.bye" in alice.events()) is told
    assert bob.event("verto.bye")["cause"] == "NORMAL_CLEARING"


def test_it_is_offered_pictures_in_every_call(port: int, cast: Cast) -> None:
    alice = Client(port, cast.alice.token)
    of_version(port, cast.bob.token, THREE)
    of_version(port, cast.bob.token, FOUR)
    alice.invite("C1", "/private/bob")
    fake_worker.carry(our_id("C1"))
    session = models.Call.objects.values_list("session_id", flat=True).get(pk=our_id("C1"))
    calls = fake_worker.calls_of_session(str(session))
    plan = make_plan(calls, pictured=read_pictured(calls))
    offered = [each.media for each in plan.peers if each.kind == "fabric" and each.mode.value == "offer"]
    assert sorted((each.video, each.receive_video) for each in offered) == [(False, False), (True, True)]
