"""Who is recorded is told so, and told when it is over; a call from the directory shows a picture."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench.instance import Instance
from tests.signalwire.browser.stage import Page

Tab = Callable[..., Page]
BOTH_WAYS = {"audio": True, "video": True, "receiveVideo": True}


@pytest.mark.soak_only
def test_everybody_in_a_room_sees_that_it_is_recorded_until_it_is_not(instance: Instance, tab: Tab) -> None:
    instance.api("POST", "/api/fabric/resources/conference_rooms", {"name": "kept"})
    alice, bob = tab("alice"), tab("bob", query="version3.html")
    first, second = alice.dial("/public/kept", audio=True), bob.dial("/public/kept", audio=True)
    alice.until(lambda: len(alice.participants(first)) == 2, "both")
    assert not alice.facts(first)["recording"]
    job = instance.api("POST", "/api/rooms/kept/record", {})
    alice.until(lambda: alice.facts(first)["recording"], "the recording told")
    told = bob.statuses(second)
    bob.until(lambda: "room.updated" in bob.statuses(second), f"version 3 told: {told}")
    alice.hears(first)
    path = f"/api/calls/{job['call_id']}/record/{job['control_id']}/stop"
    instance.api("POST", path, {})
    alice.until(lambda: not alice.facts(first)["recording"], "its end told")
    for page, call in ((alice, first), (bob, second)):
        page.run("hangup", call)


@pytest.mark.soak_only
def test_both_parties_of_a_call_see_that_it_is_recorded(instance: Instance, tab: Tab) -> None:
    alice, bob = tab("alice"), tab("bob")
    call = alice.dial("/private/bob", audio=True)
    ringing = bob.rings()
    bob.run("answer", ringing, {"audio": True, "video": False})
    alice.reaches(call, "connected")
    live = instance.api("GET", "/api/calls?page_size=1")["data"][0]["id"]
    job = instance.api("POST", f"/api/calls/{live}/record", {})
    for page, name in ((alice, call), (bob, ringing)):
        page.until(lambda page=page, name=name: page.facts(name)["recording"], "the recording told")
    instance.api("POST", f"/api/calls/{live}/record/{job['control_id']}/stop", {})
    for page, name in ((alice, call), (bob, ringing)):
        page.until(lambda page=page, name=name: not page.facts(name)["recording"], "its end told")
    alice.run("hangup", call)


@pytest.mark.soak_only
def test_an_address_of_the_directory_is_dialled_with_a_picture(tab: Tab) -> None:
    """The address itself, whose default channel is the one of sound."""
    alice, bob = tab("alice"), tab("bob")
    alice.run("talk", "/private/bob")
    done = alice.run("dialAddress", "/private/bob", BOTH_WAYS)
    ringing = bob.rings()
    bob.run("answer", ringing, {"audio": True, "video": True})
    alice.reaches(done["call"], "connected")
    alice.sees(done["call"])
    bob.sees(ringing)
    alice.hears(done["call"])
    alice.run("hangup", done["call"])
    bob.reaches(ringing, "destroyed")
