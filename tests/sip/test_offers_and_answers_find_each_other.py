"""Who may offer when, and where the answer comes: RFC 3261 13.2.1 and 14, RFC 3262 5, RFC 3311, RFC 5621."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sipmessage import Request

from calling.sip.stack.dialog import exact_uri
from calling.sip.stack.events import Answered, Confirmed, Offer, Progress, Question
from calling.sip.stack.headers import tag_of
from calling.sip.stack.messages import make_request
from calling.sip.ua.client_session import DialogClientSession
from calling.sip.ua.session import sdp_of
from tests.sip.conftest import SDP, MakeAgent, everybody, next_notice, port_of
from tests.sip.test_two_agents_hold_a_call import Callee, answered, pair

ANSWER = SDP.replace("39000", "39100")
OTHER = SDP.replace("39000", "39200")


async def test_the_offer_of_an_invite_without_one_is_asked_for_and_answered_in_the_ack(
    agent: MakeAgent,
) -> None:
    _, _, call, other = await answered(agent)
    asking = asyncio.create_task(call.ask("INVITE"))
    await (await next_notice(other, Question)).offer(OTHER)
    response = await asking
    assert response.code == 200 and sdp_of(response) == OTHER
    crossing = await call.ask("UPDATE", body=SDP.replace("39000", "39300"))
    assert crossing.code == 491, "our offer is still without its answer"
    await call._ack(response, body=ANSWER)
    assert (await next_notice(other, Confirmed)).sdp == ANSWER
    assert (other.local_sdp, other.remote_sdp) == (OTHER, ANSWER)


async def test_an_ack_without_the_answer_is_told_too(agent: MakeAgent) -> None:
    _, _, call, other = await answered(agent)
    asking = asyncio.create_task(call.ask("INVITE"))
    await (await next_notice(other, Question)).offer(OTHER)
    await call._ack(await asking)
    assert (await next_notice(other, Confirmed)).sdp is None
    assert other.remote_sdp == SDP


async def test_a_repeated_offer_is_answered_as_before_only_where_that_was_an_answer(agent: MakeAgent) -> None:
    _, _, call, other = await answered(agent)
    code, text = await call.reinvite(SDP)
    assert (code, text) == (200, SDP), "a refresh of the session: no question"
    asking = asyncio.create_task(other.reinvite(SDP))
    await (await next_notice(call, Offer)).answer(ANSWER)  # what it said last was an offer
    assert await asking == (200, ANSWER)


class Late(DialogClientSession):
    """An INVITE without SDP; the answer goes into the PRACK, if there is one to send."""

    said = ANSWER

    async def _send_prack(self, dialog: Any, number: str, cseq: str) -> None:
        request = dialog.request("PRACK", extra=[("RAck", f"{number} {cseq}")], body=self.said)
        self.prack = await self.agent.transact(request, await self.agent.hop_for(dialog))


class LateAnswer(Late):
    """The offer comes in the 200, and the answer goes into its ACK (CUCM's way to call)."""

    async def _on_success(self, response: Any) -> None:
        self.dialog = self._new_dialog(tag_of(response.headers["To"]) or "", response)
        assert self.dialog is not None
        self.dialog.confirm(response)
        await self._ack(response, body=self.said)


async def late(agent: MakeAgent, said: str, kind: type[Late] = Late) -> tuple[Any, Any]:
    callee = Callee()
    bob, alice = await agent(on_invite=callee.on_invite, trunk=everybody), await agent(trunk=everybody)
    target = f"sip:bob@127.0.0.1:{port_of(bob)}"
    call = kind(alice, exact_uri(target), "", from_="<sip:alice@callwright.test>", to=f"<{target}>")
    call.said = said
    alice.roster.live.add(call)
    alice.spawn(call.start())
    return call, await callee.calls.get()


@pytest.mark.parametrize("said", [ANSWER, SDP.replace("\r\n", "\n"), ""])
async def test_the_ack_of_our_first_2xx_has_the_answer_to_the_offer_in_it_or_none(
    agent: MakeAgent, said: str
) -> None:
    _, other = await late(agent, said, LateAnswer)
    assert await other.answer(OTHER)
    assert (await next_notice(other, Confirmed)).sdp == (said or None)
    assert (other.local_sdp, other.remote_sdp) == (OTHER, said or None)


async def test_a_prack_without_the_answer_is_told_and_nothing_waits_for_it(agent: MakeAgent) -> None:
    _, other = await late(agent, "")
    await other.ring(sdp=OTHER)
    assert (await next_notice(other, Confirmed)).sdp is None
    async with asyncio.timeout(3):
        assert await other.answer(OTHER)


async def test_an_offer_in_a_reliable_183_is_answered_by_the_prack_and_the_200_says_nothing(
    agent: MakeAgent,
) -> None:
    call, other = await late(agent, ANSWER)
    assert other.offer is None and other.reliably
    await other.ring(sdp=OTHER)
    assert (await next_notice(call, Progress)).sdp == OTHER
    assert (await next_notice(other, Confirmed)).sdp == ANSWER
    assert await other.answer(OTHER)
    told = await next_notice(call, Answered)
    assert told.sdp == OTHER, "which the 183 said: the 200 has no body"
    assert call.remote_sdp == OTHER and other.remote_sdp == ANSWER


async def test_an_update_of_a_ringing_call_is_asked_about_like_a_later_offer(agent: MakeAgent) -> None:
    _, _, call, callee = await pair(agent)
    other = await callee.calls.get()
    await other.ring()
    await next_notice(call, Progress)
    early = await call.ask("UPDATE", body=ANSWER)
    assert early.code == 500 and early.headers["Retry-After"], "its INVITE's offer has no answer yet"
    crossing = await other.ask("UPDATE", body=OTHER)
    assert crossing.code == 491
    again = await call.ask("INVITE", body=ANSWER)
    assert again.code == 500
    await other.ring(sdp=SDP)
    await next_notice(call, Progress)
    asking = asyncio.create_task(call.ask("UPDATE", body=ANSWER))
    await (await next_notice(other, Offer)).answer(OTHER)
    response = await asking
    assert response.code == 200 and sdp_of(response) == OTHER
    assert (other.remote_sdp, other.local_sdp) == (ANSWER, OTHER)
    assert (await call.ask("UPDATE")).code == 200, "without an offer it is a refresh"
    assert await other.answer(OTHER)
    await next_notice(call, Answered)


PLAIN = ("application/sdp", SDP)
ISUP = ("application/isup; version=itu-t92+", "\x01\x02")
PIDF = ("application/pidf+xml", "<presence/>")


def message(kind: str, body: str) -> Request:
    uri = exact_uri("sip:bob@127.0.0.1")
    return make_request(
        "INVITE", uri, from_="<sip:a@b>;tag=1", to="<sip:bob@127.0.0.1>", call_id="x", sequence=1,
        body=body.encode(), content_type=kind,
    )  # fmt: skip


def multipart(
    *parts: tuple[str, str], kind: str = "multipart/mixed", mark: str = "b-1", end: str = "\r\n"
) -> Request:
    body = "".join(f"--{mark}{end}Content-Type: {name}{end}{end}{text}{end}" for name, text in parts)
    return message(f'{kind};boundary="{mark}"', f"preamble{end}{body}--{mark}--{end}")


@pytest.mark.parametrize(
    "request_",
    [
        message("application/sdp", SDP),
        message("Application/SDP; charset=utf-8", SDP),
        multipart(PLAIN, ISUP),
        multipart(ISUP, PLAIN),
        multipart(PIDF, ISUP, PLAIN, kind="multipart/related"),
        multipart(("APPLICATION/sdp\r\nContent-Disposition: session;handling=required", SDP), mark="a=b:c?"),
        message(
            "multipart/mixed; boundary=plain",
            f"--plain\r\nContent-Type: application/sdp\r\n\r\n{SDP}\r\n--plain--",
        ),
        message("Multipart/Mixed;boundary=x", f"--x\r\nContent-Type: application/sdp\r\n\r\n{SDP}"),
    ],
)
def test_the_description_in_a_body_of_several_parts_is_read(request_: Request) -> None:
    found = sdp_of(request_)
    assert found is not None and found.strip() == SDP.strip()


@pytest.mark.parametrize(
    "request_",
    [
        multipart(ISUP, PIDF),
        message("multipart/mixed", f"--x\r\nContent-Type: application/sdp\r\n\r\n{SDP}\r\n--x--"),
        message("text/plain", SDP),
        message("application/sdp", ""),
    ],
)
def test_a_body_without_a_description_has_none(request_: Request) -> None:
    assert sdp_of(request_) is None


async def test_a_call_with_a_body_of_several_parts_is_taken(agent: MakeAgent) -> None:
    callee = Callee()
    bob, alice = await agent(on_invite=callee.on_invite, trunk=everybody), await agent(trunk=everybody)
    whole = multipart(ISUP, PLAIN)
    request = make_request(
        "INVITE", exact_uri(f"sip:bob@127.0.0.1:{port_of(bob)}"), from_="<sip:alice@a.test>;tag=1",
        to="<sip:bob@b.test>", call_id="several-parts", sequence=1,
        contact=f"<sip:alice@127.0.0.1:{port_of(alice)}>", body=whole.body,
        content_type=whole.headers["Content-Type"],
    )  # fmt: skip
    hops = await alice.resolver.hops(request.uri)
    alice.exchange.request(request, hops[0], lambda response: None, lambda why: None)
    other = await asyncio.wait_for(callee.calls.get(), 3)
    assert other.offer is not None and other.offer.strip() == SDP.strip()
