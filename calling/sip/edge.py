"""The SIP edge: one Agent joined with the door. Reads rows on every nudge and every 2 s, acts, reports.

Several edges may run side by side: a row says which one has which dialog, and a dead one's are ended.
What must not live here: messages of SIP (agent), what becomes of one call (edge_out, edge_in).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

from django.db import DatabaseError
from sipmessage import Request

from calling import control, nudge
from calling.machine import inputs
from calling.models.sip_dialog import SipDialog
from calling.sip import edge_in, edge_out, edge_routes, edge_rows
from calling.sip.agent import Agent
from calling.sip.dialog import CRASH_GAP, Dialog
from calling.sip.edge_line import Line, insist, rows
from calling.sip.edge_rows import TRUNK, Waiting
from calling.sip.edge_trunks import Trunks
from calling.sip.edge_words import dialled
from calling.sip.registrar import Binding, Change
from calling.sip.server_call import ServerCall
from calling.sip.transaction import Hop
from subscribers.models.sip import REALM

log = logging.getLogger(__name__)

MAX_LINES = 2000
TOGETHER_SECONDS = 0.02  # a burst of nudges is one look
FORGET_SECONDS = 3600.0
ADOPT_SECONDS = 0.5


class Edge:
    """`names`: the hosts of Request-URIs that mean us. `host`: what we write into From."""

    def __init__(self, host: str, names: frozenset[str]) -> None:
        self.id: UUID = uuid4()
        self.host, self.names = host, names
        self.lines: dict[str, Line] = {}
        self._others: dict[str, float] = {}  # attempts of phones at another edge: since when they wait
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.agent = Agent(
            realm=REALM,
            authenticate=self._ha1,
            trunk=self._trunk,
            on_invite=self._incoming,
            update=self._register,
            store=self._store,
            advertised=host,
            allow_md5=True,  # many desk phones know nothing else; SHA-256 is offered first
        )
        self.trunks = Trunks(self.agent, self.id, self._spawn, insist)

    async def run(self) -> None:
        """Look until cancelled."""
        loops = [self._hear_nudges(), self._look_forever(), self._hourly()]
        async with asyncio.TaskGroup() as group:
            for loop in loops:
                group.create_task(loop)

    async def close(self) -> None:
        """Leave. Calls go on: their dialogs are stored, and the next edge ends or finds them ended."""
        for task in list(self._tasks):
            task.cancel()
        await self.trunks.close()
        await self.agent.close()

    def begin(self, line: Line) -> None:
        self.lines[line.id] = line
        self._spawn(line.run())
        self._wake.set()

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("A step of the SIP edge failed", exc_info=task.exception())

    # --- what the agent asks

    async def _ha1(self, username: str) -> Any:
        return await rows(edge_rows.ha1_of, username)

    async def _trunk(self, request: Request, hop: Hop) -> str | None:
        if request.headers.get("Authorization") is not None:
            return None  # a phone that shares an address with a gateway
        found = await rows(
            edge_routes.gateway_of, hop.host, dialled(request), self.trunks.gateway_at(hop.host)
        )
        return TRUNK + found if found is not None else None

    async def _incoming(self, call: ServerCall) -> None:
        if len(self.lines) >= MAX_LINES:
            await call.reject(503, headers=[("Retry-After", "10")])
            return
        await edge_in.take(self, call)

    async def _register(self, account: str, change: Change) -> list[Binding]:
        return await rows(edge_rows.bind, account, change, self.id)

    async def _store(self, dialog: Dialog, reference: Any) -> None:
        if reference is not None:
            state = "confirmed" if dialog.state == "confirmed" else "early"
            await rows(edge_rows.keep_dialog, str(reference), state, dialog.to_json())

    # --- looking

    async def _hear_nudges(self) -> None:
        async for _ in nudge.listen(nudge.EDGE):
            self._wake.set()

    async def _look_forever(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), nudge.LOOK_SECONDS)
            self._wake.clear()
            await self._guarded(self._look)
            await asyncio.sleep(TOGETHER_SECONDS)

    async def _guarded(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await work()
        except DatabaseError as error:
            log.warning("PostgreSQL is away", extra={"error": str(error)})
            await asyncio.sleep(0.5)
        except Exception:
            log.exception("A round of the SIP edge failed")
            await asyncio.sleep(0.5)

    async def _look(self) -> None:
        found = await rows(edge_rows.waiting, list(self.lines))
        self._others = {each.attempt_id: self._others.get(each.attempt_id, monotonic()) for each in found}
        for wanted in found:
            if self._left_to_another(wanted):
                continue
            if len(self.lines) < MAX_LINES and await rows(self._claim, wanted):
                await self._dial(wanted)
        pairs = [(line.id, line.leg_id) for line in self.lines.values()]
        if pairs:
            for line_id, view in (await rows(edge_rows.views, pairs)).items():
                if line_id in self.lines:
                    self.lines[line_id].see(view)

    def _left_to_another(self, wanted: Waiting) -> bool:
        """A phone is called by the edge it registered at: that one has its connection, and its NAT lets
        that one in. Where it does not call, because it is gone or was started anew, another does."""
        if wanted.holder in ("", str(self.id)):
            return False
        if monotonic() - self._others[wanted.attempt_id] >= ADOPT_SECONDS:
            return False
        asyncio.get_running_loop().call_later(ADOPT_SECONDS, self._wake.set)
        return True

    def _claim(self, wanted: Waiting) -> bool:
        mine = edge_rows.claim(
            wanted.attempt_id, wanted.call_id, wanted.leg_id, wanted.device_id, self.id, "out"
        )
        if mine and wanted.holder not in ("", str(self.id)):
            edge_rows.adopt(wanted.device_id, self.id)
        return mine

    async def _dial(self, wanted: Waiting) -> None:
        try:
            line = await edge_out.line_for(self, wanted)
        except ValueError:
            log.warning("A SIP party could not be dialled", extra={"call_id": wanted.call_id})
            failed = inputs.SipFailed(wanted.leg_id, 484)
            gone = inputs.MediaFailed(wanted.attempt_id, "unreachable")
            await insist(control.apply, wanted.call_id, failed if wanted.party == "sip" else gone)
            line = None
        if line is not None:
            self.begin(line)

    async def _hourly(self) -> None:
        """Keep the leases; end what dead edges left; forget what is long over."""
        looked = 0.0
        while True:
            await self._guarded(self._keep)
            if asyncio.get_running_loop().time() - looked > FORGET_SECONDS:
                looked = asyncio.get_running_loop().time()
                await self._guarded(self._forget)
            await asyncio.sleep(nudge.LOOK_SECONDS)

    async def _keep(self) -> None:
        await rows(edge_rows.renew, self.id)
        await self.trunks.look(rows)
        for row in await rows(edge_rows.abandoned, self.id):
            self._spawn(self._end(row))

    async def _forget(self) -> None:
        await rows(edge_rows.forget_old)

    async def _end(self, row: SipDialog) -> None:
        """BYE from the stored dialog, and the leg hangs up: a crash of an edge ends its calls, once."""
        if row.state == "confirmed":
            dialog = Dialog.from_json(row.dialog)
            dialog.local_sequence += CRASH_GAP
            with contextlib.suppress(Exception):
                await asyncio.wait_for(self.agent.send_bye(dialog), 35)
        await insist(control.apply, row.call_id, inputs.Hangup(str(row.leg_id), cause="edge_lost"))
        await insist(edge_rows.end_dialog, str(row.pk))
