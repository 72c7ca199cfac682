"""`Address.sendText`, `textMessages$` and `history$`: two pages write to each other."""

from __future__ import annotations

from collections.abc import Callable

from tests.signalwire.browser.stage import Page

Tab = Callable[..., Page]


def test_two_pages_write_to_each_other_and_see_their_calls(tab: Tab) -> None:
    alice, bob = tab("alice"), tab("bob")
    call = alice.dial("/private/bob", audio=True)
    ringing = bob.rings()
    bob.run("answer", ringing, {"audio": True, "video": False})
    alice.reaches(call, "connected")
    alice.run("hangup", call)
    bob.reaches(ringing, "destroyed")

    alice.run("talk", "/private/bob")
    bob.run("talk", "/private/alice")
    assert alice.run("say", "/private/bob", "Hello Bob") is None
    bob.until(lambda: bob.run("texts", "/private/alice") == [["alice", "Hello Bob"]], "her message", 3)
    assert bob.run("say", "/private/alice", "Hello Alice") is None
    both = [["alice", "Hello Bob"], ["bob", "Hello Alice"]]
    alice.until(lambda: sorted(alice.run("texts", "/private/bob")) == both, "his message", 3)
    for page, whom in ((alice, "/private/bob"), (bob, "/private/alice")):
        page.until(lambda page=page, whom=whom: page.run("callsWith", whom), "the call before", 3)
        entries = page.run("callsWith", whom)  # other tests' calls of the two among them
        assert ("alice", "call", "answered") in [(e["from"], e["kind"], e["status"]) for e in entries]
        assert all(entry["long"] >= 0 for entry in entries)

    late = tab("bob")  # what was said is there for a page that comes later
    late.run("talk", "/private/alice")
    late.until(lambda: sorted(late.run("texts", "/private/alice")) == both, "the conversation", 3)


def test_an_empty_message_is_refused_and_harms_nothing(tab: Tab, token: Callable[[str], str]) -> None:
    alice, _ = tab("alice"), token("carol")
    alice.run("talk", "/private/carol")
    assert "Send Text Failed" in alice.run("say", "/private/carol", "")
    assert alice.run("say", "/private/carol", "Hello") is None
