"""A Refer-To that asks for another request than a call (RFC 3261 19.1.5, RFC 3515) is no transfer."""

from __future__ import annotations

import pytest

from calling.sip.stack.dialog import exact_uri
from calling.sip.stack.events import Referred
from tests.sip.conftest import MakeAgent, next_notice, port_of
from tests.sip.raw import Raw
from tests.sip.test_requests_that_cross_or_wait import Callee, answered

CAROL = "sip:carol@callwright.test"
REPLACES = "Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (f"<{CAROL};method=BYE>", 603), (f"<{CAROL};method=SUBSCRIBE>", 603), (f"<{CAROL};METHOD=bye>", 603),
        (f"<{CAROL};transport=tcp;method=REFER?Subject=x>", 603), (f"{CAROL};method=BYE", 603),
        (f"<{CAROL}?Join=a%3Bto-tag%3D1%3Bfrom-tag%3D2>", 603), (f"<{CAROL}?Require=x-unknown>", 603),
        (f"<{CAROL}?{REPLACES}&Require=replaces,x-unknown>", 603),
        (f"<{CAROL}?{REPLACES}&{REPLACES}>", 400), (f"<{CAROL}?Replaces=a>", 400),
        (f"<{CAROL}>, <sip:bob@callwright.test>", 400),
    ],
)  # fmt: skip
async def test_what_is_no_call_is_declined_and_the_call_goes_on(
    agent: MakeAgent, value: str, code: int
) -> None:
    callee = Callee()
    bob = await callee.agent(agent)
    async with Raw(port_of(bob)) as peer:
        call, tag = await answered(peer, callee)
        peer.say("REFER", branch="r", sequence=2, tag=tag, headers=(f"Refer-To: {value}",))
        assert (await peer.answered("r", "REFER")).code == code
        assert call.notices.empty() and not call.finished


@pytest.mark.parametrize(
    ("value", "target", "replaces"),
    [
        (f"<{CAROL};method=INVITE>", f"{CAROL};method=INVITE", False),
        (f"<{CAROL}?Subject=lunch&X-Order=7&Require=timer>", CAROL, False),
        (f"<{CAROL}?Require=replaces&{REPLACES}>", CAROL, True),
        (f'"<Carol>" <{CAROL}>', CAROL, False),
    ],
)
async def test_what_only_adds_to_a_call_is_a_transfer(
    agent: MakeAgent, value: str, target: str, replaces: bool
) -> None:
    callee = Callee()
    bob = await callee.agent(agent)
    async with Raw(port_of(bob)) as peer:
        call, tag = await answered(peer, callee)
        peer.say("REFER", branch="r", sequence=2, tag=tag, headers=(f"Refer-To: {value}",))
        wish = await next_notice(call, Referred)
        assert (wish.target, wish.replaces is not None) == (target, replaces)
        await wish.decide(603)


async def test_a_transfer_that_is_judged_when_the_call_ends_is_answered(agent: MakeAgent) -> None:
    """RFC 3261 15.1.2; a decision that comes later changes nothing."""
    callee = Callee()
    bob = await callee.agent(agent)
    async with Raw(port_of(bob)) as peer:
        call, tag = await answered(peer, callee)
        peer.say("REFER", branch="r", sequence=2, tag=tag, headers=(f"Refer-To: <{CAROL}>",))
        wish = await next_notice(call, Referred)
        peer.say("BYE", branch="b", sequence=3, tag=tag)
        assert (await peer.answered("b", "BYE")).code == 200
        assert (await peer.answered("r", "REFER")).code == 487
        await wish.decide(202)
        assert peer.codes("r", "REFER") == [487]
        assert not any(getattr(each, "method", "") == "NOTIFY" for each in peer.heard)


def test_a_contact_that_asks_for_more_is_called_and_no_more() -> None:
    assert str(exact_uri(f"{CAROL};transport=tcp;method=BYE;ob?Subject=x")) == f"{CAROL};transport=tcp;ob"
    assert str(exact_uri(f"{CAROL}:5070")) == f"{CAROL}:5070"
