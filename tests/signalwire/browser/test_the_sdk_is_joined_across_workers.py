"""A desk phone joins two calls of two media workers, parties of the unmodified SDK among them.

The SDK knows no message that asks for another offer, so it stays with its worker and the other party moves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bench.instance import Instance
from calling.sip.stack.events import Confirmed, Finished
from tests.e2e.desk import Desk, notice
from tests.signalwire.browser import stage
from tests.signalwire.browser.conftest import Phones, PhoneThread
from tests.signalwire.browser.stage import Page
from tests.sip.user_agent import refer

pytestmark = [pytest.mark.soak_only, pytest.mark.family, pytest.mark.timeout(300)]

Tab = Callable[..., Page]
HERTZ = 1000.0
LONGER_THAN_A_MOVE = 7.0  # seconds; a party that does not offer anew is given five


@pytest.fixture(scope="module")
def instance() -> Iterator[Instance]:
    """Two media workers with places for one call of two each."""
    with stage.start_instance(CALLWRIGHT_MEDIA_WORKERS="2", CALLWRIGHT_MEDIA_LEGS="2") as running:
        yield running


def answered(desk: Desk, phones: Phones) -> Any:
    """The next call of the desk phone, taken."""
    call = phones.run(desk.rung(18))
    phones.run(desk.answer(call))
    phones.run(notice(call, Confirmed, 18))
    return call


def join(desk: Desk, phones: Phones, one: Any, other: Any) -> int:
    """The desk phone gives who is in `one` to who is in `other`; the status of its REFER."""
    dialog = other.dialog
    replaces = f"{dialog.call_id};to-tag={dialog.remote_tag};from-tag={dialog.local_tag}"
    status = phones.run(refer(one, f"sip:anybody@127.0.0.1:{desk.edge_port}", replaces))
    return int(status)


def live(instance: Instance) -> list[dict[str, Any]]:
    return list(instance.api("GET", "/api/calls?state=answered")["data"])


@pytest.mark.parametrize("first", ["phone", "sdk"])
def test_the_other_party_moves_and_both_are_heard(
    tab: Tab, phone: Callable[..., PhoneThread], desk: Desk, phones: Phones, instance: Instance, first: str
) -> None:
    alice, carol = phone("alice", HERTZ), tab("carol")
    alice.run(alice.phone.dial("/private/dave"))
    hers = answered(desk, phones)
    call = carol.dial("/private/dave", audio=True)
    theirs = answered(desk, phones)
    carol.reaches(call, "connected")
    assert alice.phone.moves == 0 and len(live(instance)) == 2
    pair = (hers, theirs) if first == "phone" else (theirs, hers)
    assert join(desk, phones, *pair) == 202
    for each in pair:
        assert phones.run(notice(each, Finished, 18)).by == "remote"
    carol.hears_tone(call, HERTZ)
    carol.until(lambda: alice.phone.has_sound, "a beep at alice")
    carol.page.wait_for_timeout(LONGER_THAN_A_MOVE * 1000)
    carol.hears_tone(call, HERTZ)
    assert alice.phone.moves == 1, "who can be asked has moved"
    assert len(live(instance)) == 1
    carol.run("hangup", call)
    alice.run(alice.phone.expect("call.ended", reason="hangup"))


def test_where_neither_can_move_both_calls_go_on(
    tab: Tab, desk: Desk, phones: Phones, instance: Instance
) -> None:
    alice, carol = tab("alice"), tab("carol")
    first = alice.dial("/private/dave", audio=True)
    hers = answered(desk, phones)
    second = carol.dial("/private/dave", audio=True)
    theirs = answered(desk, phones)
    carol.reaches(second, "connected")
    assert join(desk, phones, hers, theirs) == 480
    carol.page.wait_for_timeout(LONGER_THAN_A_MOVE * 1000)
    assert len(live(instance)) == 2
    carol.hears_tone(second, desk.hertz)
    for page, call in ((alice, first), (carol, second)):
        page.run("hangup", call)
        page.reaches(call, "destroyed")
