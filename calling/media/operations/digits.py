"""The operations on digits: collecting them from a party, and sending them (RFC 4733)."""

from __future__ import annotations

import asyncio
from typing import Any

from calling.media.operations.operation import OperationFailed, RunningOperation
from calling.media.rtp.telephone_event import COMMA_MS, WAIT_MS
from calling.media.session.context import SessionContext
from calling.media.session.rows import OperationRow


class Collect(RunningOperation):
    """`collect`: the digits a party presses, until enough, a terminator, or time is up."""

    def __init__(self, wanted: OperationRow, session: SessionContext) -> None:
        super().__init__(wanted, session)
        # Where its owner starts the timers later: not before that, a digit, or a stop.
        self._begin = asyncio.Event()
        if wanted.params.get("start_input_timers", True):
            self._begin.set()

    async def work(self) -> dict[str, Any]:
        words = self.wanted.params.get("digits") or {}
        most, ends = int(words.get("max") or 1), str(words.get("terminators") or "")
        pause, first = (
            float(words.get("digit_timeout") or 5),
            float(self.wanted.params.get("initial_timeout", 4)),
        )
        self.started()
        got, terminator = "", ""
        await self._begin.wait()
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

    def control(self, wanted: OperationRow) -> None:
        super().control(wanted)
        if self.stopped.is_set() or wanted.params.get("start_input_timers", True):
            self._begin.set()

    def press(self, digit: str) -> None:
        super().press(digit)
        self._begin.set()

    async def _next(self, seconds: float) -> str | None:
        taking = asyncio.ensure_future(self.digits.get())
        stopping = asyncio.ensure_future(self.stopped.wait())
        try:
            await asyncio.wait({taking, stopping}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            return taking.result() if taking.done() else None
        finally:
            taking.cancel()
            stopping.cancel()


class SendDigits(RunningOperation):
    """Digits to whom the leg talks with, a row of the door's `dtmf`; or to itself (`own`).

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
            raise OperationFailed("the other side does not take digits")
        return {}

    async def _press(self, peer_id: str, digits: str) -> None:
        """One command's keys after the other's, pauses and all."""
        async with self.session.digit_order(peer_id):
            for sign in digits.upper():
                if sign in ",W":
                    await asyncio.sleep((COMMA_MS if sign == "," else WAIT_MS) / 1000)
                    continue
                self.session.press(peer_id, sign)
