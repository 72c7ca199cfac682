"""Connecting a script's party with others: `connect`, `join_room`, `transfer`, and waiting how they end.

Every change of the call goes through the door (`calling.commands.dial`); a destination made of the caller's
own words is also asked of the caller's scope.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from calling import models
from calling.commands import routing, transfers
from calling.commands.sip_wishes import ENCRYPTION, SipWishes, codec_names
from calling.commands.transfers import ConnectTarget
from calling.machine import inputs
from calling.machine.reasons import EndReason
from calling.machine.states import Call, Leg, LegState, Party, Role
from calling.media.swml_host.party import FAILED, Outcome, ScriptParty
from calling.runtime.db_threads import DATABASE_UNAVAILABLE
from calling.swml import actions
from rest.errors import ApiError
from subscribers.addressing import slugify_reference
from tokens.claims import BadClaims, holder_of
from tokens.subjects import DEFAULT_ENTRIES, ApiKey, TokenHolder

MAX_ROOM_NAME: Final = 64
STALE_SECONDS: Final = 5.0
FOREVER: Final = 86_400.0  # the call's own limit comes first

Play = Callable[[actions.Playing], Coroutine[Any, Any, Outcome]]
"""Lets the party hear something to its end."""

ConfirmAnswer = Callable[[Leg, actions.Device, "asyncio.Task[Outcome] | None"], Awaitable[bool]]
"""Whether who answered wants the call, which is asked with the device's `confirm` steps while the party hears
the ringing of the task."""


def joining_of(device: actions.Device) -> ConnectTarget:
    return ConnectTarget(
        device.to,
        device.caller,
        device.caller_name,
        device.headers,
        device.status_url,
        device.call_state_url,
        device.call_state_events,
        sip=SipWishes(
            codec_names(device.codecs),
            ENCRYPTION[device.encryption],
            int(device.session_timeout),
            device.username,
            device.password,
        ),
    )


class ConnectActions:
    """The actions that bring somebody else into the call."""

    def __init__(self, party: ScriptParty, play: Play, confirm_answer: ConfirmAnswer) -> None:
        self.party, self._session = party, party.session
        self._play, self._confirm_answer = play, confirm_answer

    async def connect(self, group: tuple[actions.Device, ...], action: actions.Connect) -> Outcome:
        if not all(device.answer_on_bridge for device in group):
            await self.party.answer(action)
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
            ringing = asyncio.get_running_loop().create_task(self._play(action.ringback))
        try:
            return await self._bridge(allowed, seconds, ringing)
        finally:
            if ringing is not None and not ringing.done():
                ringing.cancel()

    def _joined_before(self) -> list[str]:
        """The targets that a worker which was lost had joined, or was ringing: the first action asks."""
        resumed, self.party.resumed = self.party.resumed, False
        call = self.party.call
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
                    await self._session.desk.run(routing.resolve, caller_of(self.party.row), device.to)
                await self._session.desk.run(self._judge, device)
                allowed.append(device)
            except ApiError as problem:
                reason = problem_code(problem)
            except DATABASE_UNAVAILABLE:
                reason = "unavailable"
        return allowed, reason

    def _judge(self, device: actions.Device) -> None:
        """Raises ApiError: one that the project may not call, or not under that number, keeps nobody else of
        its group from being rung."""
        target = routing.resolve(self._project(), device.to)
        transfers.caller_of(self._project(), joining_of(device), target)

    def _project(self) -> ApiKey:
        return ApiKey(self.party.row.project_id)

    async def _bridge(
        self, devices: Sequence[actions.Device], seconds: int, ringing: asyncio.Task[Outcome] | None
    ) -> Outcome:
        leg_id = self.party.plan.leg_id
        if leg_id is None:
            return {"result": "failed", "reason": "nobody to connect"}
        try:
            _, numbers = await self._session.desk.run(
                transfers.connect,
                self._project(),
                self.party.plan.call_id,
                leg_id,
                [joining_of(device) for device in devices],
                seconds,
            )
        except ApiError as problem:
            return {"result": "failed", "reason": problem_code(problem)}
        except (inputs.Refused, *DATABASE_UNAVAILABLE) as problem:
            return {"result": "failed", "reason": str(problem)[:100]}
        self._session.look()
        targets = {leg_id: devices[number] for leg_id, number in numbers.items()}
        return await self._follow(targets, seconds, ringing)

    def _known_targets(self) -> set[str]:
        call = self.party.call
        return new_targets(call) if call is not None else set()

    async def _follow(
        self,
        targets: Mapping[str, actions.Device],
        seconds: int,
        ringing: asyncio.Task[Outcome] | None,
    ) -> Outcome:
        """Wait until a target answers and leaves again, or all of them fail."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        until = began + seconds + STALE_SECONDS
        while loop.time() < until:
            call = self.party.call
            if call is None:
                return {"result": "failed", "reason": "hangup"}
            legs = [leg for leg in call.legs if leg.id in targets]
            self._out_of_time(legs, targets, loop.time() - began)
            answered = next((leg for leg in legs if leg.answered), None)
            if answered is not None:
                device = targets[answered.id]
                agreed = device.confirm is None or await self._confirm_answer(answered, device, ringing)
                if ringing is not None:
                    ringing.cancel()
                self.party.give(None)
                if not agreed:
                    self._session.signal_queue.signal(self.party.plan.call_id, inputs.Hangup(answered.id))
                    return {"result": "failed", "reason": "declined"}
                await self._while_bridged(answered, device.max_duration)
                return {"result": "connected", "peer": answered.address}
            left = next((leg for leg in legs if leg.end_reason is EndReason.HANGUP), None)
            if left is not None:  # answered, and left between two looks
                return {"result": "connected", "peer": left.address}
            if legs and call.transfer is None and not any(leg.live for leg in legs):
                ended = [leg.end_reason.value for leg in legs if leg.end_reason is not None]
                return {"result": "failed", "reason": ended[-1] if ended else "failed"}
            own = [began + device.timeout for device in targets.values()]
            due = min((at for at in own if at > loop.time()), default=until)
            await self._session.change(min(until, due) - loop.time())
        return {"result": "failed", "reason": "no-answer"}

    def _out_of_time(
        self, legs: Sequence[Leg], targets: Mapping[str, actions.Device], seconds: float
    ) -> None:
        """Those of a group that have rung for their own `timeout` ring no further; the call's deadline is the
        longest of them."""
        longest = max((device.timeout for device in targets.values()), default=0)
        for leg in legs:
            timeout = targets[leg.id].timeout
            if leg.live and not leg.answered and timeout < longest and seconds >= timeout:
                late = inputs.Hangup(leg.id, reason=EndReason.NO_ANSWER.value)
                self._session.signal_queue.signal(self.party.plan.call_id, late)

    async def _while_bridged(self, target: Leg, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        until: float | None = loop.time() + seconds
        while self.party.state_of(target.id) is LegState.ANSWERED:
            if until is not None and loop.time() >= until:
                self._session.signal_queue.signal(self.party.plan.call_id, inputs.Hangup(target.id))
                until = None
            await self._session.change(None if until is None else until - loop.time())

    async def join_room(self, action: actions.JoinRoom) -> Outcome:
        name = action.name.strip()
        if len(name.rpartition("/")[2]) > MAX_ROOM_NAME:
            return FAILED
        slug = slugify_reference(name) if not name.startswith("/") else ""
        await self.party.answer(action)
        for address in [name] if not slug else [f"/public/{slug}", f"/private/{slug}"]:
            device = actions.Device(address, action.from_caller, max_duration=FOREVER)
            allowed, _ = await self._reachable((device,))
            if not allowed:
                continue
            with self._muted(action.muted):
                found = await self._bridge(allowed, 30, None)
            return {"result": "left"} if found.get("result") == "connected" else found
        return FAILED

    @contextlib.contextmanager
    def _muted(self, wanted: bool) -> Iterator[None]:
        """The party comes muted, if it is not already; what follows in the script hears it again."""
        leg = self._session.leg(self.party.plan.leg_id) if self.party.plan.leg_id else None
        sound = frozenset({"audio"})
        if not wanted or leg is None or leg.muted & sound:
            yield
            return
        self._session.signal_queue.signal(self.party.plan.call_id, inputs.Mute(leg.id, sound))
        try:
            yield
        finally:
            self._session.signal_queue.signal(self.party.plan.call_id, inputs.Unmute(leg.id, sound))

    async def refer(self, action: actions.Refer) -> Outcome:
        """A SIP party is taken to the URI by this platform, which so stays in the call."""
        leg = self._session.leg(self.party.plan.leg_id) if self.party.plan.leg_id else None
        if leg is None or leg.party is not Party.SIP:
            return FAILED
        wish = ConnectTarget(
            action.to,
            refer_url=action.status_url,
            sip=SipWishes(username=action.username, password=action.password),
        )
        found = await self._transfer(actions.Device(action.to, action.from_caller), wish)
        return {"result": "success"} if found.get("result") == "transferred" else FAILED

    async def transfer(self, action: actions.Transfer) -> Outcome:
        """Hand the party over. When the target answers the run is over; the door ends it."""
        return await self._transfer(actions.Device(action.to, action.from_caller), ConnectTarget(action.to))

    async def _transfer(self, device: actions.Device, wish: ConnectTarget) -> Outcome:
        allowed, reason = await self._reachable((device,))
        leg_id = self.party.plan.leg_id
        if not allowed or leg_id is None:
            return {"result": "failed", "reason": reason}
        known = self._known_targets()
        try:
            outcome = await self._session.desk.run(
                transfers.transfer, self._project(), self.party.plan.call_id, leg_id, wish
            )
        except (ApiError, inputs.Refused, *DATABASE_UNAVAILABLE) as problem:
            return {"result": "failed", "reason": str(problem)[:100]}
        self._session.look()
        fresh = new_targets(outcome.call) - known
        found = await self._follow(dict.fromkeys(fresh, device), 600, None)
        return {"result": "transferred"} if found.get("result") == "connected" else FAILED


def caller_of(row: models.ScriptRun) -> TokenHolder:
    """Whoever called, for destinations made of the caller's own words.

    Without a token (a phone, a SIP peer, the party of a back end's call) that is what a subscriber's token
    without `allowed_addresses` may dial.
    """
    with contextlib.suppress(BadClaims):
        return holder_of(dict(row.progress.get("caller") or {}))
    return TokenHolder(row.project_id, "guest", None, "", row.id, row.created_at, DEFAULT_ENTRIES)


def new_targets(call: Call) -> set[str]:
    """The legs of a call that were connected or transferred to."""
    return {leg.id for leg in call.legs if leg.role is Role.TARGET}


def problem_code(problem: ApiError) -> str:
    return str(getattr(problem, "code", "") or "failed")[:64]
