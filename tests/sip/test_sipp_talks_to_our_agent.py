"""sipp as caller and as callee, over UDP, TCP and TLS: what another's stack makes of ours.

Debian's sipp is built without TLS: for "TLS" its TCP goes through a relay that speaks it with our agent.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from calling.sip.stack.digest import Credentials
from calling.sip.stack.events import Answered, Confirmed, Finished, Progress, SessionFailed
from tests.sip.conftest import SDP, MakeAgent, Sipp, next_notice, port_of
from tests.sip.secure import Relay, contexts
from tests.sip.test_two_agents_hold_a_call import Callee
from tests.sip.user_agent import lose

pytestmark = pytest.mark.sip_peer
WAYS = pytest.mark.parametrize("way", ["UDP", "TCP", "TLS"])
MODES = {"UDP": "u1", "TCP": "t1", "TLS": "t1"}
LINE = Credentials("line", "line-secret", "trunk.test")
MakeSipp = Callable[[], Sipp]
Meet = Callable[..., Awaitable[tuple[Any, Any]]]


class FirstLost:
    """A network that loses every answer once; a challenge repeated with a new nonce is the same answer."""

    def __init__(self) -> None:
        self.seen: set[tuple[bytes, ...]] = set()
        self.acknowledged = asyncio.Event()  # an ACK was not lost

    def __call__(self, data: bytes) -> bool:
        lines = data.split(b"\r\n")
        kind = (lines[0], *(line for line in lines if line.startswith(b"CSeq")))
        new = kind not in self.seen
        self.seen.add(kind)
        if not new and data.startswith(b"ACK "):
            self.acknowledged.set()
        return new


@pytest.fixture
async def relays() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
def calling(agent: MakeAgent, sipp: MakeSipp, relays: AsyncExitStack, tmp_path: Path) -> Meet:
    async def meet(scenario: str, way: str, lossy: bool = False) -> tuple[Any, Any]:
        """sipp calls our agent as alice; (our side of the call, sipp's run)."""
        callee = Callee()
        tls = contexts(tmp_path) if way == "TLS" else {}
        sockets = {**tls, "tls_port": 0} if tls else {}
        bob = await agent(on_invite=callee.on_invite, sockets=sockets)
        # sipp 3.6 reads only the first challenge and speaks only MD5.
        offer = bob.gate.digest.challenge
        bob.gate.digest.challenge = lambda now, stale=False: offer(now, stale=stale)[-1:]  # type: ignore[method-assign]
        if lossy:
            lose(bob, FirstLost())
        port = port_of(bob, way)
        if tls:
            port = await relays.enter_async_context(Relay(port, dial=tls["client_context"]))
        run = asyncio.create_task(
            sipp().run(scenario, "-auth_uri", f"bob@127.0.0.1:{port}", target=f"127.0.0.1:{port}",
                       transport=MODES[way]))  # fmt: skip
        other = asyncio.create_task(callee.calls.get())
        done, _ = await asyncio.wait({run, other}, timeout=15, return_when=asyncio.FIRST_COMPLETED)
        assert other in done, run.done() and run.result()
        assert other.result().hop.transport == way
        return other.result(), run

    return meet


@pytest.fixture
def called(agent: MakeAgent, sipp: MakeSipp, relays: AsyncExitStack, tmp_path: Path) -> Meet:
    async def meet(
        scenario: str, way: str, code: int = 486, network: FirstLost | None = None
    ) -> tuple[Any, Any]:
        """Our agent calls sipp; (our side of the call, sipp's run)."""
        peer = sipp()
        run = asyncio.create_task(peer.run(scenario, transport=MODES[way], code=code))
        tls = contexts(tmp_path) if way == "TLS" else {}
        alice = await agent(sockets=tls)
        if network is not None:
            lose(alice, network)
        port = peer.port
        if way != "UDP":
            await listening(peer.port, run)
        if tls:
            port = await relays.enter_async_context(Relay(peer.port, listen=tls["server_context"]))
        target = f"sip:bob@127.0.0.1:{port};transport={way.lower()}"
        call = alice.invite(target, SDP, from_="<sip:alice@callwright.test>", headers=[("x-order", "7")],
                            credentials=LINE)  # fmt: skip
        return call, run

    return meet


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
async def test_a_caller_with_a_password_hears_early_media_and_is_answered(calling: Meet, way: str) -> None:
    call, run = await calling("uac_answered", way)
    assert call.account == "alice" and call.headers == (("x-order", "7"),)
    await call.ring(sdp=SDP)
    assert await call.answer(SDP)
    await next_notice(call, Confirmed)
    assert (await next_notice(call, Finished)).by == "remote"
    status, said = await run
    assert status == 0, said


@WAYS
async def test_a_busy_callee_refuses_the_caller(calling: Meet, way: str) -> None:
    call, run = await calling("uac_refused", way)
    await call.reject(486)
    status, said = await run
    assert status == 0, said


@WAYS
async def test_a_caller_cancels(calling: Meet, way: str) -> None:
    call, run = await calling("uac_cancelled", way)
    await call.ring()
    assert (await next_notice(call, Finished)).why == "cancel"
    status, said = await run
    assert status == 0, said


async def test_every_answer_of_ours_may_be_lost_once(calling: Meet) -> None:
    call, run = await calling("uac_answered", "UDP", lossy=True)
    assert await call.answer(SDP)
    await next_notice(call, Confirmed, 15)
    assert (await next_notice(call, Finished, 15)).by == "remote"
    status, said = await run
    assert status == 0, said


async def test_every_request_of_ours_may_be_lost_once(called: Meet) -> None:
    network = FirstLost()
    call, run = await called("uas_answered", "UDP", network=network)
    await next_notice(call, Answered, 15)
    await asyncio.wait_for(network.acknowledged.wait(), 15)  # sipp knows no BYE before its ACK
    await call.hangup()
    status, said = await run
    assert status == 0, said


@WAYS
async def test_we_hear_ringing_early_media_and_the_answer(called: Meet, way: str) -> None:
    call, run = await called("uas_answered", way)
    assert (await next_notice(call, Progress)).code == 180
    early = await next_notice(call, Progress)
    assert early.code == 183 and "PCMU" in early.sdp
    assert "PCMU" in (await next_notice(call, Answered)).sdp
    await call.hangup()
    status, said = await run
    assert status == 0, said


@WAYS
async def test_we_answer_a_challenge_and_keep_our_headers(called: Meet, way: str) -> None:
    call, run = await called("uas_challenging", way)
    await next_notice(call, Answered)
    await call.hangup()
    status, said = await run
    assert status == 0, said


@pytest.mark.parametrize("code", [302, 404, 480, 486, 500, 503, 603])
async def test_a_refusal_is_told_with_its_status_and_headers(called: Meet, code: int) -> None:
    call, run = await called("uas_refusing", "UDP", code)
    failed = await next_notice(call, SessionFailed)
    assert (failed.code, failed.headers) == (code, (("x-why", "because"),))
    assert failed.contacts == (("sip:carol@127.0.0.1:9",) if code == 302 else ())
    status, said = await run
    assert status == 0, said


@WAYS
async def test_we_cancel_a_ringing_call(called: Meet, way: str) -> None:
    call, run = await called("uas_cancelled", way)
    assert (await next_notice(call, Progress)).code == 180
    await call.hangup()
    assert (await next_notice(call, SessionFailed)).code == 487
    status, said = await run
    assert status == 0, said
