"""What a party enters, as digits or words, and digits that are sent (RFC 4733)."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from calling.media.operations.hearing import Hearing
from calling.media.operations.operation import OperationFailed, RunningOperation
from calling.media.rtp.telephone_event import COMMA_MS, WAIT_MS
from calling.media.session.context import SessionContext
from calling.media.session.rows import OperationRow
from calling.speech.link import SpeechFailed

RECOGNISED_SECONDS: Final = 15.0  # for the words of an utterance that has ended


class Collect(RunningOperation):
    """`collect`: the digits a party presses, until enough, a terminator or time is up; or its words."""

    def __init__(self, wanted: OperationRow, session: SessionContext) -> None:
        super().__init__(wanted, session)
        # Where its owner starts the timers later: not before that, a digit, or a stop.
        self._begin = asyncio.Event()
        if wanted.params.get("start_input_timers", True):
            self._begin.set()

    async def work(self) -> dict[str, Any]:
        spoken = self.wanted.params.get("speech")
        if spoken is not None and self.wanted.leg_id is not None:
            hearing = Hearing(self.session, self.wanted.leg_id)
            try:
                await hearing.open({"job": "transcribe", **spoken, "early": True})
                self.started()
                return await self._listen(hearing, float(spoken["speech_timeout"]))
            except SpeechFailed as why:
                raise OperationFailed(str(why)) from why
            finally:
                hearing.close()
        self.started()
        await self._begin.wait()
        return await self._digits(float(self.wanted.params.get("initial_timeout", 4)))

    async def _listen(self, hearing: Hearing, longest: float) -> dict[str, Any]:
        """The first of a sentence, digits (where they are asked for too) and the end of time."""
        loop = asyncio.get_running_loop()
        beginning = asyncio.ensure_future(self._begin.wait())
        pressing = asyncio.ensure_future(self.digits.get())
        stopping = asyncio.ensure_future(self.stopped.wait())
        saying = loop.create_task(hearing.words())
        until: float | None = None
        voice = False
        try:
            while True:
                if until is None and beginning.done():
                    until = loop.time() + float(self.wanted.params.get("initial_timeout", 4))
                waited = {saying, stopping} | ({pressing} if self.wanted.params["digits"] else set())
                waited |= set() if beginning.done() else {beginning}
                left = None if until is None else max(0.0, until - loop.time())
                done, _ = await asyncio.wait(waited, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                if stopping in done:
                    return {"result": {"type": "stopped", "params": {}}}
                if pressing in done:
                    return await self._digits(0, pressing.result())
                if saying in done:
                    said = saying.result()
                    saying = loop.create_task(hearing.words())
                    if said.get("say") == "voice" and not voice:
                        voice, until = True, loop.time() + longest + RECOGNISED_SECONDS
                        self._begin.set()
                    elif said.get("say") == "final":
                        found = {"text": said["text"], "confidence": said.get("confidence")}
                        return {"result": {"type": "speech", "params": found}}
                elif not done:
                    return {"result": {"type": "no_match" if voice else "no_input", "params": {}}}
        finally:
            for task in (beginning, pressing, stopping, saying):
                task.cancel()

    async def _digits(self, first: float, pressed: str | None = None) -> dict[str, Any]:
        """The digits; `pressed`: the one that came already."""
        words = self.wanted.params.get("digits") or {}
        most, ends = int(words.get("max") or 1), str(words.get("terminators") or "")
        pause = float(words.get("digit_timeout") or 5)
        got, terminator = "", ""
        while len(got) < most:
            digit, pressed = pressed or await self._next(pause if got else first), None
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
            raise OperationFailed("the other party cannot receive digits")
        return {}

    async def _press(self, peer_id: str, digits: str) -> None:
        """One command's keys after the other's, pauses and all."""
        async with self.session.digit_order(peer_id):
            for sign in digits.upper():
                if sign in ",W":
                    await asyncio.sleep((COMMA_MS if sign == "," else WAIT_MS) / 1000)
                    continue
                self.session.press(peer_id, sign)
