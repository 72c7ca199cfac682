"""The SIP edge of the simulated world, at the level of messages: INVITE, 180, 200, failures and BYE.

It claims attempts, keeps and loses dialogs as the real edge does (`calling.sip.edge.rows`); the far ends
answer by dice. No socket, no transaction: a message that the stack would have repeated comes once or twice.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import clock
from calling.calls import control
from calling.machine import inputs
from calling.runtime import nudge
from calling.sip.edge import rows
from rest import errors
from tests.simulation.faults import Bus
from tests.simulation.processes import guarded
from tests.simulation.world import Actor, World
from tests.support.fake_worker import ANSWER_SDP

LEGS = frozenset({"calling_attempt", "calling_leg", "calling_call", "calling_sipdialog"})
FAILURES = (486, 480, 404, 503, 603)


@dataclass
class Line:
    """A dialog with a far end, and the messages that it will send: (when, what)."""

    wanted: rows.OutboundAttempt
    coming: list[tuple[float, str]] = field(default_factory=list)


class SipEdge:
    """An edge process: whatever it carries is lost with it, and another one ends that."""

    def __init__(self, world: World, bus: Bus, name: str) -> None:
        self.world = world
        self.actor = world.actor(name, self.run)
        self.lines: dict[str, Line] = {}
        bus.listen(self.actor, nudge.EDGE, self.concerns)

    def concerns(self, message: dict[str, Any]) -> bool:
        calls = {line.wanted.call_id for line in self.lines.values()}
        return bool(message.get("sip", True)) or not calls.isdisjoint(message.get("calls", ()))

    def run(self, actor: Actor) -> None:
        world = self.world
        self.id = clock.new_id()
        self.lines.clear()
        kept = 0.0
        while True:
            seen, _ = world.version(LEGS), actor.mail()
            guarded(world, partial(self.look, actor), None)
            if world.now >= kept:
                kept = world.now + nudge.LOOK_SECONDS
                guarded(world, partial(self.keep, actor), None)
            for line in list(self.lines.values()):
                for message in [each for each in line.coming if each[0] <= world.now]:
                    line.coming.remove(message)
                    if not guarded(world, partial(self.hear, actor, line, message[1]), False):
                        line.coming.append((world.now + 1.0, message[1]))  # as `retry_db`
            next_one = min(
                (at for line in self.lines.values() for at, _ in line.coming), default=float("inf")
            )
            until = min(next_one, kept) if self.lines else float("inf")
            until = max(until, world.now + 0.01)
            world.rest(nudge.LOOK_SECONDS, seen, minds=LEGS, until=until, looks="dialogs")

    def look(self, actor: Actor) -> None:
        for wanted in rows.waiting(list(self.lines)):
            if rows.claim(wanted.attempt_id, wanted.call_id, wanted.leg_id, wanted.device_id, self.id, "out"):
                self.lines[wanted.attempt_id] = self.invited(actor, wanted)
        pairs = [(line_id, line.wanted.leg_id) for line_id, line in self.lines.items()]
        if pairs:
            for line_id, view in rows.views(pairs).items():
                if view.leg_state == "ended" or not view.attempt_live:
                    rows.end_dialog(line_id)  # CANCEL or BYE
                    self.lines.pop(line_id, None)

    def invited(self, actor: Actor, wanted: rows.OutboundAttempt) -> Line:
        """What the far end will say to this INVITE."""
        dice, line, at = actor.dice, Line(wanted), self.world.now + 0.1
        if dice.random() < 0.8:
            line.coming.append((at + dice.expovariate(1 / 1.0), "180"))
        at += dice.expovariate(1 / 6.0)
        throw = dice.random()
        if throw < 0.7:
            line.coming.append((at, "200"))
            line.coming.append((at + dice.expovariate(1 / 80.0), "BYE"))
        elif throw < 0.9:
            line.coming.append((at, str(dice.choice(FAILURES))))
        line.coming += [each for each in line.coming if dice.random() < 0.1]  # twice
        self.world.counts["sip invites"] += 1
        return line

    def keep(self, actor: Actor) -> None:
        actor.quiet = True  # nobody has anything to find by a lease that lasts longer
        try:
            rows.renew(self.id)
        finally:
            actor.quiet = False
        for row in rows.abandoned(self.id):
            self.world.counts["sip dialogs of dead edges"] += 1
            self.apply(str(row.call_id), inputs.Hangup(str(row.leg_id), cause="edge_lost"))
            rows.end_dialog(str(row.pk))

    def hear(self, actor: Actor, line: Line, message: str) -> bool:
        wanted = line.wanted
        if message == "180":
            self.apply(wanted.call_id, inputs.SipProgress(wanted.leg_id))
        elif message == "200":
            self.apply(wanted.call_id, inputs.Answer(wanted.leg_id, wanted.device_id, ANSWER_SDP))
            rows.keep_dialog(wanted.attempt_id, "confirmed", {"call_id": wanted.attempt_id})
        elif message == "BYE":
            self.apply(wanted.call_id, inputs.Hangup(wanted.leg_id))
        else:
            self.apply(wanted.call_id, inputs.SipFailed(wanted.leg_id, int(message)))
        return True

    def apply(self, call_id: str, value: inputs.Input) -> None:
        with contextlib.suppress(errors.NotFound, inputs.Refused):
            control.apply(call_id, value)
