"""Copies over several paths, cancelled offers, slow judges, expiry, unknown extensions and encodings."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

import pytest

from calling.sip.stack.events import Confirmed, Finished, Offer, Question
from calling.sip.stack.registrar import Change
from calling.sip.ua.server_session import DialogServerSession
from calling.sip.ua.user_agent import UserAgent
from tests.sip.conftest import SDP, MakeAgent, by_name, everybody, next_notice, port_of
from tests.sip.raw import Raw

OTHER_SDP = SDP.replace("39000", "39002")


class Callee:
    """An agent that trusts everybody, rings, and keeps what comes in."""

    def __init__(self) -> None:
        self.calls: asyncio.Queue[DialogServerSession] = asyncio.Queue()
        self.changes: list[Change] = []

    async def on_invite(self, call: DialogServerSession) -> None:
        await call.ring()
        await self.calls.put(call)

    async def update(self, account: str, change: Change) -> list[Any]:
        self.changes.append(change)
        return list(change.keep)

    async def agent(self, make: MakeAgent, **options: Any) -> UserAgent:
        options = {"trunk": everybody, "on_invite": self.on_invite, "update": self.update, **options}
        return await make(**options)


async def answered(peer: Raw, callee: Callee, call_id: str = "c1") -> tuple[DialogServerSession, str]:
    """A call from `peer` that was answered and acknowledged, and our tag in it."""
    peer.say("INVITE", call_id=call_id, branch=f"i{call_id}")
    call = await asyncio.wait_for(callee.calls.get(), 5)
    assert await call.answer(SDP)
    await peer.answered(f"i{call_id}", "INVITE")
    assert call.dialog is not None
    peer.say("ACK", call_id=call_id, branch=f"a{call_id}", tag=call.dialog.local_tag)
    await next_notice(call, Confirmed)
    return call, call.dialog.local_tag


@pytest.mark.parametrize("second", ["UDP", "TCP"])
@pytest.mark.parametrize("answered_first", [False, True])
async def test_an_invite_over_two_branches_is_one_call(
    agent: MakeAgent, second: str, answered_first: bool
) -> None:
    callee = Callee()
    bob = await callee.agent(agent)
    async with Raw(port_of(bob)) as first, Raw(port_of(bob), second) as other:
        first.say("INVITE", branch="one")
        call = await asyncio.wait_for(callee.calls.get(), 5)
        if answered_first:
            await call.answer(SDP)
        other.say("INVITE", branch="two")
        assert (await other.answered("two", "INVITE")).code == 482
        first.say("INVITE", branch="one")  # a mere repetition still gets what it was told
        await asyncio.sleep(0.1)
        assert callee.calls.empty() and 482 not in first.codes("one", "INVITE")
        assert not call.finished


async def test_two_branches_at_once_are_one_call_while_both_are_still_identified(agent: MakeAgent) -> None:
    both = asyncio.Event()

    async def slowly(request: object, hop: object) -> str:
        await both.wait()
        return "trunk"

    callee = Callee()
    bob = await callee.agent(agent, trunk=slowly)
    async with Raw(port_of(bob)) as peer:
        peer.say("INVITE", branch="one")
        peer.say("INVITE", branch="two")
        await asyncio.sleep(0.05)
        both.set()
        await asyncio.wait_for(callee.calls.get(), 5)
        assert (await peer.answered("two", "INVITE")).code == 482
        assert callee.calls.empty()


@pytest.mark.parametrize("method", ["OPTIONS", "REGISTER", "MESSAGE", "SUBSCRIBE", "BYE", "INFO", "UPDATE"])
@pytest.mark.parametrize("second", ["UDP", "TCP"])
async def test_any_request_outside_a_dialog_is_taken_once(agent: MakeAgent, method: str, second: str) -> None:
    callee = Callee()

    async def trusting(*_: Any) -> Any:
        return type("Who", (), {"name": "alice"})()

    bob = await callee.agent(agent)
    bob.gate.identify = trusting  # type: ignore[method-assign]
    async with Raw(port_of(bob)) as first, Raw(port_of(bob), second) as other:
        first.say(method, branch="one")
        before = (await first.answered("one", method)).code
        assert before in (200, 405, 481)
        other.say(method, branch="two")
        assert (await other.answered("two", method)).code == 482
        other.say(method, branch="three", sequence=2)
        assert (await other.answered("three", method)).code == before
    assert len(callee.changes) == (2 if method == "REGISTER" else 0)


async def test_who_is_challenged_may_ask_again_on_another_branch(agent: MakeAgent) -> None:
    bob = await agent(authenticate=by_name)
    async with Raw(port_of(bob)) as peer:
        for branch in ("one", "two"):
            peer.say("INVITE", branch=branch)
            assert (await peer.answered(branch, "INVITE")).code == 401


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
async def test_a_reinvite_that_is_judged_for_long_has_its_100_and_can_be_cancelled(
    agent: MakeAgent, transport: str
) -> None:
    callee = Callee()
    bob = await callee.agent(agent)
    async with Raw(port_of(bob), transport) as peer:
        call, tag = await answered(peer, callee)
        peer.say("INVITE", branch="re", sequence=2, tag=tag, body=OTHER_SDP)
        offer = await next_notice(call, Offer)
        assert (await peer.answered("re", "INVITE", 0.2, final=False)).code == 100
        peer.say("CANCEL", branch="re", sequence=2, tag=tag)
        assert (await peer.answered("re", "CANCEL")).code == 200
        assert (await peer.answered("re", "INVITE")).code == 487
        assert await offer.answer(SDP) is False, "too late"
        assert call.remote_sdp == SDP and not call.finished
        peer.say("ACK", branch="re", sequence=2, tag=tag)
        # The next offer is judged by itself: what came of the one before changes nothing.
        peer.say("INVITE", branch="re3", sequence=3, tag=tag, body=OTHER_SDP)
        again = await next_notice(call, Offer)
        await offer.reject(500)
        assert await again.answer(SDP) is True
        assert (await peer.answered("re3", "INVITE")).code == 200
        assert call.remote_sdp == OTHER_SDP
        peer.say("CANCEL", branch="re3", sequence=3, tag=tag)
        assert (await peer.answered("re3", "CANCEL")).code == 200
        assert peer.codes("re3", "INVITE") == [100, 200], "after the answer it changes nothing"


async def test_a_reinvite_without_an_offer_has_its_100_and_can_be_cancelled(agent: MakeAgent) -> None:
    callee = Callee()
    bob = await callee.agent(agent)
    async with Raw(port_of(bob)) as peer:
        call, tag = await answered(peer, callee)
        before = call.local_sdp, call.remote_sdp
        peer.say("INVITE", branch="re", sequence=2, tag=tag, body="")
        question = await next_notice(call, Question)
        assert (await peer.answered("re", "INVITE", 0.2, final=False)).code == 100
        peer.say("CANCEL", branch="re", sequence=2, tag=tag)
        assert (await peer.answered("re", "CANCEL")).code == 200
        assert (await peer.answered("re", "INVITE")).code == 487
        assert await question.offer(OTHER_SDP) is False, "too late"
        assert (call.local_sdp, call.remote_sdp) == before
        peer.say("ACK", branch="re", sequence=2, tag=tag)
        peer.say("INVITE", branch="re3", sequence=3, tag=tag, body="")
        again = await next_notice(call, Question)
        assert await again.offer(OTHER_SDP) is True
        assert (await peer.answered("re3", "INVITE")).code == 200
        peer.say("ACK", branch="ack3", sequence=3, tag=tag, body=SDP)
        assert (await next_notice(call, Confirmed)).sdp == SDP
        assert call.local_sdp == OTHER_SDP


@pytest.mark.parametrize(("body", "kind"), [(OTHER_SDP, Offer), ("", Question)])
async def test_a_bye_answers_the_reinvite_that_is_pending(
    agent: MakeAgent, body: str, kind: type[Offer | Question]
) -> None:
    callee = Callee()
    bob = await callee.agent(agent)
    async with Raw(port_of(bob)) as peer:
        call, tag = await answered(peer, callee)
        peer.say("INVITE", branch="re", sequence=2, tag=tag, body=body)
        await next_notice(call, kind)
        peer.say("BYE", branch="bye", sequence=3, tag=tag)
        assert (await peer.answered("bye", "BYE")).code == 200
        assert (await peer.answered("re", "INVITE", 1)).code == 487


async def test_an_invite_is_cancelled_while_its_sender_is_still_identified(agent: MakeAgent) -> None:
    known = asyncio.Event()

    async def slowly(request: object, hop: object) -> str:
        await known.wait()
        return "trunk"

    callee = Callee()
    bob = await callee.agent(agent, trunk=slowly)
    async with Raw(port_of(bob)) as peer:
        peer.say("INVITE", branch="one")
        assert (await peer.answered("one", "INVITE", 1.0, final=False)).code == 100
        peer.say("CANCEL", branch="one")
        assert (await peer.answered("one", "CANCEL")).code == 200
        known.set()
        assert (await peer.answered("one", "INVITE")).code == 487
        assert callee.calls.empty()


@pytest.mark.parametrize("expires", ["1", " 1 ", "0"])
async def test_an_invite_expires_when_it_says(agent: MakeAgent, expires: str) -> None:
    callee = Callee()
    bob = await callee.agent(agent)
    async with Raw(port_of(bob)) as peer:
        peer.say("INVITE", branch="one", headers=(f"Expires: {expires}",))
        assert (await peer.answered("one", "INVITE")).code == 487
        if expires == "0":
            assert callee.calls.empty() and not bob.calls
        else:
            assert (await next_notice(await callee.calls.get(), Finished)).why == "expired"


@pytest.mark.parametrize("expires", ["1", "x", "-1", "99999999999", "1;a=b"])
async def test_an_answered_call_or_a_strange_expiry_goes_on(agent: MakeAgent, expires: str) -> None:
    callee = Callee()
    bob = await callee.agent(agent)
    async with Raw(port_of(bob)) as peer:
        peer.say("INVITE", branch="one", headers=(f"Expires: {expires}",))
        call = await asyncio.wait_for(callee.calls.get(), 5)
        await call.answer(SDP)
        await asyncio.sleep(1.2 if expires == "1" else 0)
        assert not call.finished and (await peer.answered("one", "INVITE")).code == 200


@pytest.mark.parametrize("method", ["INVITE", "UPDATE", "INFO", "REFER", "NOTIFY", "BYE", "OPTIONS"])
async def test_an_unknown_extension_is_420_inside_a_dialog_too(agent: MakeAgent, method: str) -> None:
    callee = Callee()
    bob = await callee.agent(agent)
    async with Raw(port_of(bob)) as peer:
        call, tag = await answered(peer, callee)
        peer.say(method, branch="x", sequence=2, tag=tag, headers=("Require: timer, foo", "Require: bar"))
        refused = await peer.answered("x", method)
        assert (refused.code, refused.headers["Unsupported"]) == (420, "foo, bar")
        peer.say("UPDATE", branch="y", sequence=3, tag=tag, headers=("Require: timer",))
        assert (await peer.answered("y", "UPDATE")).code == 200
        assert not call.finished


@pytest.mark.parametrize("method", ["MESSAGE", "SUBSCRIBE", "PUBLISH", "REGISTER", "FOO"])
async def test_an_unknown_method_is_told_the_known_ones_in_a_dialog_and_outside(
    agent: MakeAgent, method: str
) -> None:
    callee = Callee()
    bob = await callee.agent(agent)
    async with Raw(port_of(bob)) as peer:
        call, tag = await answered(peer, callee)
        peer.say(method, branch="in", sequence=2, tag=tag)
        refused = await peer.answered("in", method)
        assert refused.code == 405 and "INVITE" in refused.headers["Allow"]
        if method != "REGISTER":
            peer.say(method, branch="out", call_id="c2")
            refused = await peer.answered("out", method)
            assert (refused.code, len(refused.headers.getlist("Allow"))) == (405, 1)
        assert not call.finished


@pytest.mark.parametrize(
    "header", ["Content-Encoding: gzip", "e: deflate", "Content-Encoding: identity, gzip"]
)
async def test_an_encoded_body_is_415_and_says_what_would_do(agent: MakeAgent, header: str) -> None:
    callee = Callee()
    bob = await callee.agent(agent)
    packed = gzip.compress(SDP.encode())
    async with Raw(port_of(bob)) as peer:
        peer.say("INVITE", branch="one", headers=(header,), body=packed)
        refused = await peer.answered("one", "INVITE")
        assert (refused.code, refused.headers["Accept-Encoding"]) == (415, "identity")
        peer.say("ACK", branch="one")
        call, tag = await answered(peer, callee, "c2")
        for number, method in enumerate(("INVITE", "UPDATE", "INFO")):
            branch = f"in{number}"
            peer.say(
                method,
                call_id="c2",
                branch=branch,
                sequence=2 + number,
                tag=tag,
                headers=(header,),
                body=packed,
            )
            refused = await peer.answered(branch, method)
            assert (refused.code, refused.headers["Accept-Encoding"]) == (415, "identity")
        assert not call.finished
        peer.say("INVITE", branch="plain", call_id="c3", headers=("Content-Encoding: identity",))
        await asyncio.wait_for(callee.calls.get(), 5)


@pytest.mark.parametrize("handling", ["optional", "Optional", "required", ""])
async def test_a_body_that_may_be_passed_over_is(agent: MakeAgent, handling: str) -> None:
    """RFC 3261 20.11; without a word it must be read."""
    callee = Callee()
    bob = await callee.agent(agent)
    headers = (f"Content-Disposition: render;handling={handling}",) if handling else ()
    taken = handling.lower() == "optional"
    async with Raw(port_of(bob)) as peer:
        peer.say("INVITE", branch="one", headers=headers, body="hello", kind="text/plain")
        if taken:
            call = await asyncio.wait_for(callee.calls.get(), 5)
            assert call.offer is None
            await call.reject(486)
        assert (await peer.answered("one", "INVITE")).code == (486 if taken else 415)
        _, tag = await answered(peer, callee, "c2")
        for number, method in ((2, "UPDATE"), (3, "INFO")):
            peer.say(method, call_id="c2", branch=method, sequence=number, tag=tag, headers=headers, body="x",
                     kind="text/plain")  # fmt: skip
            assert (await peer.answered(method, method)).code == (200 if taken else 415)


async def test_only_a_reinvite_waits_for_an_ack(agent: MakeAgent) -> None:
    """A call that is refreshed by UPDATE for days keeps nothing of it."""
    callee = Callee()
    bob = await callee.agent(agent)
    async with Raw(port_of(bob)) as peer:
        call, tag = await answered(peer, callee)
        before = len(call.awaited)
        for number in range(2, 6):
            peer.say("UPDATE", branch=f"u{number}", sequence=number, tag=tag)
            assert (await peer.answered(f"u{number}", "UPDATE")).code == 200
        assert len(call.awaited) == before
