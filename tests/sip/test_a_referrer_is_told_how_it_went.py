"""REFER's subscription (RFC 3515): 100 Trying at once, one final status, then nothing."""

from __future__ import annotations

import asyncio

import pytest

from calling.sip.stack.events import Finished, Referred
from tests.sip.conftest import MakeAgent, next_notice, port_of
from tests.sip.raw import Raw
from tests.sip.test_requests_that_cross_or_wait import Callee, answered


def ok(peer: Raw, notify) -> None:  # type: ignore[no-untyped-def]
    lines = "".join(
        f"{name}: {notify.headers[name]}\r\n" for name in ("Via", "From", "To", "Call-ID", "CSeq")
    )
    peer._link.sendto(
        f"SIP/2.0 200 OK\r\n{lines}Content-Length: 0\r\n\r\n".encode(), ("127.0.0.1", peer.port)
    )  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("code", "line"),
    [(200, "200 OK"), (486, "486 Busy Here"), (480, "480 Temporarily Unavailable"), (404, "404 Not Found"),
     (603, "603 Decline"), (503, "503 Service Unavailable"), (599, "599 Failed")],
)  # fmt: skip
async def test_a_transfer_is_told_from_100_to_its_end(agent: MakeAgent, code: int, line: str) -> None:
    callee = Callee()
    bob = await callee.agent(agent)
    async with Raw(port_of(bob)) as peer:
        call, tag = await answered(peer, callee)
        peer.say("REFER", branch="r", sequence=2, tag=tag, headers=("Refer-To: <sip:carol@callwright.test>",))
        wish = await next_notice(call, Referred)
        await wish.decide(202)
        assert (await peer.answered("r", "REFER")).code == 202
        first = await peer.asked("NOTIFY")
        ok(peer, first)
        assert first.body == b"SIP/2.0 100 Trying\r\n"
        assert first.headers["Subscription-State"].startswith("active;expires=")
        assert first.headers["Content-Type"].startswith("message/sipfrag")
        reporting = asyncio.ensure_future(wish.report(code))
        last = await peer.asked("NOTIFY", count=2)
        ok(peer, last)
        await reporting
        assert last.body == f"SIP/2.0 {line}\r\n".encode()
        assert last.headers["Subscription-State"].startswith("terminated")
        assert last.headers["Event"] == first.headers["Event"] == "refer;id=2"
        await wish.report(408)  # what is over is not told again
        assert len({n.headers["CSeq"] for n in peer.heard if getattr(n, "method", "") == "NOTIFY"}) == 2
        peer.say("BYE", branch="b", sequence=3, tag=tag)
        assert (await next_notice(call, Finished)).by == "remote"


async def test_who_wants_no_subscription_has_none(agent: MakeAgent) -> None:
    callee = Callee()
    bob = await callee.agent(agent)
    async with Raw(port_of(bob)) as peer:
        call, tag = await answered(peer, callee)
        headers = ("Refer-To: <sip:carol@callwright.test>", "Refer-Sub: false")
        peer.say("REFER", branch="r", sequence=2, tag=tag, headers=headers)
        wish = await next_notice(call, Referred)
        await wish.decide(202)
        assert (await peer.answered("r", "REFER")).headers["Refer-Sub"] == "false"
        await wish.report(200)
        assert not any(getattr(each, "method", "") == "NOTIFY" for each in peer.heard)
