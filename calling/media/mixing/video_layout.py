"""Who of a room is seen by whom: the one who spoke last in one line, one member each in several. No I/O.

A member has a picture while its device may send one and it is not muted. Whoever is shown already stays
in its window: pictures change places only where somebody must make room.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from calling.media.rtp.media_port import MediaPort

LOOK_TICKS = 25  # lines and cameras come and go without a word to the room: looked at twice a second


class Pictured(Protocol):
    """A member of a room as the layout sees it. `trunk`: it stands for the members on another worker.

    screen: its picture is a shared screen. owner: the name of the member whose further picture it is.
    """

    port: MediaPort
    trunk: bool
    name: str
    screen: bool
    owner: str | None


class VideoLayout:
    """The pictures of one room."""

    def __init__(self) -> None:
        self._floor: list[Pictured] = []  # who had the floor, the last one first
        self._shown: dict[Pictured, dict[int, Pictured | None]] = {}
        self._facts: tuple[object, ...] = ()
        self._ticks = 0

    def spoke(self, member: Pictured) -> None:
        """That member has the floor now."""
        self._floor = [member, *(one for one in self._floor if one is not member)][:16]

    def leave(self, member: Pictured) -> None:
        self._floor = [one for one in self._floor if one is not member]
        self._shown.pop(member, None)

    def tick(self, members: Sequence[Pictured]) -> None:
        """Every 20 ms: notice new lines and cameras."""
        self._ticks += 1
        if self._ticks >= LOOK_TICKS:
            self._ticks = 0
            facts = tuple((id(one), has_picture(one), tuple(slots(one))) for one in members)
            if facts != self._facts:
                self._facts = facts
                self.show(members)

    def show(self, members: Sequence[Pictured]) -> None:
        """Set what everybody sees."""
        pictured = [one for one in members if has_picture(one)]
        order = [one for one in self._floor if one in pictured]
        order += [one for one in pictured if one not in order]
        order.sort(key=lambda one: not one.screen)  # what somebody shows goes before who talks
        for member in members:
            # A trunk leads to members elsewhere: they get this worker's pictures, never another trunk's.
            others = [
                one
                for one in order
                if one is not member and not (one.trunk and member.trunk) and one.owner != member.name
            ]
            places = slots(member)
            before = self._shown.get(member, {})
            now = assign_slots([before.get(place) for place in places], others[: len(places)])
            self._shown[member] = dict(zip(places, now, strict=True))
            for place, one in self._shown[member].items():
                member.port.set_video_source(one.port if one is not None else None, place)


def has_picture(member: Pictured) -> bool:
    """Whether there is, or may be in a moment, a picture of this member."""
    receiver = member.port.video_in
    return receiver.line is not None and receiver.line.receives and not receiver.muted


def slots(member: Pictured) -> list[int]:
    """The numbers of the video lines in which this member can be shown somebody."""
    senders = member.port.senders()[1:]
    return [n for n, sender in enumerate(senders) if sender.line is not None and sender.line.sends]


def assign_slots(shown: Sequence[Pictured | None], wanted: Sequence[Pictured]) -> list[Pictured | None]:
    """The next content of the windows: who is wanted and shown stays, others take what becomes free."""
    now = [one if one in wanted else None for one in shown]
    fresh = [one for one in wanted if one not in now]
    return [one if one is not None or not fresh else fresh.pop(0) for one in now]
