"""JsSIP and SIP.js over /ws/sip: they register, call and are called, and are heard, told by frequency."""

from __future__ import annotations

import time

import pytest

from bench.instance import Instance
from tests.sip.browser import stage
from tests.sip.browser.conftest import Tab
from tests.sip.browser.stage import WebPhone, talk

pytestmark = [pytest.mark.browser, pytest.mark.slow]
LIBRARIES = ["JsSIP", "SIP.js"]
WHOLE = [pytest.mark.soak_only, pytest.mark.family]  # browsers are slow: `make test` takes some rounds
either = pytest.mark.parametrize("library", LIBRARIES)


def connected(one: WebPhone, other: WebPhone, who: str, number: int = 1) -> tuple[str, str]:
    """A call from one to `who`, the other; its names there."""
    its = one.run("dial", who)
    others = other.rings(number)
    other.run("answer", others)
    one.reaches(its, "confirmed")
    other.reaches(others, "confirmed")
    talk(one, its, other, others)
    return its, others


@pytest.mark.parametrize(
    ("caller", "callee"), [("JsSIP", "SIP.js"), pytest.param("SIP.js", "JsSIP", marks=WHOLE)]
)
def test_they_talk_hold_resume_and_hang_up(tab: Tab, caller: str, callee: str) -> None:
    """Each holds: who dialled has offered before, who was called is offered for the first time."""
    alice, bob = tab(caller, "alice", 440.0), tab(callee, "bob", 620.0)
    hers = alice.run("dial", "bob")
    alice.reaches(hers, "progress")
    his = bob.rings()
    bob.run("answer", his)
    alice.reaches(hers, "confirmed")
    talk(alice, hers, bob, his)
    for one, its, other, others in ((alice, hers, bob, his), (bob, his, alice, hers)):
        one.run("hold", its)
        one.reaches(its, "hold")
        other.hears_no_more(others, one.hertz)
        one.run("resume", its)
        one.reaches(its, "unhold")
        talk(alice, hers, bob, his)
    bob.run("end", his)
    alice.reaches(hers, "ended")
    bob.reaches(his, "ended")
    hers, his = connected(alice, bob, "bob", 2)
    alice.run("end", hers)
    bob.reaches(his, "ended")


@pytest.mark.soak_only
@pytest.mark.family
@either
def test_over_tls_each_registers_calls_and_is_called(tab: Tab, instance: Instance, library: str) -> None:
    """The endpoints demand encryption, so neither their media nor their signalling is in clear text."""
    erin, dave = tab(library, "erin", 440.0, secure=True), tab(library, "dave", 620.0, secure=True)
    for each in ("erin", "dave"):
        stage.demand_encryption(instance, each)
    for one, other, name in ((erin, dave, "dave"), (dave, erin, "erin")):
        its, others = connected(one, other, name)
        one.run("end", its)
        other.reaches(others, "ended")


@pytest.mark.soak_only
@pytest.mark.family
@either
def test_a_call_is_refused_and_given_up(tab: Tab, library: str) -> None:
    alice, bob = tab(library, "alice", 440.0), tab(library, "bob", 620.0)
    first = alice.run("dial", "bob")
    bob.run("refuse", bob.rings(), 486)
    alice.reaches(first, "failed 486")
    second = alice.run("dial", "bob")
    his = bob.rings(2)
    alice.reaches(second, "progress")
    alice.run("end", second)
    bob.until(lambda: any(each.startswith(("failed", "ended")) for each in bob.run("events", his)), "CANCEL")
    bob.run("stop")
    third = alice.run("dial", "nobody-of-that-name")
    alice.reaches(third, "failed 404")


@pytest.mark.soak_only
@pytest.mark.family
@either
def test_digits_go_and_come(tab: Tab, instance: Instance, library: str) -> None:
    alice, bob = tab(library, "alice", 440.0), tab(library, "bob", 620.0)
    hers, his = connected(alice, bob, "bob")
    call = instance.api("GET", "/api/calls?state=answered")["data"][0]
    alice.run("press", hers, "1", "info")
    bob.until(lambda: bob.run("pressed", his) == "1", "digit by INFO")
    alice.run("press", hers, "5", "rtp")
    bob.until(lambda: bob.run("pressed", his) == "15", "digit by RFC 4733")
    instance.api("POST", f"/api/calls/{call['id']}/dtmf", {"digits": "#", "leg": "caller"})
    alice.until(lambda: "#" in alice.run("pressed", hers) or "#" in bob.run("pressed", his), "digit of REST")
    talk(alice, hers, bob, his)
    alice.run("end", hers)


@pytest.mark.soak_only
@pytest.mark.family
@either
def test_a_call_is_transferred_blindly(tab: Tab, library: str) -> None:
    alice, bob = tab(library, "alice", 440.0), tab(library, "bob", 620.0)
    carol = tab(library, "carol", 800.0)
    hers, his = connected(alice, bob, "bob")
    bob.run("transfer", his, "carol")
    theirs = carol.rings()
    carol.run("answer", theirs)
    bob.reaches(his, "transferred")
    talk(alice, hers, carol, theirs)
    bob.reaches(his, "ended")
    carol.run("end", theirs)
    alice.reaches(hers, "ended")


@pytest.mark.parametrize("library", ["JsSIP", pytest.param("SIP.js", marks=WHOLE)])
def test_a_call_is_transferred_after_a_consultation(tab: Tab, library: str) -> None:
    alice, bob = tab(library, "alice", 440.0), tab(library, "bob", 620.0)
    carol = tab(library, "carol", 800.0)
    hers, his = connected(alice, bob, "bob")
    bob.run("hold", his)
    alice.hears_no_more(hers, bob.hertz)
    asking, theirs = connected(bob, carol, "carol")
    bob.run("join", his, asking)
    talk(alice, hers, carol, theirs)
    bob.reaches(his, "ended")
    bob.reaches(asking, "ended")
    alice.run("end", hers)
    carol.reaches(theirs, "ended")


@pytest.mark.parametrize("library", ["JsSIP", pytest.param("SIP.js", marks=WHOLE)])
def test_two_calls_that_began_apart_are_joined(tab: Tab, library: str) -> None:
    """Both came in: each has media of its own, and one party's media must move to the other's."""
    bob = tab(library, "bob", 620.0)
    alice, carol = tab("JsSIP", "alice", 440.0), tab("SIP.js", "carol", 800.0)
    hers, his = connected(alice, bob, "bob")
    bob.run("hold", his)
    alice.hears_no_more(hers, bob.hertz)
    theirs, asking = connected(carol, bob, "bob", 2)
    bob.run("join", his, asking)
    talk(alice, hers, carol, theirs)
    bob.reaches(his, "ended")
    bob.reaches(asking, "ended")
    carol.run("hold", theirs)  # the moved call is a whole one
    alice.hears_no_more(hers, carol.hertz)
    carol.run("resume", theirs)
    talk(alice, hers, carol, theirs)
    alice.run("end", hers)
    carol.reaches(theirs, "ended")


@pytest.mark.soak_only
@pytest.mark.family
@either
def test_who_leaves_the_page_is_hung_up_and_offline(tab: Tab, library: str) -> None:
    alice, bob = tab(library, "alice", 440.0), tab(library, "bob", 620.0)
    _, his = connected(alice, bob, "bob")
    left = time.monotonic()
    alice.page.goto("about:blank")
    bob.reaches(his, "ended")
    print(f"\n{library}: hung up {time.monotonic() - left:.1f} s after the page was left", end=" ")
    back = bob.run("dial", "alice")
    bob.reaches(back, "failed 480")
