"""Long operations of a session's calls: play, say, collect, record, stream and digits, as their rows want.

The rows say what is wanted and wished; this starts, steers and ends it and reports through the door in
the session's order. An operation ends with its leg. Recorders and streams are made by `MAKERS`.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from calling import operating
from calling.machine.states import Party
from calling.media.files.prepare import Picture
from calling.media.rows import Wanted
from calling.media.rtp.digits import COMMA_MS, WAIT_MS
from calling.media.sounding import CannotPlay, Sounding, picture_of

if TYPE_CHECKING:
    from calling.media.codecs.loudspeaker import Loudspeaker
    from calling.media.rooms import RoomSound
    from calling.media.session import Session

log = logging.getLogger(__name__)


class Failed(Exception):
    """The operation cannot be carried out; the text is told."""


class Running(ABC):
    """One operation at work. `says`: whether its events are published."""

    says = True

    def __init__(self, wanted: Wanted, session: Session) -> None:
        self.wanted = wanted
        self.session = session
        self.digits: asyncio.Queue[str] = asyncio.Queue(maxsize=256)
        self.stopped = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        self.task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        try:
            result = await self.work()
            self.report("finished", "finished", result)
        except asyncio.CancelledError:
            self.report("finished", "finished", {**self.remains(), "reason": "leg_ended"})
            raise
        except (Failed, CannotPlay) as why:
            self.report("failed", "failed", {"reason": str(why)})
        except Exception:
            log.exception("An operation failed", extra={"verb": self.wanted.verb})
            self.report("failed", "failed", {"reason": "internal"})

    def report(self, state: str, event: str | None, result: dict[str, Any]) -> None:
        session, wanted = self.session, self.wanted
        event = event if self.says else None
        fence = (session.id, session.epoch)
        session.lane.work(
            wanted.call_id, lambda: operating.changed(wanted.id, state, event, result, fence=fence)
        )

    def started(self, result: dict[str, Any] | None = None) -> None:
        if self.wanted.state == "wanted":
            self.report("running", "started", result or {})

    @abstractmethod
    async def work(self) -> dict[str, Any]:
        """Do it; what it ended with. Raises Failed or CannotPlay."""

    def remains(self) -> dict[str, Any]:
        """What there is to tell of one that ended with its leg."""
        return {}

    def wish(self, wanted: Wanted) -> None:
        """Its owner wants something else of it."""
        self.wanted = wanted
        if wanted.wish == "stop":
            self.stopped.set()

    def touches(self, peer_id: str) -> bool:
        """Whether it lives on that peer."""
        peer = self.session.peer_of_leg(self.wanted.leg_id) if self.wanted.leg_id else None
        return peer is not None and peer.plan.peer_id == peer_id


class Play(Running):
    """`play` and `say`: to the leg (`listen`), to the other (`speak`) or to both."""

    def __init__(self, wanted: Wanted, session: Session) -> None:
        super().__init__(wanted, session)
        params = wanted.params
        loop = params.get("loop", 1)
        self.sounding = Sounding(
            params.get("items") or [], self._give, volume=float(params.get("volume") or 0), loops=int(loop),
            picture=self._picture,
        )  # fmt: skip
        self.sounding.pause(wanted.wish == "pause")
        self._given: list[str] = []
        self._speaker: Loudspeaker | None = None

    def _listeners(self) -> list[str]:
        session, wanted = self.session, self.wanted
        call = session.calls.get(wanted.call_id)
        if call is None:
            return []
        direction = wanted.params.get("direction", "listen")
        if wanted.leg_id is None or direction == "both":
            legs = [leg for leg in call.legs if leg.answered and leg.party is not Party.APP]
        else:
            other = call.counterpart(wanted.leg_id)
            own = call.leg(wanted.leg_id)
            legs = [leg for leg in ((own if direction == "listen" else other),) if leg is not None]
        return [leg.peer_id for leg in legs if leg.peer_id in session.peers]

    def _picture(self) -> Picture:
        peers = [self.session.peers[peer_id] for peer_id in self._listeners()]
        return picture_of(peers[0].port) if len(peers) == 1 else "vp8"

    def _room(self) -> RoomSound | None:
        """The room that is meant where the leg is a room's: everybody in it hears."""
        leg = self.session.leg(self.wanted.leg_id) if self.wanted.leg_id else None
        return self.session.carrier.rooms.get(leg.app_ref) if leg is not None and leg.app == "room" else None

    def _give(self, source: Any) -> None:
        if self._speaker is not None:
            self._speaker.close()
            self._speaker = None
        room = self._room()
        if room is not None:
            self._speaker = room.play(source) if source is not None else None
            return
        wanted = self._listeners() if source is not None else []
        for peer_id in {*self._given, *wanted}:
            peer = self.session.peers.get(peer_id)
            if peer is not None:
                peer.play(source if peer_id in wanted else None, self)
        self._given = wanted

    async def work(self) -> dict[str, Any]:
        if self._room() is None and not self._listeners():
            raise Failed("nobody can hear it")
        self.started()
        ended = await self.sounding.play()
        return {"reason": ended} if ended == "stopped" else {}

    def wish(self, wanted: Wanted) -> None:
        super().wish(wanted)
        self.sounding.set_volume(float(wanted.params.get("volume") or 0))
        self.sounding.pause(wanted.wish == "pause")
        if wanted.wish == "stop":
            self.sounding.stop()


class Collect(Running):
    """`collect`: the digits a party presses, until enough, a terminator, or time is up."""

    def __init__(self, wanted: Wanted, session: Session) -> None:
        super().__init__(wanted, session)
        self._timers = asyncio.Event()
        if wanted.params.get("start_input_timers", True):
            self._timers.set()

    async def work(self) -> dict[str, Any]:
        words = self.wanted.params.get("digits") or {}
        most, ends = int(words.get("max") or 1), str(words.get("terminators") or "")
        pause, first = (
            float(words.get("digit_timeout") or 5),
            float(self.wanted.params.get("initial_timeout", 4)),
        )
        self.started()
        got, terminator = "", ""
        await self._timers_begin()
        while len(got) < most:
            digit = await self._next(pause if got else first)
            if digit is None:
                break
            if digit in ends:
                terminator = digit
                break
            got += digit
        if self.stopped.is_set() and not got:
            return {"result": {"type": "stopped", "params": {}}}
        if not got:
            kind = "no_match" if terminator else "no_input"
            return {"result": {"type": kind, "params": {}}}
        return {"result": {"type": "digit", "params": {"digits": got, "terminator": terminator}}}

    def wish(self, wanted: Wanted) -> None:
        super().wish(wanted)
        if wanted.params.get("start_input_timers", True):
            self._timers.set()

    async def _timers_begin(self) -> None:
        """Where its owner starts the timers later: until then, a digit, or a stop."""
        while not self._timers.is_set() and self.digits.empty() and not self.stopped.is_set():
            await asyncio.sleep(0.05)

    async def _next(self, seconds: float) -> str | None:
        taking = asyncio.ensure_future(self.digits.get())
        stopping = asyncio.ensure_future(self.stopped.wait())
        try:
            await asyncio.wait({taking, stopping}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            return taking.result() if taking.done() else None
        finally:
            taking.cancel()
            stopping.cancel()


class SendDigits(Running):
    """RFC 4733 digits to whom the leg talks with, a row of the door's `dtmf`; or to itself (`own`).

    The former are its party's keys: a script and a `collect` on the leg take them as if they had come in
    its media. A client that has no telephone-event of its own, like SignalWire's, uses a menu that way.
    """

    async def work(self) -> dict[str, Any]:
        call, leg_id = self.session.calls.get(self.wanted.call_id), self.wanted.leg_id
        leg = self.session.leg(leg_id) if leg_id else None
        own, digits = bool(self.wanted.params.get("own")), str(self.wanted.params.get("digits", ""))
        other = leg if own else (call.counterpart(leg_id) if call and leg_id else None)
        peer = self.session.peers.get(other.peer_id) if other is not None and other.peer_id else None
        # No peer: an application, or a target that rings.
        sent = peer is None or peer.port.send_digits(digits)
        if not own and leg is not None and leg.peer_id:
            await self._press(leg.peer_id, digits)
        if not sent:
            raise Failed("the other side does not take digits")
        return {}

    async def _press(self, peer_id: str, digits: str) -> None:
        """One command's keys after the other's, pauses and all."""
        async with self.session.operations.keys[peer_id]:
            for sign in digits.upper():
                if sign in ",W":
                    await asyncio.sleep((COMMA_MS if sign == "," else WAIT_MS) / 1000)
                    continue
                self.session.operations.digit(peer_id, sign)
                self.session.programs.digit(peer_id, sign)


Maker = Callable[[Wanted, "Session"], Running]
MAKERS: dict[str, Maker] = {
    "play": Play,
    "say": Play,
    "collect": Collect,
    "digits": SendDigits,
}


class Operations:
    """All live operations of one session."""

    def __init__(self, session: Session) -> None:
        self.keys: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)  # by peer: keys in order
        self._session = session
        self._running: dict[str, Running] = {}
        self._over: set[str] = set()  # reported, while their rows may still say otherwise

    def reconcile(self, wanted: Sequence[Wanted]) -> None:
        """Start what is new, pass on wishes, cancel what is no longer there."""
        rows = {row.id: row for row in wanted}
        for row in wanted:
            running = self._running.get(row.id)
            if running is not None:
                if running.wanted.wish_serial != row.wish_serial:
                    running.wish(row)
                else:
                    running.wanted = row  # one of a room may have gone over to another member's call
            elif row.id not in self._over:
                self._start(row)
        for operation_id in list(self._running.keys() - rows.keys()):
            self._cancel(operation_id)
        self._over &= rows.keys()
        for operation_id, running in list(self._running.items()):
            leg = self._session.leg(running.wanted.leg_id) if running.wanted.leg_id else None
            if running.wanted.leg_id and (leg is None or not leg.live):
                self._cancel(operation_id)

    def _start(self, row: Wanted) -> None:
        maker = MAKERS.get(row.verb)
        running = maker(row, self._session) if maker is not None else Unable(row, self._session)
        self._running[row.id] = running
        running.begin()
        if row.wish == "stop":
            running.wish(row)
        assert running.task is not None
        running.task.add_done_callback(lambda _: self._done(row.id))

    def _done(self, operation_id: str) -> None:
        if self._running.pop(operation_id, None) is not None:
            self._over.add(operation_id)

    def _cancel(self, operation_id: str) -> None:
        running = self._running.get(operation_id)
        if running is not None and running.task is not None:
            running.task.cancel()

    def digit(self, peer_id: str, digit: str) -> None:
        """A party pressed a digit: whoever collects from it gets it."""
        for running in self._running.values():
            if running.touches(peer_id) and not running.digits.full():
                running.digits.put_nowait(digit)

    def peer_gone(self, peer_id: str) -> None:
        self.keys.pop(peer_id, None)
        for operation_id, running in list(self._running.items()):
            if running.touches(peer_id):
                self._cancel(operation_id)

    def close(self) -> None:
        for operation_id in list(self._running):
            self._cancel(operation_id)


class Unable(Running):
    """A verb that this worker has no part for."""

    async def work(self) -> dict[str, Any]:
        raise Failed(f"{self.wanted.verb} is not available")
