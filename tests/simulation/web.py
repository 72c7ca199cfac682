"""Web processes of the simulated world: the hubs behind devices' sockets, and readers of the log.

A hub reads for all sockets of its process at once, as `calling.sockets.hub` does. Requests that somebody
makes run in the asking actor's thread (`people.Requests`).
"""

from __future__ import annotations

import uuid
from functools import partial
from typing import Any, Protocol

from calling import presence
from calling.calls import event_log
from calling.models.ids import uuid7
from calling.runtime import nudge
from calling.sockets import call_updates
from calling.sockets import hub as sockets_hub
from calling.sockets.call_updates import CallUpdate, DeviceLeg
from rest import errors
from tests.simulation.faults import Bus
from tests.simulation.laws import Laws
from tests.simulation.processes import guarded
from tests.simulation.world import Actor, World

NEWS = frozenset({"calling_call", "calling_leg", "calling_attempt", "calling_event"})


class Socket(Protocol):
    """What a hub knows of a device on one of its sockets."""

    device_id: str | None
    socket: uuid.UUID
    subscriber_id: str
    known: dict[str, int]  # call -> the newest event that it was told

    def hear(self, legs: list[DeviceLeg], told: dict[str, CallUpdate]) -> None:
        """Its calls, and the events of each since those that it was told."""

    def lost(self) -> None:
        """The socket broke off."""


class Hub:
    """Reads the news of its devices when nudged, and of all every two seconds; renews its lease on them."""

    def __init__(self, world: World, bus: Bus, laws: Laws, name: str) -> None:
        self.world, self.laws = world, laws
        self.sockets: dict[str, Socket] = {}  # by device
        self.dirty: set[str] = set()  # devices to read for
        self.actor = world.actor(name, self.run)
        bus.listen(self.actor, nudge.EDGE, lambda message: bool(self.concerned(message)))

    def concerned(self, message: dict[str, Any]) -> set[str]:
        people = set(message.get("subscribers", ()))
        named = {device for device, each in self.sockets.items() if each.subscriber_id in people}
        return named | (set(message.get("devices", ())) & self.sockets.keys())

    def attach(self, socket: Socket) -> None:
        self.sockets[socket.device_id or ""] = socket
        self.dirty.add(socket.device_id or "")
        self.world.wake(self.actor, self.world.now)

    def run(self, actor: Actor) -> None:
        world = self.world
        for socket in self.sockets.values():  # of the process that was killed
            socket.lost()
        self.sockets.clear()
        self.dirty = set()
        self.lease = uuid7()
        renewed, looked, seen = world.now, world.now, -1
        while True:
            for _, message in actor.mail():
                self.dirty |= self.concerned(message)
            if world.now >= looked + nudge.LOOK_SECONDS:
                looked = world.now
                if seen != world.version(NEWS):
                    self.dirty |= self.sockets.keys()
                seen = world.version(NEWS)  # not when nudged: then only some are read for
            dirty, self.dirty = sorted(self.dirty & self.sockets.keys()), set()
            if dirty and not guarded(world, partial(self.read, dirty), False):
                self.dirty.update(dirty)
                continue
            if self.sockets and world.now >= renewed + sockets_hub.RENEW_SECONDS:
                renewed = world.now
                guarded(world, partial(self.renew, actor), None)
            until = renewed + sockets_hub.RENEW_SECONDS if self.sockets else float("inf")
            if self.dirty:
                continue
            left = max(0.001, looked + nudge.LOOK_SECONDS - world.now)
            world.rest(left, seen, minds=NEWS, until=max(until, world.now + 0.001))

    def read(self, devices: list[str]) -> bool:
        sockets = {each: self.sockets[each] for each in devices}
        known: dict[str, int] = {}
        for socket in sockets.values():
            for call_id, number in socket.known.items():
                known[call_id] = min(number, known.get(call_id, number))
        legs, told = call_updates.read(devices, known)
        legs.sort(key=lambda leg: (leg.call_id, leg.leg_id, leg.device_id))  # a set, and a throw for each
        for device, socket in sockets.items():
            if self.sockets.get(device) is not socket:
                continue
            mine = [leg for leg in legs if leg.device_id == device]
            for call_id, number in socket.known.items():
                if call_id in told:
                    self.laws.told(device, call_id, number, told[call_id])
            socket.hear(mine, told)
        return True

    def renew(self, actor: Actor) -> None:
        held = {device: socket.socket for device, socket in sorted(self.sockets.items())}
        actor.quiet = True  # nobody has anything to find by a lease that lasts longer
        try:
            presence.renew(self.lease, held)
        finally:
            actor.quiet = False


class EventSocket:
    """A reader of a project's log on `/ws/events`, that goes on from its cursor whatever happens."""

    def __init__(self, world: World, bus: Bus, laws: Laws, project_id: uuid.UUID, name: str) -> None:
        self.world, self.laws, self.project_id, self.cursor = world, laws, project_id, 0
        mine = (None, str(project_id))
        self.actor = world.actor(name, self.run)
        bus.listen(self.actor, nudge.EVENTS, lambda message: message.get("project") in mine)

    def run(self, actor: Actor) -> None:
        log = frozenset({"calling_event"})
        while True:
            actor.mail()
            seen = self.world.version(log)
            if not guarded(self.world, self.page, []):
                self.world.rest(nudge.LOOK_SECONDS, seen, minds=log)

    def page(self) -> list[event_log.Entry]:
        try:
            event_log.check_kept(self.project_id, self.cursor)
        except errors.Gone:
            self.laws.expired(self.project_id, self.cursor)
        entries, last = event_log.following(self.project_id, self.cursor, 100)
        self.laws.followed(self.project_id, self.cursor, entries)
        self.cursor = last
        return entries
