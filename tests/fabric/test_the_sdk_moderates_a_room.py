"""Participants of a room muted, deafened and removed with the SDK where the room lets its members rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.instance import Instance
from tests.fabric.stage import Page

Tab = Callable[..., Page]


def member(instance: Instance, room: str, name: str) -> Any:
    found = instance.api("GET", f"/api/rooms/{room}")["members"]
    return next((each for each in found if each["address"] == f"/private/{name}"), None)


def test_a_member_rules_others_where_the_room_allows_it(instance: Instance, tab: Tab) -> None:
    for name, moderator in (("ruled", "subscribers"), ("unruled", "project")):
        body = {"name": name, "moderator": moderator}
        instance.api("POST", "/api/fabric/resources/conference_rooms", body)
    alice, bob = tab("alice"), tab("bob")
    first, second = alice.dial("/public/unruled"), bob.dial("/public/unruled")
    alice.until(lambda: len(alice.run("participants", first)) == 2, "both")
    assert alice.run("rule", first, "bob", "mute")
    assert not member(instance, "unruled", "bob")["muted"]
    for page, call in ((alice, first), (bob, second)):
        page.run("hangup", call)
        page.reaches(call, "destroyed")

    first, second = alice.dial("/public/ruled"), bob.dial("/public/ruled")
    alice.until(lambda: len(alice.run("participants", first)) == 2, "both again")
    assert alice.run("rule", first, "bob", "mute") is None
    assert member(instance, "ruled", "bob")["muted"]
    assert alice.run("rule", first, "bob", "toggleDeaf") is None
    assert member(instance, "ruled", "bob")["deaf"]
    assert alice.run("rule", first, "bob", "remove") is None
    bob.reaches(second, "destroyed")
    assert member(instance, "ruled", "bob") is None
    alice.run("hangup", first)
