"""Later offers of desk phones, through `manage.py sip` and a real media worker (RFC 3261 14, RFC 3264 8,
RFC 3311): each is answered from itself, at once; one that is of no use changes nothing; and an INVITE
without an offer gets ours, whose answer comes in the ACK."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from calling import models
from calling.sip.stack.dialog import exact_uri
from calling.sip.stack.events import Answered, Confirmed, Finished, SessionFailed
from calling.sip.stack.messages import tag_of_loosely
from calling.sip.ua.client_session import DialogClientSession
from tests.e2e import callers
from tests.e2e.desk import Desk, Sound, endpoint, notice
from tests.e2e.edges import EdgeProcess
from tests.e2e.test_gateways_lead_out_and_in import gateway
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.support.people import Cast, subscriber
from tokens.subjects import Entry

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.sample(3)]

FAX = "m=image {port} udptl t38\r\na=T38FaxVersion:0\r\n"
AT_ONCE = 4.0  # seconds; an edge that waits for its worker's time to be over needs 8


@pytest.fixture
def desk_of_bob(cast: Cast, edge: EdgeProcess) -> Desk:
    return Desk(edge.port, endpoint(cast.bob), "secret", 660.0)


async def echo(desk: Desk) -> Any:
    """A call of the desk phone to itself, so to say."""
    assert await desk.register() == 200
    call = desk.dial("echo")
    desk.sound.agree((await notice(call, Answered)).sdp)
    await desk.hears(660.0)
    return call


def formats(sdp: str | None, number: int = 0) -> list[str]:
    return [line.split()[3:] for line in (sdp or "").splitlines() if line.startswith("m=")][number]


async def the_call() -> str:
    return str((await callers.in_thread(models.Call.objects.get)).id)


async def test_each_later_offer_is_answered_from_itself(
    cast: Cast, desk_of_bob: Desk, edge: EdgeProcess, worker: WorkerProcess
) -> None:
    async with desk_of_bob as desk:
        call = await echo(desk)
        code, answer = await call.reinvite(desk.sound.sdp(formats="8 101"))
        assert (code, formats(answer)) == (200, ["8", "101"])
        desk.sound.codec = "pcma"
        desk.sound.heard.clear()
        await desk.hears(660.0)
        code, answer = await call.reinvite(desk.sound.sdp(formats="8"))
        assert (code, formats(answer)) == (200, ["8"]), "without telephone-event there is none"
        code, answer = await call.reinvite(desk.sound.sdp(formats="8") + FAX.format(port=40002))
        assert (code, formats(answer), formats(answer, 1)) == (200, ["8"], ["t38"])
        assert "m=image 0 udptl t38" in (answer or "")
        response = await call.ask("UPDATE", body=desk.sound.sdp(formats="9 8"))
        assert response.code == 200 and formats(response.body.decode()) == ["9", "8"]
        code, answer = await call.reinvite(desk.sound.sdp("inactive", "8 101"))
        assert (code, formats(answer)) == (200, ["8", "101"]) and "a=inactive" in (answer or "")
        call_id = await the_call()
        await callers.state(call_id, lambda call: call.legs[0].held)
        code, _ = await call.reinvite(desk.sound.sdp(formats="8 101"))
        await callers.state(call_id, lambda call: not call.legs[0].held)
        desk.sound.heard.clear()
        await desk.hears(660.0)
        await call.hangup()


async def test_an_offer_that_is_of_no_use_is_refused_at_once_and_the_call_goes_on(
    cast: Cast, desk_of_bob: Desk, edge: EdgeProcess, worker: WorkerProcess
) -> None:
    async with desk_of_bob as desk:
        call = await echo(desk)
        good = desk.sound.sdp()
        for useless in (
            desk.sound.sdp(formats="18"),
            good.replace("m=audio", "m=audio 0 RTP/AVP 0\r\nm=image").replace("RTP/AVP 0 101", "udptl t38"),
            good.replace("c=IN IP4 127.0.0.1", "c=IN IP6 2001:db8::7"),  # only the worker knows its addresses
            good.replace("c=IN IP4 127.0.0.1", "c=IN IP4 169.254.1.1"),
        ):
            began = time.monotonic()
            assert await call.reinvite(useless) == (488, None)
            assert time.monotonic() - began < AT_ONCE
        desk.sound.heard.clear()
        await desk.hears(660.0)
        code, answer = await call.reinvite(desk.sound.sdp(formats="0"))
        assert (code, formats(answer)) == (200, ["0"]), "the call can still be changed"
        await call.hangup()


async def test_an_invite_to_an_address_of_another_kind_is_refused(
    cast: Cast, desk_of_bob: Desk, edge: EdgeProcess, worker: WorkerProcess
) -> None:
    async with desk_of_bob as desk:
        assert await desk.register() == 200
        for sdp in (
            desk.sound.sdp().replace("c=IN IP4 127.0.0.1", "c=IN IP6 2001:db8::7"),
            desk.sound.sdp(formats="18"),
        ):
            call = desk.agent.invite(
                f"sip:echo@127.0.0.1:{edge.port}", sdp, from_=desk.address, credentials=desk.credentials
            )
            assert (await notice(call, SessionFailed)).code == 488


async def question(call: Any, sdp: str) -> str:
    """A re-INVITE without an offer, its answer in the ACK; the platform's offer."""
    response = await call.ask("INVITE")
    assert response.code == 200
    call.dialog.refresh_target(response)
    await call._ack(response, body=sdp)
    return str(response.body.decode())


async def test_the_answer_in_an_ack_moves_the_sound_and_holds(
    cast: Cast, desk_of_bob: Desk, edge: EdgeProcess, worker: WorkerProcess
) -> None:
    async with desk_of_bob as desk:
        call = await echo(desk)
        elsewhere = Sound(880.0)
        elsewhere.remote = desk.sound.remote
        offer = await question(call, elsewhere.sdp())
        assert {"0", "8", "9"} <= set(formats(offer)) and "a=sendrecv" in offer
        desk.sound.close()
        desk.sound = elsewhere
        await desk.hears(880.0)
        call_id = await the_call()
        await question(call, elsewhere.sdp("inactive"))
        await callers.state(call_id, lambda call: call.legs[0].held)
        await asyncio.sleep(0.3)
        silent_since = elsewhere.heard_at
        await asyncio.sleep(0.5)
        assert elsewhere.heard_at == silent_since, "nothing is sent to who wants nothing"
        await question(call, elsewhere.sdp(formats="8"))
        elsewhere.codec = "pcma"
        await callers.state(call_id, lambda call: not call.legs[0].held)
        await desk.hears(880.0)
        await question(call, "")  # no answer at all: what held goes on
        await question(call, elsewhere.sdp(formats="18"))
        elsewhere.heard.clear()
        await desk.hears(880.0)
        code, answer = await call.reinvite(elsewhere.sdp(formats="8 101"))
        assert (code, formats(answer)) == (200, ["8", "101"])
        await call.hangup()


class LateOffer(DialogClientSession):
    """CUCM's way to call: an INVITE without SDP, the answer in the ACK."""

    answer = ""

    async def _on_success(self, response: Any) -> None:
        dialog = self._forks.get(tag_of_loosely(response.headers["To"]) or "")
        dialog = dialog or self._new_dialog(tag_of_loosely(response.headers["To"]) or "", response)
        assert dialog is not None
        dialog.confirm(response)
        self.dialog = dialog
        ack = dialog.request("ACK", sequence=response.cseq.sequence, body=self.answer)
        self.agent.exchange.send(ack, await self.agent.hop_for(dialog))
        self.tell(Answered(response.body.decode()))


def late(desk: Desk, user: str, answer: str) -> LateOffer:
    target = f"sip:{user}@127.0.0.1:{desk.edge_port}"
    call = LateOffer(
        desk.agent, exact_uri(target), "", from_=desk.address, to=f"<{target}>", credentials=desk.credentials
    )
    call.answer = answer
    desk.agent.roster.live.add(call)
    desk.agent.spawn(call.start())
    return call


async def test_a_first_invite_without_an_offer_is_answered_with_one(
    cast: Cast, desk_of_bob: Desk, edge: EdgeProcess, worker: WorkerProcess
) -> None:
    async with desk_of_bob as desk:
        assert await desk.register() == 200
        call = late(desk, "echo", desk.sound.sdp())
        offer = (await notice(call, Answered)).sdp
        assert {"0", "8", "9"} <= set(formats(offer)) and "a=sendrecv" in offer
        desk.sound.agree(offer)
        await desk.hears(660.0)
        await call.hangup()


@pytest.mark.parametrize("formats", ["", "18"], ids=["no answer", "no usable answer"])
async def test_a_call_whose_offer_is_never_answered_ends(
    cast: Cast, desk_of_bob: Desk, edge: EdgeProcess, worker: WorkerProcess, formats: str
) -> None:
    async with desk_of_bob as desk:
        assert await desk.register() == 200
        call = late(desk, "echo", desk.sound.sdp(formats=formats) if formats else "")
        await notice(call, Answered)
        assert (await notice(call, Finished)).by == "remote"
        row = await callers.state(await the_call(), lambda call: call.state == "ended")
        assert (row.end_reason, row.end_cause) == ("failed", "media_failed")


async def test_a_gateway_changes_its_early_sound_and_the_answer_does_not_undo_it(
    cast: Cast, edge: EdgeProcess, worker: WorkerProcess
) -> None:
    async with Desk(edge.port, "trunk", "-", 660.0) as trunk:
        await callers.in_thread(gateway, cast, trunk.port, 1)
        dave = await callers.in_thread(subscriber, cast.project, "dave", None, (Entry("prefix", "+1"),))
        phone = Phone(440.0)
        await callers.dial(dave, phone, "+15551234567")
        far = await trunk.rung()
        trunk.sound.agree(far.offer or "")
        await far.ring(sdp=trunk.sound.sdp())
        await callers.hears(phone, 660.0)
        elsewhere = Sound(880.0)
        elsewhere.remote, elsewhere.codec = trunk.sound.remote, "pcma"
        response = await far.ask("UPDATE", body=elsewhere.sdp(formats="8 101"))
        assert response is not None and response.code == 200
        assert formats(response.body.decode()) == ["8", "101"]
        await callers.hears(phone, 880.0)
        assert await far.answer(trunk.sound.sdp())
        await notice(far, Confirmed)
        trunk.sound.close()
        trunk.sound = elsewhere
        await callers.state(await the_call(), lambda call: call.state == "answered")
        await callers.hears(phone, 880.0)
        await far.hangup()
        await phone.close()


async def test_a_later_offer_of_ours_keeps_within_the_gateways_codecs(
    cast: Cast, edge: EdgeProcess, worker: WorkerProcess
) -> None:
    async with Desk(edge.port, "trunk", "-", 660.0) as trunk:

        def limited() -> None:
            row = gateway(cast, trunk.port, 1)
            row.codecs = ["PCMA"]
            row.save()

        await callers.in_thread(limited)
        dave = await callers.in_thread(subscriber, cast.project, "dave", None, (Entry("prefix", "+1"),))
        phone = Phone(440.0)
        await callers.dial(dave, phone, "+15551234567")
        far = await trunk.rung()
        assert formats(far.offer) == ["8", "126"]
        trunk.sound.codec = "pcma"
        trunk.sound.agree(far.offer or "")
        assert await far.answer(trunk.sound.sdp(formats="8"))
        await trunk.hears(440.0)
        assert formats(await question(far, trunk.sound.sdp(formats="8"))) == ["8", "126"]
        trunk.sound.heard.clear()
        await trunk.hears(440.0)
        await far.hangup()
        await phone.close()


async def test_what_a_call_began_with_does_not_bound_what_it_may_have_later(
    cast: Cast, desk_of_bob: Desk, edge: EdgeProcess, worker: WorkerProcess
) -> None:
    """A phone may offer a call that is held, and resume it; and a picture only later."""
    async with desk_of_bob as desk:
        assert await desk.register() == 200
        for direction, answered in (("inactive", "inactive"), ("sendonly", "recvonly")):
            call = desk.agent.invite(
                f"sip:echo@127.0.0.1:{edge.port}", desk.sound.sdp(direction), from_=desk.address,
                credentials=desk.credentials,
            )  # fmt: skip
            first = (await notice(call, Answered)).sdp
            assert f"a={answered}\r\n" in first
            desk.sound.agree(first)
            picture = "m=video 40004 RTP/AVP 99\r\na=rtpmap:99 VP8/90000\r\n"
            code, answer = await call.reinvite(desk.sound.sdp() + picture)
            assert code == 200 and (answer or "").count("a=sendrecv") == 2
            desk.sound.agree(answer or "")
            desk.sound.heard.clear()
            await desk.hears(660.0)
            await call.hangup()
