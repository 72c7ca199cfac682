"""60 SIP calls at once through the whole platform: SIP edge, door, media worker; G.711 both ways, 0 lost.

One instance of `make run` with one media worker, held to one core. Alice's desk phone dials bob's that many
times; both are user agents of this process with plain RTP sockets. `python -m bench.sip_calls`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

from bench.instance import Instance, free_port
from bench.media import accounts
from bench.sip_load import Party, forget, heard, run
from calling.sip.stack.dialog import exact_uri
from calling.sip.stack.digest import Credentials, answer_challenge
from calling.sip.stack.events import Answered, Finished, SessionFailed
from calling.sip.stack.messages import make_request, new_call_id, new_tag
from calling.sip.stack.transaction import Hop
from calling.sip.ua.server_session import DialogServerSession
from calling.sip.ua.user_agent import UserAgent

SECONDS = 10.0
WARM = 2.0
PASSWORD = "correct horse battery"
TOGETHER = 6  # dials under way at once


async def nobody(username: str) -> None:
    return None


async def anybody(request: Any, hop: Any) -> str:
    return "platform"


class Phones:
    """All desk phones, as one user agent: `pairs` of parties whose sound flows through the platform."""

    def __init__(self, edge_port: int) -> None:
        self.edge_port = edge_port
        self.agent = UserAgent(realm="desk", authenticate=nobody, trunk=anybody, on_invite=self._take)
        self.parties: list[Party] = []
        self.calls: list[Any] = []
        self.took: list[float] = []

    async def open(self) -> None:
        await self.agent.listen("127.0.0.1", 0)
        self.port = self.agent.transport.local["UDP"][1]

    def party(self) -> Party:
        self.parties.append(Party("pcmu", 1000 + len(self.parties)))
        return self.parties[-1]

    async def _take(self, call: DialogServerSession) -> None:
        """Bob picks up at once."""
        assert call.offer is not None
        mine = self.party()
        mine.agree(call.offer)
        await call.answer(mine.sdp)
        self.calls.append(call)

    async def register(self, name: str) -> None:
        uri, address = exact_uri(f"sip:127.0.0.1:{self.edge_port}"), f"<sip:{name}@callwright>"
        call_id, tag, extra = new_call_id(), new_tag(), [("Expires", "600")]
        for sequence in (1, 2):
            request = make_request(
                "REGISTER", uri, from_=f"{address};tag={tag}", to=address, call_id=call_id,
                sequence=sequence, contact=f"<sip:{name}@127.0.0.1:{self.port}>", extra=extra,
            )  # fmt: skip
            response = await self.agent.transact(request, Hop("UDP", "127.0.0.1", self.edge_port))
            if response is not None and response.code == 200:
                return
            if response is None or response.code != 401:
                raise RuntimeError(f"REGISTER was answered {response and response.code}")
            account = Credentials(name, PASSWORD, "callwright")
            proof = answer_challenge(account, response, "REGISTER", str(uri), {})
            assert proof is not None
            extra.append(proof)

    async def dial(self, caller: str, callee: str) -> None:
        """One call, until it is answered."""
        mine, begun = self.party(), time.monotonic()
        call = self.agent.invite(
            f"sip:{callee}@127.0.0.1:{self.edge_port}", mine.sdp,
            from_=f"<sip:{caller}@callwright>", credentials=Credentials(caller, PASSWORD, "callwright"),
        )  # fmt: skip
        async with asyncio.timeout(30):
            while True:
                notice = await call.notices.get()
                if isinstance(notice, SessionFailed | Finished):
                    raise RuntimeError(f"a dial failed: {notice}")
                if isinstance(notice, Answered):
                    break
        assert notice.sdp is not None
        mine.agree(notice.sdp)
        self.took.append(time.monotonic() - begun)
        self.calls.append(call)


def worker_of(one: Instance, name: str = "media-1@") -> int:
    """The process id of the media worker."""
    assert one.process is not None
    for pid in accounts.tree(one.process.pid):
        if name in Path(f"/proc/{pid}/cmdline").read_text(errors="replace"):
            return pid
    raise RuntimeError("the media worker was not found")


def endpoint(one: Instance, name: str) -> None:
    made = one.api("POST", "/api/fabric/resources/subscribers", {"email": f"{name}@example.com"})
    path = f"/api/fabric/resources/subscribers/{made['id']}/sip_endpoints"
    one.api("POST", path, {"username": name, "password": PASSWORD})


async def measure(one: Instance, sip_port: int, calls: int, seconds: float) -> dict[str, Any]:
    for name in ("alice", "bob"):
        endpoint(one, name)
    phones = Phones(sip_port)
    await phones.open()
    for name in ("alice", "bob"):
        await phones.register(name)
    pid = worker_of(one)
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {max(os.sched_getaffinity(0))})
    await phones.dial("alice", "bob")  # the first warms everything up
    phones.took.clear()
    left = calls - 1
    while left > 0:
        some = min(TOGETHER, left)
        await asyncio.gather(*(phones.dial("alice", "bob") for _ in range(some)))
        left -= some
    await asyncio.sleep(0.5)
    step = await asyncio.to_thread(run, phones.parties, WARM)
    forget(phones.parties)
    spent, waited = accounts.fine_cpu_seconds(pid), accounts.waited_seconds(pid)
    await asyncio.to_thread(run, phones.parties, seconds, step)
    spent, waited = accounts.fine_cpu_seconds(pid) - spent, accounts.waited_seconds(pid) - waited
    sent, received, wrong = heard(phones.parties)
    for call in phones.calls[: calls // 2]:  # the other halves hear the BYE of the platform
        await call.hangup()
    await phones.agent.close()
    took = sorted(phones.took) or [0.0]
    return {
        "calls": calls, "core": spent / seconds, "waited": waited / seconds, "sent": sent,
        "received": received, "lost": max(0, sent - received), "wrong": wrong,
        "setup_p50_ms": 1000 * took[len(took) // 2],
    }  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Print one JSON line; 0 if nothing was lost."""
    parser = argparse.ArgumentParser(prog="python -m bench.sip_calls", description=__doc__)
    parser.add_argument("--calls", type=int, default=60, choices=range(1, 501), metavar="1-500")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    options = parser.parse_args(arguments)
    port = free_port(socket.SOCK_DGRAM)
    with Instance(CALLWRIGHT_SIP_PORT=str(port), CALLWRIGHT_DIALS_PER_SECOND="1000") as one:
        figures = asyncio.run(measure(one, port, options.calls, options.seconds))
    print(json.dumps(figures))
    return 1 if figures["lost"] or figures["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
