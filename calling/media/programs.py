"""The script runs of a session: one task each, talking with the party that the plan names.

The interpreter is `calling.scripts.interpret`; here its actions meet the call. A run that cannot go on
ends with an error, which ends its call `script_error`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

from calling import models
from calling.machine import inputs
from calling.machine.plan import ProgramPlan
from calling.machine.states import LegState
from calling.media.desk import AWAY
from calling.media.sounding import CannotPlay, Sounding
from calling.scripts import actions, interpret
from calling.scripts.checks import BadScript
from calling.scripts.parse import check_document

if TYPE_CHECKING:
    from calling.media.session import Session

log = logging.getLogger(__name__)
ANSWER_SECONDS = 10.0


class Program:
    """One script run at work."""

    def __init__(self, plan: ProgramPlan, session: Session) -> None:
        self.plan = plan
        self.session = session
        self.digits: asyncio.Queue[str] = asyncio.Queue(maxsize=256)
        self.task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        error = ""
        try:
            error = await self._go()
        except asyncio.CancelledError:
            return
        except BadScript as problem:
            error = str(problem)
        except Exception:
            log.exception("A script run failed", extra={"run": self.plan.run_id})
            error = "internal"
        run_id = self.plan.run_id
        self.session.lane.work(self.plan.call_id, lambda: keep_end(run_id, error))
        self.session.lane.signal(self.plan.call_id, inputs.ProgramEnded(run_id, bool(error)))

    async def _go(self) -> str:
        """Run to the end; the error, or an empty text."""
        row = await self._read()
        if row is None or row.document is None:
            return "the script could not be loaded"
        run = interpret.start(check_document(row.document), call={"call_id": self.plan.call_id})
        outcome: dict[str, Any] = {}
        while True:
            run, action = interpret.advance(run, outcome)
            if isinstance(action, actions.Done):
                return action.error
            if isinstance(action, actions.Hangup):
                await self._answered_first(action)
                return ""
            outcome = await self._carry_out(action)

    async def _read(self) -> models.ScriptRun | None:
        while True:
            with contextlib.suppress(*AWAY):
                return await self.session.desk.run(models.ScriptRun.objects.filter(pk=self.plan.run_id).first)
            await asyncio.sleep(0.5)

    async def _answered_first(self, action: actions.Hangup) -> None:
        """A hangup comes after what was signalled before; the order of the lane sees to that."""

    async def _carry_out(self, action: actions.Action) -> dict[str, Any]:
        match action:
            case actions.Answer():
                await self._answer()
                return {}
            case actions.Play(playing=playing):
                await self._answer()
                return await self._play(playing)
            case actions.Sleep(seconds=seconds):
                await asyncio.sleep(14400 if seconds is None else seconds)
                return {}
            case actions.SendDigits(digits=digits):
                peer = self._peer()
                sent = peer is not None and peer.port.send_digits(digits)
                return {"result": "finished" if sent else "failed"}
            case _:
                return {"result": "failed"}

    def _peer(self) -> Any:
        return self.session.peer_of_leg(self.plan.leg_id) if self.plan.leg_id else None

    async def _answer(self) -> None:
        """Take the call, where it is the platform's to take."""
        app = self.session.leg(self.plan.app_leg_id) if self.plan.app_leg_id else None
        if app is None or app.state is not LegState.RINGING:
            return
        self.session.lane.signal(self.plan.call_id, inputs.AppAnswered(app.id))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_SECONDS):
                while (leg := self.session.leg(app.id)) is not None and leg.state is LegState.RINGING:
                    await asyncio.sleep(0.02)

    async def _play(self, playing: actions.Playing) -> dict[str, Any]:
        def give(source: Any) -> None:
            peer = self._peer()
            if peer is not None:
                peer.play(source)

        sounding = Sounding(
            [item_of(each, playing) for each in playing.items],
            give,
            volume=playing.volume,
            loops=playing.loops,
        )
        try:
            return {"result": await sounding.play()}
        except CannotPlay as why:
            log.info("A script could not play", extra={"why": str(why)})
            return {"result": "failed"}

    def stop(self) -> None:
        self.task.cancel()


def item_of(item: actions.Item, playing: actions.Playing) -> dict[str, Any]:
    match item.kind:
        case "url":
            return {"type": "audio", "url": item.text}
        case "say":
            words = {"language": playing.language, "voice": playing.voice, "gender": playing.gender}
            return {"type": "tts", "text": item.text, **words}
        case "silence":
            return {"type": "silence", "duration": item.seconds}
        case _:
            return {"type": "ringtone", "duration": item.seconds}


def keep_end(run_id: str, error: str) -> None:
    models.ScriptRun.objects.filter(pk=run_id).update(state="ended", error=error[:500])


class Programs:
    """All script runs of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._running: dict[str, Program] = {}

    def start(self, plan: ProgramPlan) -> None:
        """Begin a run, or tell a running one whom it talks with now."""
        program = self._running.get(plan.run_id)
        if program is not None:
            program.plan = plan
        else:
            self._running[plan.run_id] = Program(plan, self._session)

    def stop(self, run_id: str) -> None:
        program = self._running.pop(run_id, None)
        if program is not None:
            program.stop()

    def digit(self, peer_id: str, digit: str) -> None:
        for program in self._running.values():
            peer = self._session.peer_of_leg(program.plan.leg_id) if program.plan.leg_id else None
            if peer is not None and peer.plan.peer_id == peer_id and not program.digits.full():
                program.digits.put_nowait(digit)

    def close(self) -> None:
        for program in self._running.values():
            program.stop()
        self._running.clear()
