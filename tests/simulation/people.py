"""Who asks the simulated platform for something: devices, back ends and a staff user.

What they ask for runs in a web process of the product's own functions, which may die at any statement.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from django.db import transaction

import clock
from calling import models, presence
from calling.calls import event_log
from calling.commands import call_commands, dial
from calling.machine import inputs
from calling.sockets.call_updates import CallUpdate, DeviceLeg
from calling.telephony import billing
from calling.webhooks import redelivery
from rest import errors
from tests.simulation.laws import Laws
from tests.simulation.processes import AWAY
from tests.simulation.web import Hub
from tests.simulation.world import Actor, Killed, World
from tests.support.fake_worker import SDP
from tests.support.rest_client import client
from tokens.subjects import ApiKey, TokenHolder

T = TypeVar("T")
CENT = 10_000
# From one call of theirs to the next, in the mean, at pace 1.
PHONE_SECONDS, BACK_END_SECONDS = 200.0, 120.0
# Processes of a project's back end, and how likely all of them have a call to place at the same moment.
BACK_ENDS, RUSH, TOGETHER_SECONDS = 3, 0.3, 0.005


class Budget:
    """How many calls are still to be placed in the whole world, and whether it is time to go home."""

    def __init__(self, calls: int, left_out: frozenset[int], pace: float) -> None:
        self.pace = pace  # so much more often than ordinary people they call
        self.calls, self.taken, self.placed, self.home = calls, 0, 0, False
        self.left_out = left_out  # which of them, from 1, nobody places
        self.quiet_until = 0.0  # nobody dials before

    def take(self) -> bool:
        """Whether whoever asks may place the next call."""
        if self.taken >= self.calls:
            return False
        self.taken += 1
        return self.taken not in self.left_out


class Requests:
    """What a web process does for somebody outside. It may die at any statement; then there is no answer."""

    def __init__(self, world: World) -> None:
        self.world = world

    def ask(self, actor: Actor, work: Callable[[], T]) -> T | None:
        """`work` in a web process; None where it had no answer or was refused."""
        actor.answers = True
        try:
            return work()
        except Killed:
            if self.world.over:
                raise
            actor.dead = False
            self.world.reborn(actor)
            self.world.enter(actor)
            self.world.counts["web process killed"] += 1
            return None
        except AWAY:
            self.world.reborn(actor)
            self.world.enter(actor)
            return None
        except (errors.ApiError, inputs.Refused):
            return None
        finally:
            actor.answers = False


class Device(Requests):
    """A subscriber with one phone on a socket: it calls, rings, answers, talks, holds, vanishes, comes back.

    What it does next in a call is thrown when its socket tells of it.
    """

    def __init__(
        self, world: World, hub: Hub, budget: Budget, holder: TokenHolder, others: list[str], name: str
    ) -> None:
        super().__init__(world)
        self.hub, self.budget, self.holder, self.others = hub, budget, holder, others
        self.subscriber_id = str(holder.subscriber_id)
        self.device_id: str | None = None
        self.socket = uuid.UUID(int=0)
        self.connected = False
        self.known: dict[str, int] = {}  # call -> the newest event that it was told
        self.plans: dict[tuple[str, str], float] = {}  # (call, how it stands in it) -> when it acts
        self.actor = world.actor(name, self.run)

    def run(self, actor: Actor) -> None:
        dice, world = actor.dice, self.world
        pause = PHONE_SECONDS / self.budget.pace
        call_at = world.now + dice.expovariate(1 / pause)
        vanish_at = world.now + dice.expovariate(1 / 400)
        while True:
            actor.mail()
            if not self.connected and not self.ask(actor, self.come):
                world.pause(dice.uniform(0.5, 2), "comes again")
                continue
            for (call_id, state), at in list(self.plans.items()):
                if world.now >= at or self.budget.home:
                    self.plans[call_id, state] = world.now + dice.expovariate(1 / 25)
                    self.act(actor, call_id, state)
            if world.now >= call_at:
                call_at = world.now + dice.expovariate(1 / pause)
                idle = not self.budget.home and not self.plans and world.now >= self.budget.quiet_until
                if idle and self.budget.take():
                    self.call(actor)
            if world.now >= vanish_at and not self.budget.home:
                vanish_at = world.now + dice.expovariate(1 / 400)
                self.vanish(actor)
            if self.budget.home and not self.plans and dice.random() < 0.3:
                self.leave(actor)
                return
            due = min([call_at, vanish_at, world.now + 5, *self.plans.values()])
            world.pause(max(0.05, due - world.now), "waits", waits=True)

    def come(self) -> bool:
        """Its socket opens, with the id that it had."""
        self.hub.laws.gone.pop(self.device_id or "", None)
        self.socket = clock.new_id()
        device = presence.device_online(
            self.holder.project_id, self.holder.subscriber_id, self.socket, device_id=self.device_id
        )
        self.device_id, self.connected = str(device.id), True
        self.hub.attach(self)
        return True

    def hear(self, legs: list[DeviceLeg], told: dict[str, CallUpdate]) -> None:
        dice, stands = self.actor.dice, {}
        for leg in legs:
            row = told[leg.call_id].call.leg(leg.leg_id) if leg.call_id in told else None
            if row is not None:
                asked = leg.carried and row.answered and row.offer is None and not row.offered
                state = "asked" if asked else row.state.value if leg.carried else "rings"
                stands[leg.call_id, state] = {"rings": 5.0, "asked": 1.0}.get(state, 25.0)
        mine = {call_id for call_id, _ in stands}
        self.known = {call_id: told[call_id].sequence for call_id in mine}
        self.plans = {key: at for key, at in self.plans.items() if key in stands}
        for key, mean in stands.items():
            self.plans.setdefault(key, self.world.now + 0.5 + dice.expovariate(1 / mean))
        self.world.wake(self.actor, self.world.now)

    def lost(self) -> None:
        self.connected = False
        self.world.wake(self.actor, self.world.now)

    def vanish(self, actor: Actor) -> None:
        """Away without a word, or said by its socket; back after a while, with the same id."""
        self.cut_off()
        if actor.dice.random() < 0.5:
            self.leave(actor)
        self.world.counts["device away"] += 1
        longest = 25 if actor.dice.random() < 0.8 else 150
        self.world.pause(actor.dice.uniform(0.5, longest), "is away")
        self.connected = False

    def cut_off(self) -> None:
        if self.hub.sockets.pop(self.device_id or "", None) is not None:
            self.hub.laws.gone[self.device_id or ""] = self.world.now

    def leave(self, actor: Actor) -> None:
        self.cut_off()
        if self.device_id is not None:
            self.ask(actor, lambda: presence.device_offline(self.device_id or "", self.socket))

    def call(self, actor: Actor) -> None:
        claim, body = clock.new_id(), {"to": actor.dice.choice(self.others), "sdp": SDP}
        for _ in range(4):
            made = self.ask(
                actor, partial(dial.dial, self.holder, body, device_id=self.device_id, claim=claim)
            )
            if made is not None:
                self.budget.placed += 1
                return
            self.world.pause(actor.dice.uniform(0.2, 2), "tries again")

    def act(self, actor: Actor, call_id: str, state: str) -> None:
        dice = actor.dice
        throw, command = dice.random(), None
        body: dict[str, object] = {}
        if self.budget.home:
            command = call_commands.hangup
        elif state == "asked":
            command, body = call_commands.update, {"sdp": SDP}
        elif state == "rings":
            if throw < 0.7:
                command, body = call_commands.answer, {"sdp": SDP}
            elif throw < 0.85:
                command = call_commands.reject
        elif throw < 0.2:
            command = call_commands.hangup
        elif state == "answered" and throw < 0.35:
            command = call_commands.hold
        elif state == "answered" and throw < 0.55:
            command = call_commands.resume
        elif state == "answered" and throw < 0.65:
            command = dice.choice([call_commands.mute, call_commands.unmute])
        elif state == "answered" and throw < 0.75:
            command, body = call_commands.transfer, {"to": dice.choice(self.others)}
        if command is not None:
            self.ask(actor, partial(command, self.holder, call_id, body, self.device_id))


class BackEnd(Requests):
    """A process of a back end with the API key: it joins two people, or one with a telephone, and repeats a
    request until it is answered. Sometimes its fellows set to work at the same moment.
    """

    def __init__(
        self,
        world: World,
        laws: Laws,
        budget: Budget,
        auth: str,
        people: list[str],
        own: str,
        fellows: list[BackEnd],
        name: str,
    ) -> None:
        super().__init__(world)
        self.laws, self.budget, self.people, self.own, self.rest = laws, budget, people, own, client(auth)
        self.fellows, self.joins = fellows, False
        fellows.append(self)
        self.actor = world.actor(name, self.run)

    def run(self, actor: Actor) -> None:
        dice, world, budget = actor.dice, self.world, self.budget
        mean = BACK_END_SECONDS * BACK_ENDS * (1 + RUSH * (BACK_ENDS - 1))
        while not budget.home:
            world.pause(dice.expovariate(budget.pace / mean), "waits", waits=True)
            joins, self.joins = self.joins, False
            if world.now < budget.quiet_until or budget.home or not budget.take():
                continue
            if not joins and dice.random() < RUSH:
                self.rush(dice)
            self.place(actor, self.wish(dice))

    def rush(self, dice: random.Random) -> None:
        self.world.counts["back ends rush"] += 1
        for fellow in self.fellows:
            if fellow.actor.waits:
                fellow.joins = True
                self.world.wake(fellow.actor, self.world.now + dice.uniform(0, TOGETHER_SECONDS))

    def wish(self, dice: random.Random) -> dict[str, str]:
        first, second = dice.sample(self.people, 2)
        number = f"+1555{dice.randrange(10**7):07}"
        ways = ({"to": first, "connect": second}, {"to": first, "connect": number, "from": self.own},
                {"to": number, "connect": second, "from": self.own})  # fmt: skip
        return dice.choice(ways)

    def place(self, actor: Actor, body: dict[str, str]) -> None:
        dice, world, key = actor.dice, self.world, str(clock.new_id())
        for _ in range(6):
            got = self.ask(actor, partial(self.rest.post, "/api/calls", body, HTTP_IDEMPOTENCY_KEY=key))
            if got is not None and got.status_code == 201:
                self.ask(actor, partial(self.laws.answered, key, got.json()["id"]))
                self.budget.placed += 1
                if dice.random() < 0.8:
                    break
            elif got is not None and got.status_code < 500 and got.status_code not in (409, 429):
                world.counts[f"back end got {got.status_code}"] += 1
                break
            world.pause(dice.uniform(0.2, 3), "tries again")


class Staff(Requests):
    """An operator: enters money, ends a call, enables what was disabled, and has deliveries sent again."""

    def __init__(
        self,
        world: World,
        laws: Laws,
        budget: Budget,
        projects: list[uuid.UUID],
        replays: list[uuid.UUID],
        name: str,
    ) -> None:
        super().__init__(world)
        self.laws, self.budget, self.projects, self.replays = laws, budget, projects, replays
        self.actor = world.actor(name, self.run)

    def run(self, actor: Actor) -> None:
        dice, world = actor.dice, self.world
        while not self.budget.home:
            world.pause(dice.expovariate(1 / 60), "waits")
            throw, project_id = dice.random(), dice.choice(self.projects)
            if self.budget.home:
                return
            if throw < 0.35:
                self.ask(actor, partial(self.top_up, project_id, dice.randrange(1, 30) * CENT))
            elif throw < 0.55:
                self.ask(actor, partial(self.hang_up, actor, project_id))
            elif throw < 0.75:
                self.ask(actor, partial(self.enable, project_id))
            elif self.replays:
                every = dice.random() < 0.3  # at once, so that more is due than is tried at once
                for endpoint_id in self.replays if every else [dice.choice(self.replays)]:
                    self.ask(actor, partial(self.replay, endpoint_id))

    def top_up(self, project_id: uuid.UUID, amount: int) -> None:
        with transaction.atomic():
            billing.move_money(project_id, "top_up", amount)
        self.world.counts["staff tops up"] += 1

    def hang_up(self, actor: Actor, project_id: uuid.UUID) -> None:
        live = models.Call.objects.filter(project_id=project_id).exclude(state="ended").order_by("id")
        found = list(live.values_list("id", flat=True))
        if found:
            call_commands.hangup(ApiKey(project_id), str(actor.dice.choice(found)), {})
            self.world.counts["staff hangs up"] += 1

    def enable(self, project_id: uuid.UUID) -> None:
        disabled = models.WebhookEndpoint.objects.filter(project_id=project_id, disabled_at__isnull=False)
        for endpoint in disabled.order_by("id"):
            self.laws.anew.add(str(endpoint.id))
            redelivery.enable(endpoint)
            self.world.counts["staff enables"] += 1

    def replay(self, endpoint_id: uuid.UUID) -> None:
        endpoint = models.WebhookEndpoint.objects.get(pk=endpoint_id)
        back = self.actor.dice.choice((3, 10, 30, 300))
        since = max(0, event_log.head(endpoint.project_id) - back)
        redelivery.replay(endpoint, after=since)
        self.world.counts["staff replays"] += 1
