"""One media session: read the calls, make the plan, take the steps, tell the door what happened.

Woken by nudges and by the worker's comparison; between two looks packets flow without it. It holds no
authority: whatever it does follows from rows, and what it reports is written only under its epoch.

One file, as calls, plan and peers change together: a look replaces the first two and takes the steps that
bring the peers along. What peers, rooms, operations and scripts do is in the packages below.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from functools import partial
from typing import Any

from calling.calls import control
from calling.machine import inputs
from calling.machine.plan import PeerMode, PeerPlan, Plan, make_plan
from calling.machine.reasons import EndedBy
from calling.machine.states import Call, Leg, MediaState, Party
from calling.media.operations.runner import Operations
from calling.media.rtp import events
from calling.media.rtp.digit_plan import digit_way
from calling.media.rtp.source import Source
from calling.media.session import plan_diff as pure
from calling.media.session import rows
from calling.media.session.context import Worker
from calling.media.session.quality_samples import QualitySamples, samples_of
from calling.media.session.rows import SessionSnapshot
from calling.media.session.session_peer import SessionPeer
from calling.media.session.signal_queue import SignalQueue, Turn
from calling.media.session.video_fallback import VideoFallback
from calling.media.sources import tones
from calling.media.swml_host.script_runs import ScriptRunTasks
from calling.media.worker import lease
from calling.runtime import tracing
from calling.runtime.db_threads import DATABASE_UNAVAILABLE
from calling.sdp.validate import BadSdp

log = logging.getLogger(__name__)
RETRY_SECONDS = 0.3
IDLE_SECONDS = 30.0  # a look even if neither nudge nor comparison asked for one
CLOSE_SECONDS = 6.0

OWN = (inputs.SessionTaken, inputs.AnswerMade, inputs.MediaConnected)
"""What a session reports of itself in every call, and mostly has nothing more to do about."""


def is_linked(call: Call) -> bool:
    """Whether other calls may change with it."""
    links = (call.consult_id, call.consult_of, call.supervision, call.transfer)
    return any(each is not None for each in links) or bool(call.supervisors)


class Session:
    """Made once its row was claimed under `epoch`; `run` returns when it is over. first: the look at its rows
    that the claim had."""

    def __init__(
        self,
        session_id: str,
        epoch: int,
        carrier: Worker,
        project: str = "",
        first: SessionSnapshot | None = None,
    ) -> None:
        self.id, self.epoch, self.project = session_id, epoch, project
        self._first = first
        self.carrier = carrier
        self.config = carrier.config
        self.desk = carrier.desk.of(project)
        self.signal_queue = SignalQueue(self, self.desk, carrier.journal)
        self._samples = QualitySamples(self.signal_queue, (session_id, epoch))
        self.peers: dict[str, SessionPeer] = {}
        self.calls: dict[str, Call] = {}
        self.plan = Plan()
        self.operations = Operations(self)
        self.script_runs = ScriptRunTasks(self)
        self.sight = VideoFallback(self.peers, self._media_lost)
        self.over = False
        self.looks = 0  # twice those that have read the rows, and one more while one does
        self._wake = asyncio.Event()
        self._news = asyncio.Event()  # of one change; each change has its own
        self._rows = lease.Comparison()
        self._carried: set[str] = set()
        self._devices: tuple[frozenset[str], ...] = ()
        self._members: dict[str, rows.Membership] = {}
        self._leaving: frozenset[str] = frozenset()  # peers that another session of this worker is to have
        self._closing: set[asyncio.Task[None]] = set()
        self._told: set[tuple[str, str]] = set()  # (supervisor, peer that was told by a tone)

    # --- what wakes and ends it

    def look(self) -> None:
        """Something may have changed: read the rows."""
        self._wake.set()

    def turned(self, turns: Sequence[Turn], looks: int) -> None:
        """Turns that this session has caused: where they change nothing that it is to do, they need no look.

        Rows that were read since their reports were sent may be of before them, or of after: then look again.
        """
        for values, outcome in turns:
            if looks % 2 or looks != self.looks or not self._learn(values, outcome.call):
                self.look()
                return

    def _learn(self, values: Sequence[inputs.Input], call: Call) -> bool:
        """Take a call as a turn of these inputs has left it; False where only a look tells all of it."""
        phones = call.live and all(leg.party is Party.DEVICE and leg.kind == "phone" for leg in call.legs)
        if not phones or is_linked(call) or not all(isinstance(each, OWN) for each in values):
            return False
        calls = {**self.calls, call.id: call}
        plan = make_plan(calls.values(), *self._devices)
        if call.id not in self.calls or pure.steps(self.plan, plan):
            return False
        self.calls, self.plan = calls, plan
        self.stir()
        return True

    def compare(self, digest: int | None) -> None:
        """The worker's number for this session's rows: look if they have changed."""
        if self._rows.changed(digest):
            self._wake.set()

    def lost(self) -> None:
        """Another epoch holds the session: close everything and write nothing any more."""
        self.over = True
        self.signal_queue.closed = True
        self._wake.set()

    def stir(self) -> None:
        """Wake everybody who waits in `change`."""
        self._news.set()
        self._news = asyncio.Event()

    async def change(self, seconds: float | None = None) -> None:
        """Wait until the calls are read again or a peer's connection changes, `seconds` at most."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), seconds)

    async def end(self, cause: str) -> None:
        """End every call here (a drain) and wait until that is told."""
        for call_id in self.calls:
            self.signal_queue.signal(call_id, inputs.WorkerLost(cause))
        await self.signal_queue.settle(2.5)
        self._wake.set()

    async def run(self) -> None:
        try:
            while not self.over:
                if self._first is None:
                    self._wake.clear()  # a nudge since that look wants one more
                try:
                    await self._look()
                    if not self.calls and await self._finished():
                        return
                except DATABASE_UNAVAILABLE:
                    await asyncio.sleep(RETRY_SECONDS)
                    continue
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), IDLE_SECONDS)
        finally:
            await self._close()

    async def _finished(self) -> bool:
        """No call is left: once all is told, end the row, and write down with it how the media were."""
        await self.script_runs.closed(CLOSE_SECONDS)
        await self.operations.closed(CLOSE_SECONDS)
        unwritten = self._samples.take()
        try:
            await self.signal_queue.settle(5)
            return await self.desk.run(lease.finish, self.id, self.epoch, samples_of(unwritten))
        except DATABASE_UNAVAILABLE:
            self._samples.put_back(unwritten)
            raise

    async def _close(self) -> None:
        self.over = True
        self.script_runs.close()
        self.operations.close()
        self.signal_queue.close()
        for peer_id in list(self.peers):
            self._drop(peer_id)
        if self._closing:
            await asyncio.wait(list(self._closing), timeout=CLOSE_SECONDS)

    # --- look, plan, act

    async def _read(self) -> SessionSnapshot:
        waiting = {peer_id for peer_id, peer in self.peers.items() if not peer.up}
        self.looks += 1
        try:
            return await self.desk.run(
                rows.read, self.id, self.carrier.id, frozenset(self.peers), frozenset(waiting)
            )
        finally:
            self.looks += 1

    async def _look(self) -> None:
        look, self._first = self._first or await self._read(), None
        self._devices = look.browsers, look.pictured, look.newer
        self.calls = {call.id: call for call in look.calls}
        fresh = [call for call in look.calls if call.id not in self._carried]
        self._carried |= {call.id for call in fresh}
        self._members = look.members
        self._leaving = look.leaving
        self.stir()
        # A call's first turn here says that it is carried, and mostly has its caller's answer too.
        with self.signal_queue.held() if fresh else contextlib.nullcontext():
            for call in fresh:
                if not call.carried:
                    self.signal_queue.signal(call.id, inputs.SessionTaken())
            for step in pure.steps(self.plan, look.plan):
                if self.over:
                    return
                await self._take(step)
        self.plan = look.plan
        for peer_id, side in look.sip_sides.items():
            if peer_id in self.peers:
                self._heed(self.peers[peer_id], side)
        for peer_id, carried in self.peers.items():
            self.carrier.rooms.apply_member_settings(peer_id, look.members.get(carried.plan.leg_id))
        for row_id, peer_id, serial, words, done in look.candidates:
            peer = self.peers.get(peer_id)
            if peer is not None and serial >= peer.plan.serial:
                await peer.candidate(row_id, words, done)
        self.script_runs.foresee(look.calls)
        self.operations.reconcile(look.operations)
        self.stir()

    def _heed(self, peer: SessionPeer, side: rows.SipSide) -> None:
        if side.media_source is not None:
            peer.learn_from(side.media_source)
        send = partial(self._signal_digits, side.call_id, side.leg_id)
        peer.signal_digits(send if side.takes_info else None)

    def _signal_digits(self, call_id: str, leg_id: str, digits: str) -> None:
        self.signal_queue.work(call_id, partial(rows.signal_digits, call_id, leg_id, digits))

    async def _take(self, step: pure.Step) -> None:
        match step:
            case pure.ClosePeer(peer_id=peer_id) if peer_id in self._leaving:
                if (peer := self.release(peer_id)) is not None:
                    self.carrier.handover.park(peer)
            case pure.ClosePeer(peer_id=peer_id):
                self._drop(peer_id)
            case pure.MakePeer(peer=plan) | pure.Describe(peer=plan) | pure.Accept(peer=plan):
                await self._describe(plan)
            case pure.Route(peer=plan):
                peer = self.peers.get(plan.peer_id)
                if peer is not None:
                    peer.route(plan, expects_media=self._expects_media(plan))
                    self._tell_of_supervisor(plan)
                    self.carrier.rooms.move(peer, peer.room, self, self._members.get(plan.leg_id))
            case pure.StopScriptRun(run_id=run_id):
                self.script_runs.stop(run_id)
            case pure.StartScriptRun(script_run=program):
                self.script_runs.start(program)

    async def _describe(self, plan: PeerPlan) -> None:
        """Bring a peer's descriptions up to date.

        A first one that cannot be made fails its leg, not the session; after a later one that is of no use
        all is as it was.
        """
        if plan.peer_id not in self.peers and not self._make(plan):
            return
        peer = self.peers[plan.peer_id]
        try:
            with tracing.span(f"describe {plan.mode.value}", plan.call_id):
                text = await peer.describe(plan)
        except (BadSdp, OSError) as error:
            log.info("A description could not be used", extra={"peer": plan.peer_id, "error": str(error)})
            self._refuse(plan, peer)
            return
        if plan.mode is PeerMode.OFFER:
            if not plan.answered and text is not None:
                self.signal_queue.signal(plan.call_id, inputs.OfferMade(plan.peer_id, text))
            return
        way = digit_way(peer.port.audio_out.line)
        agreed = {**peer.peer.directions(), "codec": peer.peer.codec, "digits": way}
        legs = self._legs(plan.peer_id)
        known = [leg.id for _, leg in legs if text is None or leg.answer is not None]
        if known:
            fence = (self.id, self.epoch)
            self.signal_queue.work(plan.call_id, partial(rows.write_agreed, known, agreed, fence))
        for call_id, leg in legs:
            if text is not None and leg.answer is None:
                made = inputs.AnswerMade(leg.id, text, leg.serial)
                self.signal_queue.signal(call_id, made, {leg.id: agreed})

    def _tell_of_supervisor(self, plan: PeerPlan) -> None:
        """A tone to whoever is supervised from now on, once, where the project wants it told."""
        for peer_id in plan.tells:
            if (plan.peer_id, peer_id) in self._told or peer_id not in self.peers:
                continue
            self._told.add((plan.peer_id, peer_id))
            peer, by = self.peers[peer_id], object()
            peer.play(tones.beep(partial(peer.play, None, by)), by)

    def _make(self, plan: PeerPlan) -> bool:
        """A peer that is not here: a new one, which is to be described (True), or one that has all its
        descriptions, from another session. Where nobody here has that one, its far end is asked anew."""
        agreed = plan.mode is PeerMode.ACCEPT or (plan.answered and plan.mode is PeerMode.ANSWER)
        if not agreed:
            self.peers[plan.peer_id] = SessionPeer(plan, self)
            return True
        peer = self.carrier.handover.take(plan.peer_id, self)
        if peer is not None:
            peer.move_to(self, plan)
            self.peers[plan.peer_id] = peer
        else:
            self.signal_queue.signal(plan.call_id, inputs.PeerMissing(plan.peer_id, plan.serial))
        return False

    def release(self, peer_id: str) -> SessionPeer | None:
        """Let another session have that peer: it ends for this one, and its connection goes on."""
        peer = self._let_go(peer_id)
        if peer is not None:
            peer.silence()
        return peer

    def _refuse(self, plan: PeerPlan, peer: SessionPeer) -> None:
        """A SIP party is told at once and its call goes on; a device's offers were judged at the door."""
        holds = peer.settled
        if holds is None or plan.kind != "sip":
            if holds is None or plan.mode is PeerMode.ACCEPT:
                self._tell(plan.peer_id, inputs.MediaFailed(plan.peer_id))
            return
        for call_id, leg in self._legs(plan.peer_id):
            refused = inputs.OfferRefused(
                leg.id, plan.serial, plan.remote_sdp, holds.remote, holds.local, holds.offered, holds.media
            )
            self.signal_queue.signal(call_id, refused)

    def _drop(self, peer_id: str) -> None:
        peer = self._let_go(peer_id)
        if peer is None:
            return
        task = asyncio.get_running_loop().create_task(peer.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _let_go(self, peer_id: str) -> SessionPeer | None:
        peer = self.peers.pop(peer_id, None)
        if peer is not None:
            if peer.last_figures():
                self._samples.add_last(peer)
            self.operations.peer_gone(peer_id)
            self.carrier.rooms.remove(peer_id)
        return peer

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

    def peer_of_leg(self, leg_id: str) -> SessionPeer | None:
        leg = self.leg(leg_id)
        return self.peers.get(leg.peer_id) if leg is not None and leg.peer_id else None

    def _expects_media(self, plan: PeerPlan) -> bool:
        legs = self._legs(plan.peer_id)
        return any(leg.answered and not leg.held and leg.media.audio for _, leg in legs)

    def source_of(self, name: str) -> Source | None:
        """A source by the plan's name, or None while it is not there."""
        if name.startswith("peer:"):
            other = self.peers.get(name.removeprefix("peer:"))
            return other.port if other is not None else None
        return None

    # --- signals, as the carried peers give them

    def _tell(self, peer_id: str, value: inputs.Input) -> None:
        calls = {call_id for call_id, _ in self._legs(peer_id)}
        plan = self.plan.peer(peer_id)
        for call_id in calls or ({plan.call_id} if plan is not None else set()):
            self.signal_queue.signal(call_id, value)

    def on_event(self, peer_id: str, event: events.Signal) -> None:
        match event:
            case events.Connected():
                self.stir()
                self._tell(peer_id, inputs.MediaConnected(peer_id))
            case events.MediaLost(reason=reason, kind=kind):
                self._media_lost(peer_id, reason, kind)
            case events.UndecodableVideo():
                self.sight.cannot_see(peer_id)
            case events.DigitReceived(digit=digit, duration_ms=duration):
                self._tell(peer_id, inputs.DigitReceived(peer_id, digit, duration))
                self.press(peer_id, digit)
            case events.Flood():
                self.failed(peer_id, "media_flood")
            case events.Quality(record=record, bad=bad):
                self._quality(peer_id, record, bad)

    def _media_lost(self, peer_id: str, reason: str, kind: str) -> None:
        self._tell(peer_id, inputs.MediaLost(peer_id, reason, kind))

    def failed(self, peer_id: str, reason: str) -> None:
        """Over REST a leg lives while its media does; a device's leg whose media fails fails its call."""
        legs = self._legs(peer_id)
        left = reason in ("consent_lost", "closed_by_peer")
        if left and legs and all(leg.device_id is None and leg.answered for _, leg in legs):
            for call_id, leg in legs:
                self.signal_queue.signal(call_id, inputs.Hangup(leg.id, cause="device_lost"))
            return
        cause = reason if reason == "media_flood" else "media_failed"
        log.info("The media of a leg failed", extra={"peer": peer_id, "reason": reason})
        self._tell(peer_id, inputs.MediaFailed(peer_id, cause))

    def picture_codec(self, peer_id: str, call_id: str) -> str | None:
        return self.sight.codec_for(peer_id, call_id)

    def press(self, peer_id: str, digit: str) -> None:
        """A party pressed a digit: operations and scripts on its leg take it."""
        self.operations.digit(peer_id, digit)
        self.script_runs.digit(peer_id, digit)

    def digit_order(self, peer_id: str) -> asyncio.Lock:
        """Held while the digits of one command are pressed, so that those of two do not mix."""
        return self.operations.keys[peer_id]

    def announced(self, peer_id: str) -> None:
        """The announcement is over: the platform hangs up."""
        for call_id, leg in self._legs(peer_id):
            call = self.calls[call_id]
            other = call.counterpart(leg.id)
            if other is not None and other.app == "announcement":
                self.signal_queue.signal(call_id, inputs.Hangup(other.id, by=EndedBy.PLATFORM))

    # --- quality

    def _quality(self, peer_id: str, record: dict[str, Any], bad: bool) -> None:
        """Keep the figures; say it once when the sound turns bad."""
        peer = self.peers.get(peer_id)
        if peer is None:
            return
        if peer.worth_writing():
            self._samples.add(peer)
        turned, peer.bad = bad and not peer.bad, bad
        if not turned:
            return
        for call_id, leg in self._legs(peer_id):
            if leg.answered and leg.media_state is MediaState.CONNECTED:
                self.signal_queue.work(call_id, partial(self.record, "leg.quality", call_id, leg.id, record))

    def record(self, type: str, call_id: str, leg_id: str | None, data: dict[str, Any]) -> None:
        """Append a fact of a call, under the fence. In a desk thread."""

        def work() -> None:
            control.check_fence((self.id, self.epoch))
            control.record_call_event(call_id, type, data, leg_id)

        control.in_transaction(work)
