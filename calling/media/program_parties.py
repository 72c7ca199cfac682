"""Connecting a script's party with others: `connect`, `join_room`, `transfer`, and waiting how they end.

Every change of the call goes through the door (`calling.placing`); a destination made of the caller's own
words is also asked of the caller's scope.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from calling import dialling, placing
from calling.joining import Joining
from calling.machine import inputs
from calling.machine.reasons import EndReason
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
FOREVER: Final = 86_400.0  # the call's own limit comes first
Outcome = Mapping[str, Any]
FAILED: Final[Outcome] = {"result": "failed"}


def joining_of(device: actions.Device) -> Joining:
    return Joining(
        device.to,
        device.caller,
        device.caller_name,
        device.headers,
        device.status_url,
        device.call_state_url,
        device.call_state_events,
    )


class Parties(Seat, ABC):
    """The actions that bring somebody else into the call."""

    @abstractmethod
    def _sounding(self, playing: actions.Playing) -> Sounding:
        """What is to be heard, from a play action."""

    @abstractmethod
    async def _sound(self, sounding: Sounding) -> Outcome:
        """Play it to its end."""

    async def connect(self, group: tuple[actions.Device, ...], action: actions.Connect) -> Outcome:
        await self.answer(actions.Answer(action.path))
        joined = self._joined_before()
        if joined:
            # Who had answered, had confirmed.
            device = replace(group[0], confirm=None)
            return await self._follow(dict.fromkeys(joined, device), int(device.timeout), None)
        allowed, reason = await self._reachable(group)
        if not allowed:
            return {"result": "failed", "reason": reason}
        seconds = max(1, int(max(device.timeout for device in allowed)))
        ringing = None
        if action.ringback is not None:
            ringing = asyncio.get_running_loop().create_task(self._sound(self._sounding(action.ringback)))
        try:
            return await self._bridge(allowed, seconds, ringing)
        finally:
            if ringing is not None and not ringing.done():
                ringing.cancel()

    def _joined_before(self) -> list[str]:
        """The targets that a worker which was lost had joined, or was ringing: the first action asks."""
        resumed, self.resumed = self.resumed, False
        call = self.call
        if not resumed or call is None:
            return []
        return [leg.id for leg in call.live_legs if leg.id in new_targets(call)]

    async def _reachable(self, group: Sequence[actions.Device]) -> tuple[list[actions.Device], str]:
        """The destinations that may be dialled, and why the last one may not."""
        allowed: list[actions.Device] = []
        reason = "failed"
        for device in group:
            try:
                if device.from_caller:
                    await self.session.desk.run(dialling.find, caller_of(self.row), device.to)
                await self.session.desk.run(dialling.find, self._project(), device.to)
                allowed.append(device)
            except ApiError as problem:
                reason = problem_code(problem)
            except AWAY:
                reason = "unavailable"
        return allowed, reason

    def _project(self) -> ApiKey:
        return ApiKey(self.row.project_id)

    async def _bridge(
        self, devices: Sequence[actions.Device], seconds: int, ringing: asyncio.Task[Outcome] | None
    ) -> Outcome:
        leg_id = self.plan.leg_id
        if leg_id is None:
            return {"result": "failed", "reason": "nobody to connect"}
        known = self._known_targets()
        try:
            outcome = await self.session.desk.run(
                placing.connect,
                self._project(),
                self.plan.call_id,
                leg_id,
                [joining_of(device) for device in devices],
                seconds,
            )
        except ApiError as problem:
            return {"result": "failed", "reason": problem_code(problem)}
        except (inputs.Refused, *AWAY) as problem:
            return {"result": "failed", "reason": str(problem)[:100]}
        self.session.look()
        fresh = [leg.id for leg in outcome.call.legs if leg.id in new_targets(outcome.call) - known]
        return await self._follow(dict(zip(fresh, devices, strict=False)), seconds, ringing)

    def _known_targets(self) -> set[str]:
        call = self.call
        return new_targets(call) if call is not None else set()

    async def _follow(
        self,
        targets: Mapping[str, actions.Device],
        seconds: int,
        ringing: asyncio.Task[Outcome] | None,
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
                device = targets[answered.id]
                agreed = device.confirm is None or await self.confirmed(answered, device, ringing)
                if ringing is not None:
                    ringing.cancel()
                self.give(None)
                if not agreed:
                    self.session.lane.signal(self.plan.call_id, inputs.Hangup(answered.id))
                    return {"result": "failed", "reason": "declined"}
                await self._while_bridged(answered, device.max_duration)
                return {"result": "connected", "peer": answered.address}
            left = next((leg for leg in legs if leg.end_reason is EndReason.HANGUP), None)
            if left is not None:  # answered, and left between two looks
                return {"result": "connected", "peer": left.address}
            if legs and call.transfer is None and not any(leg.live for leg in legs):
                ended = [leg.end_reason.value for leg in legs if leg.end_reason is not None]
                return {"result": "failed", "reason": ended[-1] if ended else "failed"}
            await asyncio.sleep(LOOK_SECONDS)
        return {"result": "failed", "reason": "no-answer"}

    async def _while_bridged(self, target: Leg, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        until: float | None = loop.time() + seconds
        while self._state(target.id) is LegState.ANSWERED:
            if until is not None and loop.time() >= until:
                self.session.lane.signal(self.plan.call_id, inputs.Hangup(target.id))
                until = None
            await asyncio.sleep(LOOK_SECONDS)

    @abstractmethod
    async def confirmed(
        self, target: Leg, device: actions.Device, ringing: asyncio.Task[Outcome] | None
    ) -> bool:
        """Whether who answered wants the call: what the device's `confirm` steps say."""

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
            found = await self._bridge([actions.Device(address, max_duration=FOREVER)], 30, None)
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
        fresh = new_targets(outcome.call) - known
        found = await self._follow(dict.fromkeys(fresh, device), 600, None)
        return {"result": "transferred"} if found.get("result") == "connected" else FAILED
