"""An INVITE that a network forks (RFC 3261 13.2.2.4): each place that rings has its own dialog, offer and
answer; who answers is who is spoken with, and what the others still say changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sipmessage import Request

from calling.sip.stack.events import Answered, Finished, Offer, Progress
from calling.sip.stack.messages import make_response
from tests.sip.conftest import SDP, MakeAgent, next_notice
from tests.sip.raw import Raw

HERE, THERE, LATER = (SDP.replace("39000", port) for port in ("39010", "39020", "39030"))


class Network:
    """Two places behind one address, `x` and `y`: it says of each what it is told."""

    def __init__(self, peer: Raw, call: Any, invite: Request) -> None:
        self.peer, self.call, self.invite = peer, call, invite
        self.tag = invite.headers["From"].partition(";tag=")[2]
        self._branch = 0

    def says(self, code: int, place: str, sdp: str = "", *extra: tuple[str, str]) -> None:
        response = make_response(
            self.invite, code, to_tag=place, contact=f"<sip:{place}@127.0.0.1:{self.peer.own}>",
            extra=extra, body=sdp,
        )  # fmt: skip
        self.peer._link.sendto(bytes(response), ("127.0.0.1", self.peer.port))  # type: ignore[attr-defined]

    async def asks(self, method: str, place: str, sequence: int, body: str = "") -> int:
        """A request of that place inside its dialog; how it is answered."""
        self._branch += 1
        branch = f"{place}{self._branch}"
        self.peer.say(
            method, branch=branch, call_id=self.invite.call_id, sequence=sequence, tag=self.tag,
            from_=f"<sip:bob@callwright.test>;tag={place}", body=body,
        )  # fmt: skip
        return (await self.peer.answered(branch, method)).code

    async def acknowledged(self, place: str) -> str:
        """What the PRACK of that place's answer says."""
        async with asyncio.timeout(5):
            while True:
                asked = (each for each in self.peer.heard if isinstance(each, Request))
                for each in asked:
                    if each.method == "PRACK" and each.headers["To"].endswith(f"tag={place}"):
                        return str(each.headers["RAck"])
                await asyncio.sleep(0.02)


@pytest.fixture
async def network(agent: MakeAgent) -> AsyncIterator[Network]:
    alice = await agent()
    port = alice.transport.local["UDP"][1]
    async with Raw(port) as peer:
        call = alice.invite(f"sip:bob@127.0.0.1:{peer.own}", SDP, from_="<sip:alice@callwright.test>")
        yield Network(peer, call, await peer.asked("INVITE"))


async def test_an_answer_without_a_description_has_what_that_place_said_before(network: Network) -> None:
    reliably = ("Require", "100rel"), ("RSeq", "1")
    network.says(183, "x", HERE, *reliably)
    network.says(183, "y", THERE, *reliably)
    assert [(await next_notice(network.call, Progress)).sdp for _ in range(2)] == [HERE, THERE]
    assert {await network.acknowledged(place) for place in "xy"} == {"1 1 INVITE"}
    network.says(200, "x")
    assert (await next_notice(network.call, Answered)).sdp == HERE
    assert (network.call.dialog.remote_tag, network.call.remote_sdp) == ("x", HERE)


async def test_who_gives_its_answer_another_tag_still_means_what_it_said_before(network: Network) -> None:
    network.says(183, "x", HERE)
    await next_notice(network.call, Progress)
    network.says(200, "z")
    assert (await next_notice(network.call, Answered)).sdp == HERE


async def test_each_place_has_its_own_order_of_requests_and_its_own_session(network: Network) -> None:
    network.says(183, "x", HERE)
    network.says(183, "y", THERE)
    assert [(await next_notice(network.call, Progress)).sdp for _ in range(2)] == [HERE, THERE]

    async def update(place: str, sequence: int) -> int:
        asked = asyncio.create_task(network.asks("UPDATE", place, sequence, LATER))
        offer = await next_notice(network.call, Offer)
        assert offer.sdp == LATER and await offer.answer(f"{SDP}a=x-to:{place}\r\n")
        return await asked

    assert await update("x", 7) == 200
    assert await update("y", 3) == 200, "its numbers are its own"
    network.says(200, "x")
    assert (await next_notice(network.call, Answered)).sdp == LATER
    assert "a=x-to:x" in network.call.local_sdp


async def test_what_a_place_that_lost_says_leaves_the_call_alone(network: Network) -> None:
    network.says(180, "x")
    network.says(180, "y")
    network.says(200, "x", HERE)
    await next_notice(network.call, Answered)
    await network.peer.asked("ACK")
    network.says(200, "y", THERE)
    assert (await network.peer.asked("BYE")).headers["To"].endswith("tag=y")
    assert await network.asks("INFO", "y", 2) == 481
    assert await network.asks("BYE", "y", 3) == 200
    assert not network.call.finished
    assert await network.asks("BYE", "x", 1) == 200
    assert (await next_notice(network.call, Finished)).by == "remote"


async def test_nothing_is_kept_of_forks_when_the_call_is_over(network: Network) -> None:
    network.says(180, "x")
    network.says(180, "y")
    assert [(await next_notice(network.call, Progress)).code for _ in range(2)] == [180, 180]
    assert await network.asks("BYE", "x", 1) == 200
    await next_notice(network.call, Finished)
    network.says(200, "z", THERE)  # it crossed the BYE
    assert (await network.peer.asked("BYE")).headers["To"].endswith("tag=z")
    roster = network.call.agent.roster
    assert not roster.live and not roster._calls
