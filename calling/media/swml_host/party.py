"""The party a script talks with: who that is now, what it hears, and taking its call. No actions here."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from calling import models
from calling.machine import inputs
from calling.machine.plan import ScriptRunPlan
from calling.machine.states import Call, LegState
from calling.media.rtp.source import Source
from calling.media.session.context import SessionContext
from calling.media.session.session_peer import SessionPeer
from calling.swml import actions

ANSWER_SECONDS: Final = 10.0
Outcome = Mapping[str, Any]  # what an action comes to, as `calling.swml.actions` names it
FAILED: Final[Outcome] = {"result": "failed"}


class ScriptParty:
    """Where a script run sits. `plan` may change: another leg may become the one it talks with."""

    def __init__(self, plan: ScriptRunPlan, session: SessionContext, row: models.ScriptRun) -> None:
        self.plan, self.session, self.row = plan, session, row
        self.resumed = False  # it goes on where a lost worker stopped
        self._given: SessionPeer | None = None  # the peer that hears something of the script's

    # --- whom it talks with

    @property
    def call(self) -> Call | None:
        return self.session.calls.get(self.plan.call_id)

    def peer(self) -> SessionPeer | None:
        return self.session.peer_of_leg(self.plan.leg_id) if self.plan.leg_id else None

    def give(self, source: Source | None) -> None:
        """Let the party hear something, or None: the call again."""
        peer, before = self.peer(), self._given
        self._given = peer if source is not None else None
        if before is not None and before is not peer:
            before.play(None, self)
        if peer is not None:
            peer.play(source, self)

    async def until(self, test: Callable[[], object], seconds: float) -> bool:
        """Whether `test` became true within the seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not test():
                    await self.session.change()
                return True
        return False

    # --- answering

    async def answer(self, action: actions.Action) -> Outcome:
        """Take the call, where it is the script's to take, and wait until sound can flow."""
        app = self.session.leg(self.plan.app_leg_id) if self.plan.app_leg_id else None
        if app is not None and app.state is LegState.RINGING:
            self.session.signal_queue.signal(self.plan.call_id, inputs.AppAnswered(app.id))
            await self.until(lambda: self.state_of(app.id) is not LegState.RINGING, ANSWER_SECONDS)
        await self.until(lambda: (peer := self.peer()) is None or peer.up, ANSWER_SECONDS)
        if isinstance(action, actions.Answer) and action.max_duration is not None:
            self.session.signal_queue.signal(self.plan.call_id, inputs.DurationLimited(action.max_duration))
        return {}

    async def user_event(self, action: actions.UserEvent) -> Outcome:
        """Tell the party's client."""
        if self.plan.leg_id is not None:
            event = inputs.UserEvent(self.plan.leg_id, dict(action.event))
            self.session.signal_queue.signal(self.plan.call_id, event)
        return {}

    def state_of(self, leg_id: str) -> LegState | None:
        """None once the leg is gone."""
        leg = self.session.leg(leg_id)
        return leg.state if leg is not None else None
