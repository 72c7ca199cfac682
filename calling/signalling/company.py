"""Who takes part in a call as a SignalWire client sees it: the people of the call, or of the room it is in.

Clients show them as participants. Pure; rows are read by `gatherings`, and what of it is news to a client is
decided by its translation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from calling.machine.states import Call, Leg, Party


@dataclass(frozen=True)
class Person:
    """One participant; `id` is its leg's."""

    id: str
    call_id: str
    name: str
    subscriber_id: str
    muted: frozenset[str] = frozenset()
    shown: bool = False  # sends a picture
    deaf: bool = False
    talking: bool = False


@dataclass(frozen=True)
class Company:
    """Everybody in a call or room at one moment, in the order they came."""

    session_id: str
    room_id: str
    name: str
    people: tuple[Person, ...]
    locked: bool = False

    def person(self, leg_id: str) -> Person | None:
        return next((each for each in self.people if each.id == leg_id), None)

    def including(self, person: Person) -> Company:
        """With that person even where it is not counted yet."""
        if self.person(person.id) is not None:
            return self
        return replace(self, people=(*self.people, person))


def person_of(call: Call, leg: Leg) -> Person:
    return Person(
        leg.id, call.id, leg.name or leg.address, leg.subscriber_id or "", leg.muted, leg.media.video
    )


def of_call(call: Call, name: str) -> Company:
    """The people of a call that is in no room."""
    here = [leg for leg in call.legs if leg.answered and leg.party is not Party.APP]
    return Company(call.id, call.id, name, tuple(person_of(call, leg) for leg in here))
