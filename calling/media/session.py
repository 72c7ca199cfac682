"""One media session: read the calls, make the plan, take the steps, tell the door what happened.

Woken by nudges and by the worker's 2 s comparison; between two looks packets flow without it. It holds
no authority: whatever it does follows from rows, and what it says counts only under its epoch.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from functools import partial
from typing import Any, Protocol

from calling import control, models, tracing
from calling.machine import inputs
from calling.machine.plan import PeerMode, PeerPlan, Plan
from calling.machine.reasons import EndedBy
from calling.machine.states import Call, Leg, MediaState
from calling.media import lease, rows
from calling.media import steps as pure
from calling.media.carried import CarriedPeer
from calling.media.config import MediaConfig
from calling.media.desk import AWAY, Desk
from calling.media.journal import Journal
from calling.media.operation_sound import register
from calling.media.operations import Operations
from calling.media.peer import BadSdp
from calling.media.programs import Programs
from calling.media.reports import Lane
from calling.media.rooms import Rooms
from calling.media.rows import Look
from calling.media.sight import Sight

log = logging.getLogger(__name__)
register()
RETRY_SECONDS = 0.3
IDLE_SECONDS = 30.0  # a look even if neither nudge nor comparison asked for one
CLOSE_SECONDS = 6.0


class Carrier(Protocol):
    """What a session needs of its worker."""

    config: MediaConfig
    desk: Desk
    journal: Journal | None
    rooms: Rooms
    draining: bool


class Session:
    """Made once its row was claimed under `epoch`; `run` returns when it is over."""

    def __init__(self, session_id: str, epoch: int, carrier: Carrier) -> None:
        self.id, self.epoch = session_id, epoch
        self.carrier = carrier
        self.config = carrier.config
        self.desk = carrier.desk
        self.lane = Lane(self, carrier.desk, carrier.journal)
        self.peers: dict[str, CarriedPeer] = {}
        self.calls: dict[str, Call] = {}
        self.plan = Plan()
        self.operations = Operations(self)
        self.programs = Programs(self)
        self.sight = Sight(self.peers, self.media_lost)
        self.over = False
        self._wake = asyncio.Event()
        self._digest: int | None = None
        self._carried: set[str] = set()
        self._members: dict[str, rows.Membership] = {}
        self._closing: set[asyncio.Task[None]] = set()

    # --- what wakes and ends it

    def look(self) -> None:
        """Something may have changed: read the rows."""
        self._wake.set()

    def compare(self, digest: int | None) -> None:
        """The worker's number for this session's rows: look if it is not the last one."""
        if digest != self._digest:
            self._digest = digest
            self._wake.set()

    def lost(self) -> None:
        """Another epoch holds the session: close everything and write nothing any more."""
        self.over = True
        self.lane.closed = True
        self._wake.set()

    async def end(self, cause: str) -> None:
        """End every call here (a drain) and wait until that is told."""
        for call_id in self.calls:
            self.lane.signal(call_id, inputs.WorkerLost(cause))
        await self.lane.settle(2.5)
        self._wake.set()

    async def run(self) -> None:
        try:
            while not self.over:
                self._wake.clear()
                try:
                    await self._look()
                    if not self.calls and await self._finished():
                        return
                except AWAY:
                    await asyncio.sleep(RETRY_SECONDS)
                    continue
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), IDLE_SECONDS)
        finally:
            await self._close()

    async def _finished(self) -> bool:
        """No call is left: write down what is to be told, then end the row."""
        await self.lane.settle(5)
        return bool(await self.desk.run(lease.finish, self.id, self.epoch))

    async def _close(self) -> None:
        self.over = True
        self.programs.close()
        self.operations.close()
        self.lane.close()
        for peer_id in list(self.peers):
            self._drop(peer_id)
        if self._closing:
            await asyncio.wait(list(self._closing), timeout=CLOSE_SECONDS)

    # --- look, plan, act

    async def _look(self) -> None:
        waiting = {peer_id for peer_id, peer in self.peers.items() if not peer.up}
        look: Look = await self.desk.run(rows.read, self.id, frozenset(self.peers), frozenset(waiting))
        self.calls = {call.id: call for call in look.calls}
        for call in look.calls:
            if call.id not in self._carried:
                self._carried.add(call.id)
                if not call.carried:
                    self.lane.signal(call.id, inputs.Carried())
        self._members = look.members
        for step in pure.steps(self.plan, look.plan):
            if self.over:
                return
            await self._take(step)
        self.plan = look.plan
        for peer_id, carried in self.peers.items():
            self.carrier.rooms.tune(peer_id, look.members.get(carried.plan.leg_id))
        for row_id, peer_id, serial, words, done in look.candidates:
            peer = self.peers.get(peer_id)
            if peer is not None and serial >= peer.plan.serial:
                await peer.candidate(row_id, words, done)
        self.operations.reconcile(look.operations)

    async def _take(self, step: pure.Step) -> None:
        match step:
            case pure.ClosePeer(peer_id=peer_id):
                self._drop(peer_id)
            case pure.MakePeer(peer=plan) | pure.Describe(peer=plan) | pure.Accept(peer=plan):
                await self._describe(plan)
            case pure.Route(peer=plan):
                peer = self.peers.get(plan.peer_id)
                if peer is not None:
                    peer.route(plan, expects_media=self._expects_media(plan))
                    self.carrier.rooms.place(peer, peer.room, self, self._members.get(plan.leg_id))
            case pure.StopProgram(run_id=run_id):
                self.programs.stop(run_id)
            case pure.StartProgram(program=program):
                self.programs.start(program)

    async def _describe(self, plan: PeerPlan) -> None:
        """Bring a peer's descriptions up to date; one that cannot be made fails its leg, not the session."""
        fresh = plan.peer_id not in self.peers
        if fresh:
            self.peers[plan.peer_id] = CarriedPeer(plan, self)
        peer = self.peers[plan.peer_id]
        try:
            with tracing.span(f"describe {plan.mode.value}", plan.call_id):
                text = await peer.describe(plan)
        except (BadSdp, OSError) as error:
            log.info("A description could not be used", extra={"peer": plan.peer_id, "error": str(error)})
            if fresh or plan.mode is PeerMode.ACCEPT:
                self._tell(plan.peer_id, inputs.MediaFailed(plan.peer_id))
            return
        if plan.mode is PeerMode.OFFER:
            if not plan.answered and text is not None:
                self.lane.signal(plan.call_id, inputs.OfferMade(plan.peer_id, text))
            return
        agreed = {**peer.peer.directions(), "codec": peer.peer.codec}
        legs = self._legs(plan.peer_id)
        self.lane.work(plan.call_id, lambda: rows.write_agreed([leg.id for _, leg in legs], agreed))
        if text is not None:
            for call_id, leg in legs:
                if leg.answer is None:
                    self.lane.signal(call_id, inputs.AnswerMade(leg.id, text, leg.serial))

    def _drop(self, peer_id: str) -> None:
        peer = self.peers.pop(peer_id, None)
        if peer is None:
            return
        if peer.last_figures():
            self._write_samples(peer)
        self.operations.peer_gone(peer_id)
        self.carrier.rooms.remove(peer_id)
        task = asyncio.get_running_loop().create_task(peer.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    # --- what peers stand for

    def _legs(self, peer_id: str) -> list[tuple[str, Leg]]:
        """(call id, leg) that this peer carries: two where a transferor's media serves both its calls."""
        return [
            (call.id, leg)
            for call in self.calls.values()
            for leg in call.live_legs
            if leg.peer_id == peer_id or any(a.id == peer_id for a in leg.attempts if leg.peer_id is None)
        ]

    def leg(self, leg_id: str) -> Leg | None:
        found = (call.leg(leg_id) for call in self.calls.values())
        return next((leg for leg in found if leg is not None), None)

    def peer_of_leg(self, leg_id: str) -> CarriedPeer | None:
        leg = self.leg(leg_id)
        return self.peers.get(leg.peer_id) if leg is not None and leg.peer_id else None

    def _expects_media(self, plan: PeerPlan) -> bool:
        legs = self._legs(plan.peer_id)
        return any(leg.answered and not leg.held and leg.media.audio for _, leg in legs)

    def source_of(self, name: str) -> Any:
        """A source by the plan's name, or None while it is not there."""
        if name.startswith("peer:"):
            other = self.peers.get(name.removeprefix("peer:"))
            return other.port if other is not None else None
        return None

    # --- signals, as the carried peers give them

    def _tell(self, peer_id: str, value: Any) -> None:
        calls = {call_id for call_id, _ in self._legs(peer_id)}
        plan = self.plan.peer(peer_id)
        for call_id in calls or ({plan.call_id} if plan is not None else set()):
            self.lane.signal(call_id, value)

    def connected(self, peer_id: str) -> None:
        self._tell(peer_id, inputs.MediaConnected(peer_id))

    def failed(self, peer_id: str, reason: str) -> None:
        """Over REST a leg lives while its media does; a device's leg whose media fails fails its call."""
        legs = self._legs(peer_id)
        left = reason in ("consent_lost", "closed_by_peer")
        if left and legs and all(leg.device_id is None and leg.answered for _, leg in legs):
            for call_id, leg in legs:
                self.lane.signal(call_id, inputs.Hangup(leg.id, cause="device_lost"))
            return
        cause = reason if reason == "media_flood" else "media_failed"
        log.info("The media of a leg failed", extra={"peer": peer_id, "reason": reason})
        self._tell(peer_id, inputs.MediaFailed(peer_id, cause))

    def media_lost(self, peer_id: str, reason: str, kind: str) -> None:
        self._tell(peer_id, inputs.MediaLost(peer_id, reason, kind))

    def cannot_see(self, peer_id: str) -> None:
        self.sight.cannot_see(peer_id)

    def picture_codec(self, peer_id: str, call_id: str) -> str | None:
        return self.sight.codec_for(peer_id, call_id)

    def digit(self, peer_id: str, digit: str, duration_ms: int) -> None:
        self._tell(peer_id, inputs.DigitReceived(peer_id, digit, duration_ms))
        self.operations.digit(peer_id, digit)
        self.programs.digit(peer_id, digit)

    def announced(self, peer_id: str) -> None:
        """The announcement is over: the platform hangs up."""
        for call_id, leg in self._legs(peer_id):
            call = self.calls[call_id]
            other = call.counterpart(leg.id)
            if other is not None and other.app == "announcement":
                self.lane.signal(call_id, inputs.Hangup(other.id, by=EndedBy.PLATFORM))

    # --- quality

    def quality(self, peer_id: str, record: dict[str, Any], bad: bool) -> None:
        """Keep the figures; say it once when the sound turns bad."""
        peer = self.peers.get(peer_id)
        if peer is None:
            return
        if peer.worth_writing():
            self._write_samples(peer)
        turned, peer.bad = bad and not peer.bad, bad
        if not turned:
            return
        for call_id, leg in self._legs(peer_id):
            if leg.answered and leg.media_state is MediaState.CONNECTED:
                self.lane.work(call_id, partial(self.record, "leg.quality", call_id, leg.id, record))

    def _write_samples(self, peer: CarriedPeer) -> None:
        samples, peer_id = list(peer.samples), peer.plan.peer_id
        self.lane.work(peer.plan.call_id, lambda: rows.write_samples(peer_id, samples))

    def record(self, type: str, call_id: str, leg_id: str | None, data: dict[str, Any]) -> None:
        """Append a fact of a call, under the fence. In a desk thread."""

        def work() -> None:
            control.check_fence((self.id, self.epoch))
            project = models.Call.objects.values_list("project_id", flat=True).get(pk=call_id)
            control.record_event(project, type, data, call_id=call_id, leg_id=leg_id)

        control.in_transaction(work)
