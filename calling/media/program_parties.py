"""Connecting a script's party with others: `connect`, `join_room`, `transfer`, and waiting how they end.

Every change of the call goes through the door (`calling.placing`); a destination made of the caller's own
words is also asked of the caller's scope.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from calling import dialling, placing
from calling.machine import inputs
from calling.machine.states import Leg, LegState
from calling.media.desk import AWAY
from calling.media.program_facts import caller_of, new_targets, problem_code
from calling.media.program_seat import LOOK_SECONDS, Seat
from calling.media.sounding import Sounding
from calling.scripts import actions
from subscribers.addressing import slugify_reference
from subscribers.http.problems import ApiError
from tokens.subjects import ApiKey

MAX_ROOM_NAME: Final = 64
STALE_SECONDS: Final = 5.0
Outcome = Mapping[str, Any]
FAILED: Final[Outcome] = {"result": "failed"}


class Parties(Seat):
    """The actions that bring somebody else into the call."""

    def _sounding(self, playing: actions.Playing) -> Sounding:
        raise NotImplementedError

    async def _sound(self, sounding: Sounding) -> Outcome:
        raise NotImplementedError

    async def connect(self, group: tuple[actions.Device, ...], action: actions.Connect) -> Outcome:
        await self.answer(actions.Answer(action.path))
        allowed, reason = await self._reachable(group)
        if not allowed:
            return {"result": "failed", "reason": reason}
        seconds = int(max(device.timeout for device in group))
        ringing = None
        if action.ringback is not None:
            ringing = asyncio.get_running_loop().create_task(self._sound(self._sounding(action.ringback)))
        try:
            return await self._bridge(allowed, seconds, ringing)
        finally:
            if ringing is not None and not ringing.done():
                ringing.cancel()

    async def _reachable(self, group: tuple[actions.Device, ...]) -> tuple[list[str], str]:
        """The destinations that may be dialled, and why the last one may not."""
        allowed, reason = [], "failed"
        for device in group:
            try:
                if device.from_caller:
                    await self.session.desk.run(dialling.find, caller_of(self.row), device.to)
                await self.session.desk.run(dialling.find, self._project(), device.to)
                allowed.append(device.to)
            except ApiError as problem:
                reason = problem_code(problem)
            except AWAY:
                reason = "unavailable"
        return allowed, reason

    def _project(self) -> ApiKey:
        return ApiKey(self.row.project_id)

    async def _bridge(self, to: list[str], seconds: int, ringing: asyncio.Task[Outcome] | None) -> Outcome:
        leg_id = self.plan.leg_id
        if leg_id is None:
            return {"result": "failed", "reason": "nobody to connect"}
        known = self._known_targets()
        try:
            outcome = await self.session.desk.run(
                placing.connect, self._project(), self.plan.call_id, leg_id, to, seconds
            )
        except ApiError as problem:
            return {"result": "failed", "reason": problem_code(problem)}
        except (inputs.Refused, *AWAY) as problem:
            return {"result": "failed", "reason": str(problem)[:100]}
        self.session.look()
        return await self._follow(new_targets(outcome.call) - known, seconds, ringing)

    def _known_targets(self) -> set[str]:
        call = self.call
        return new_targets(call) if call is not None else set()

    async def _follow(
        self, targets: set[str], seconds: int, ringing: asyncio.Task[Outcome] | None
    ) -> Outcome:
        """Wait until a target answers and leaves again, or all of them fail."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds + STALE_SECONDS
        while loop.time() < until:
            call = self.call
            if call is None:
                return {"result": "failed", "reason": "hangup"}
            legs = [leg for leg in call.legs if leg.id in targets]
            answered = next((leg for leg in legs if leg.answered), None)
            if answered is not None:
                if ringing is not None:
                    ringing.cancel()
                self.give(None)
                await self._while_bridged(answered)
                return {"result": "connected", "peer": answered.address}
            if legs and call.transfer is None and not any(leg.live for leg in legs):
                ended = [leg.end_reason.value for leg in legs if leg.end_reason is not None]
                return {"result": "failed", "reason": ended[-1] if ended else "failed"}
            await asyncio.sleep(LOOK_SECONDS)
        return {"result": "failed", "reason": "no-answer"}

    async def _while_bridged(self, target: Leg) -> None:
        while self._state(target.id) is LegState.ANSWERED:
            await asyncio.sleep(LOOK_SECONDS)

    async def join_room(self, action: actions.JoinRoom) -> Outcome:
        name = action.name.strip()
        if len(name.rpartition("/")[2]) > MAX_ROOM_NAME:
            return FAILED
        slug = slugify_reference(name) if not name.startswith("/") else ""
        await self.answer(actions.Answer(action.path))
        for address in [name] if not slug else [f"/public/{slug}", f"/private/{slug}"]:
            try:
                await self.session.desk.run(dialling.find, self._project(), address)
            except (ApiError, *AWAY):
                continue
            found = await self._bridge([address], 30, None)
            return {"result": "left"} if found.get("result") == "connected" else found
        return FAILED

    async def transfer(self, action: actions.Transfer) -> Outcome:
        """Hand the party over. When the target answers the run is over; the door ends it."""
        device = actions.Device(action.to, action.from_caller)
        allowed, reason = await self._reachable((device,))
        leg_id = self.plan.leg_id
        if not allowed or leg_id is None:
            return {"result": "failed", "reason": reason}
        known = self._known_targets()
        try:
            outcome = await self.session.desk.run(
                placing.transfer, self._project(), self.plan.call_id, leg_id, action.to
            )
        except (ApiError, inputs.Refused, *AWAY) as problem:
            return {"result": "failed", "reason": str(problem)[:100]}
        self.session.look()
        found = await self._follow(new_targets(outcome.call) - known, 600, None)
        return {"result": "transferred"} if found.get("result") == "connected" else FAILED
