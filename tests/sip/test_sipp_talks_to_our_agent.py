"""sipp as caller and as callee, over UDP and TCP: what another's stack makes of ours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from calling.sip.digest import Credentials
from calling.sip.notices import Answered, Confirmed, Failed, Finished, Progress
from tests.sip.conftest import SDP, MakeAgent, Sipp, next_notice, port_of
from tests.sip.test_two_agents_hold_a_call import Callee

pytestmark = pytest.mark.sip_peer
WAYS = pytest.mark.parametrize("way", ["UDP", "TCP"])
MODES = {"UDP": "u1", "TCP": "t1"}
LINE = Credentials("line", "line-secret", "trunk.test")
MakeSipp = Callable[[], Sipp]


class FirstLost:
    """A network that loses every answer once; a challenge repeated with a new nonce is the same answer."""

    def __init__(self) -> None:
        self.seen: set[tuple[bytes, ...]] = set()

    def __call__(self, data: bytes) -> bool:
        lines = data.split(b"\r\n")
        kind = (lines[0], *(line for line in lines if line.startswith(b"CSeq")))
        new = kind not in self.seen
        self.seen.add(kind)
        return new


async def calling(agent: MakeAgent, sipp: MakeSipp, scenario: str, way: str, lossy: bool = False) -> tuple:
    """sipp calls our agent as alice; (our side of the call, sipp's run)."""
    callee = Callee()
    bob = await agent(on_invite=callee.on_invite)
    # sipp 3.6 reads only the first challenge and speaks only MD5.
    offer = bob.gate.digest.challenge
    bob.gate.digest.challenge = lambda now, stale=False: offer(now, stale=stale)[-1:]
    if lossy:
        bob.exchange.discard = FirstLost()
    run = asyncio.create_task(
        sipp().run(scenario, "-auth_uri", f"bob@127.0.0.1:{port_of(bob, way)}",
                   target=f"127.0.0.1:{port_of(bob, way)}", transport=MODES[way]))  # fmt: skip
    other = asyncio.create_task(callee.calls.get())
    done, _ = await asyncio.wait({run, other}, timeout=15, return_when=asyncio.FIRST_COMPLETED)
    assert other in done, run.done() and run.result()
    return other.result(), run


async def called(agent: MakeAgent, sipp: MakeSipp, scenario: str, way: str, code: int = 486) -> tuple:
    """Our agent calls sipp; (our side of the call, sipp's run)."""
    peer = sipp()
    run = asyncio.create_task(peer.run(scenario, transport=MODES[way], code=code))
    alice = await agent()
    if way == "TCP":
        await listening(peer.port, run)
    target = f"sip:bob@127.0.0.1:{peer.port};transport={way.lower()}"
    call = alice.invite(target, SDP, from_="<sip:alice@callwright.test>", headers=[("x-order", "7")],
                        credentials=LINE)  # fmt: skip
    return call, run


async def listening(port: int, run: asyncio.Task) -> None:  # type: ignore[type-arg]
    """Until sipp's TCP socket is open; over UDP the retransmissions bridge its start."""
    async with asyncio.timeout(5):
        while True:
            with open("/proc/net/tcp", encoding="ascii") as table:
                if f"0100007F:{port:04X} 00000000:0000 0A" in table.read():
                    return
            assert not run.done(), run.result()
            await asyncio.sleep(0.02)


@WAYS
async def test_a_caller_with_a_password_hears_early_media_and_is_answered(
    agent: MakeAgent, sipp: MakeSipp, way: str
) -> None:
    call, run = await calling(agent, sipp, "uac_answered", way)
    assert call.account == "alice" and call.headers == (("x-order", "7"),)
    await call.ring(sdp=SDP)
    assert await call.answer(SDP)
    await next_notice(call, Confirmed)
    assert (await next_notice(call, Finished)).by == "remote"
    status, said = await run
    assert status == 0, said


@WAYS
async def test_a_busy_callee_refuses_the_caller(agent: MakeAgent, sipp: MakeSipp, way: str) -> None:
    call, run = await calling(agent, sipp, "uac_refused", way)
    await call.reject(486)
    status, said = await run
    assert status == 0, said


@WAYS
async def test_a_caller_cancels(agent: MakeAgent, sipp: MakeSipp, way: str) -> None:
    call, run = await calling(agent, sipp, "uac_cancelled", way)
    await call.ring()
    assert (await next_notice(call, Finished)).why == "cancel"
    status, said = await run
    assert status == 0, said


async def test_every_answer_of_ours_may_be_lost_once(agent: MakeAgent, sipp: MakeSipp) -> None:
    call, run = await calling(agent, sipp, "uac_answered", "UDP", lossy=True)
    assert await call.answer(SDP)
    await next_notice(call, Confirmed, 15)
    assert (await next_notice(call, Finished, 15)).by == "remote"
    status, said = await run
    assert status == 0, said


@WAYS
async def test_we_hear_ringing_early_media_and_the_answer(agent: MakeAgent, sipp: MakeSipp, way: str) -> None:
    call, run = await called(agent, sipp, "uas_answered", way)
    assert (await next_notice(call, Progress)).code == 180
    early = await next_notice(call, Progress)
    assert early.code == 183 and "PCMU" in early.sdp
    assert "PCMU" in (await next_notice(call, Answered)).sdp
    await call.hangup()
    status, said = await run
    assert status == 0, said


@WAYS
async def test_we_answer_a_challenge_and_keep_our_headers(agent: MakeAgent, sipp: MakeSipp, way: str) -> None:
    call, run = await called(agent, sipp, "uas_challenging", way)
    await next_notice(call, Answered)
    await call.hangup()
    status, said = await run
    assert status == 0, said


@pytest.mark.parametrize("code", [302, 404, 480, 486, 500, 503, 603])
async def test_a_refusal_is_told_with_its_status_and_headers(
    agent: MakeAgent, sipp: MakeSipp, code: int
) -> None:
    call, run = await called(agent, sipp, "uas_refusing", "UDP", code)
    failed = await next_notice(call, Failed)
    assert (failed.code, failed.headers) == (code, (("x-why", "because"),))
    assert failed.contacts == (("sip:carol@127.0.0.1:9",) if code == 302 else ())
    status, said = await run
    assert status == 0, said


@WAYS
async def test_we_cancel_a_ringing_call(agent: MakeAgent, sipp: MakeSipp, way: str) -> None:
    call, run = await called(agent, sipp, "uas_cancelled", way)
    assert (await next_notice(call, Progress)).code == 180
    await call.hangup()
    assert (await next_notice(call, Failed)).code == 487
    status, said = await run
    assert status == 0, said


