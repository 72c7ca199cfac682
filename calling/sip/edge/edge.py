"""The SIP edge: one UserAgent joined with the door. Reads rows on every nudge and every 2 s, acts, reports.

Several edges may run side by side: a row says which one has which dialog, and a dead one's are ended.
What must not live here: messages of SIP (agent), what becomes of one call (edge_out, edge_in).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any
from uuid import UUID

from django.db import DatabaseError
from sipmessage import Request

import clock
from calling.calls import control
from calling.machine import inputs
from calling.models.sip_dialog import SipDialog
from calling.runtime import db_threads, nudge
from calling.sip.edge import destinations, inbound, outbound, routes, trace_rows
from calling.sip.edge import rows as edge_rows
from calling.sip.edge.flows import BrowserFlows
from calling.sip.edge.mapping import called_users, calling_user
from calling.sip.edge.registrations import GatewayRegistrations
from calling.sip.edge.rows import GATEWAY_PREFIX, OutboundAttempt
from calling.sip.edge.sip_leg import SipLeg, retry_db
from calling.sip.edge.sip_trace import LeftLeg, SipTrace
from calling.sip.stack.background import Background
from calling.sip.stack.dialog import CRASH_GAP, Dialog
from calling.sip.stack.digest import Ha1Pair
from calling.sip.stack.registrar import Binding, Change
from calling.sip.stack.resolver import Resolver
from calling.sip.stack.transaction import Hop
from calling.sip.ua.server_session import DialogServerSession
from calling.sip.ua.user_agent import UserAgent
from subscribers.models.sip import REALM

log = logging.getLogger(__name__)

MAX_LINES = 2000
TOGETHER_SECONDS = 0.02  # a burst of nudges is one look
FORGET_SECONDS = 3600.0
ADOPT_SECONDS = 0.5


class SipEdge:
    """`names`: the hosts of Request-URIs that mean us. `host`: what we write into From. `more`: what we are
    known by elsewhere, for Contact and Via where the other end speaks another IP version."""

    def __init__(self, host: str, names: frozenset[str], more: Sequence[str] = ()) -> None:
        self.id: UUID = clock.new_id()
        self.host, self.names = host, names
        self.lines: dict[str, SipLeg] = {}
        self._dialling = 0  # attempts that are claimed and have no line yet
        self._others: dict[str, float] = {}  # attempts of phones at another edge: since when they wait
        self._wake = asyncio.Event()
        self._background = Background(log, "A step of the SIP edge failed")
        self._spawn = self._background.spawn
        self.agent = UserAgent(
            realm=REALM,
            authenticate=self._ha1,
            trunk=self._trunk,
            on_invite=self._incoming,
            update=self._register,
            store=self._store,
            advertised=(host, *more),
            resolver=Resolver(judge=destinations.allowed),
            allow_md5=True,  # many desk phones know nothing else; SHA-256 is offered first
        )
        self.flows = BrowserFlows(self, self._spawn)
        self.trace = SipTrace(self.agent.transport, host, self._spawn)
        self.trunks = GatewayRegistrations(self.agent, self.id, self._spawn, retry_db)

    async def run(self) -> None:
        """Look until cancelled."""
        loops = [self._hear_nudges(), self._look_forever(), self._hourly()]
        async with asyncio.TaskGroup() as group:
            for loop in loops:
                group.create_task(loop)

    async def close(self) -> None:
        """Leave. Calls go on: their dialogs are stored, and the next edge ends or finds them ended."""
        self._background.cancel()
        await asyncio.gather(self.trunks.close(), self.trace.close())
        await self.agent.close()

    def begin(self, line: SipLeg) -> None:
        self.lines[line.id] = line
        self._spawn(line.run())
        self._wake.set()

    # --- what the agent asks

    async def _ha1(self, username: str) -> Ha1Pair | None:
        return await db_threads.run(edge_rows.ha1_of, username)

    async def _trunk(self, request: Request, hop: Hop) -> str | None:
        if request.headers.get("Authorization") is not None:
            return None  # a phone that shares an address with a gateway
        if hop.websocket:
            return None  # a browser is nobody's gateway, wherever it is
        found = await db_threads.run(
            routes.gateway_of,
            hop,
            called_users(request),
            self.trunks.gateway_at(hop.host),
            calling_user(request),
        )
        return GATEWAY_PREFIX + found if found is not None else None

    async def _incoming(self, call: DialogServerSession) -> None:
        if len(self.lines) >= MAX_LINES:
            await call.reject(503, headers=[("Retry-After", "10")])
            return
        await inbound.take(self, call)

    async def _register(self, account: str, change: Change) -> list[Binding]:
        bindings = await db_threads.run(edge_rows.bind, account, change, self.id)
        await self.flows.registered(account, change)
        return bindings

    async def _store(self, dialog: Dialog, reference: str | None) -> None:
        if reference is not None:
            state = "confirmed" if dialog.state == "confirmed" else "early"
            await db_threads.run(edge_rows.keep_dialog, reference, state, dialog.to_json())

    # --- looking

    async def _hear_nudges(self) -> None:
        async for heard in nudge.listen(nudge.EDGE):
            if heard is None or self._concerns(heard[1]):
                self._wake.set()

    def _concerns(self, message: dict[str, Any]) -> bool:
        """Whether a SIP party may have to do with it: most calls of an instance are none of this edge's."""
        if message.get("sip", True):
            return True
        return not {line.call_id for line in self.lines.values()}.isdisjoint(message.get("calls", ()))

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
        found = await db_threads.run(edge_rows.waiting, list(self.lines))
        self._others = {
            each.attempt_id: self._others.get(each.attempt_id, clock.monotonic()) for each in found
        }
        for wanted in found:
            if self._left_to_another(wanted):
                continue
            full = len(self.lines) + self._dialling >= MAX_LINES
            if not full and await db_threads.run(self._claim, wanted):
                # Beside the look, for which other legs wait: a name that nobody knows takes seconds.
                self._dialling += 1
                self._spawn(self._dial(wanted))
        pairs = [(line.id, line.leg_id) for line in self.lines.values()]
        if pairs:
            for line_id, view in (await db_threads.run(edge_rows.views, pairs)).items():
                if line_id in self.lines:
                    self.lines[line_id].see(view)
            for line_id, digits in await db_threads.run(edge_rows.take_digits, pairs):
                if line_id in self.lines:
                    self._spawn(self.lines[line_id].send_digits(digits))

    def _left_to_another(self, wanted: OutboundAttempt) -> bool:
        """A phone is called by the edge it registered at: that one has its connection, and its NAT lets
        that one in. Where it does not call, because it is gone or was started anew, another does."""
        if wanted.holder in ("", str(self.id)):
            return False
        if clock.monotonic() - self._others[wanted.attempt_id] >= ADOPT_SECONDS:
            return False
        asyncio.get_running_loop().call_later(ADOPT_SECONDS, self._wake.set)
        return True

    def _claim(self, wanted: OutboundAttempt) -> bool:
        mine = edge_rows.claim(
            wanted.attempt_id, wanted.call_id, wanted.leg_id, wanted.device_id, self.id, "out"
        )
        if mine and wanted.holder not in ("", str(self.id)):
            edge_rows.adopt(wanted.device_id, self.id)
        return mine

    async def _dial(self, wanted: OutboundAttempt) -> None:
        """It has been claimed, so nobody else will: whatever goes wrong here ends the attempt."""
        try:
            line = await outbound.line_for(self, wanted)
            if line is not None:
                self.begin(line)
        except Exception as error:
            bad = isinstance(error, ValueError)
            log.warning(
                "A SIP party could not be dialled", extra={"call_id": wanted.call_id}, exc_info=not bad
            )
            await outbound.undialled(wanted, 484 if bad else 500)
        finally:
            self._dialling -= 1

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
        await db_threads.run(edge_rows.renew, self.id)
        await self.trace.look([(line.sip_call_id, line) for line in self.lines.values()])
        await self.trunks.look(db_threads.run)
        for row in await db_threads.run(edge_rows.abandoned, self.id):
            self._spawn(self._end(row))

    async def _forget(self) -> None:
        await db_threads.run(edge_rows.forget_old)

    async def _end(self, row: SipDialog) -> None:
        """BYE from the stored dialog, and the leg hangs up: a crash of an edge ends its calls, once."""
        if row.state == "confirmed":
            dialog = Dialog.from_json(row.dialog)
            dialog.local_sequence += CRASH_GAP
            await self._trace_end(row, dialog)
            with contextlib.suppress(Exception):
                await asyncio.wait_for(self.agent.send_bye(dialog), 35)
        await retry_db(control.apply, row.call_id, inputs.Hangup(str(row.leg_id), cause="edge_lost"))
        await retry_db(edge_rows.end_dialog, str(row.pk))

    async def _trace_end(self, row: SipDialog, dialog: Dialog) -> None:
        """The last messages of a call that another edge carried belong to its trace."""
        if self.trace.on and (project := await retry_db(trace_rows.project_of, row.call_id)) is not None:
            orphan = LeftLeg(project, str(row.call_id), str(row.leg_id))
            self.trace.follow(dialog.call_id, orphan)
            self.trace.leave(orphan)
