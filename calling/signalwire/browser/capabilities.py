"""What the bearer of a call may do in it now, in the words of the SDK's capabilities. Pure.

A word without `.on` or `.off` allows both. What is not named here is refused when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from calling.sockets.participants import Participants

OWN: tuple[str, ...] = (
    "self.mute",
    "self.deaf",
    "self.raisehand",
    "self.audioflags.set",
    "digit",
    "end",
    "device",
    "screenshare",
)
IN_ROOMS: tuple[str, ...] = ("self.microphone", "self.speaker", "layout")
MODERATING: tuple[str, ...] = (
    "member.mute",
    "member.deaf",
    "member.raisehand",
    "member.microphone",
    "member.speaker",
    "member.audioflags.set",
    "member.remove",
    "lock",
)


def moderates(company: Participants, subscriber: bool) -> bool:
    """Whether somebody in that company may rule it; `subscriber`: it is one, not a guest."""
    everyone = company.moderator == "everyone"
    return company.in_room and (everyone or (company.moderator == "subscribers" and subscriber))


def capabilities_of(company: Participants, subscriber: bool) -> tuple[str, ...]:
    """The words for one who is in that company."""
    words = OWN
    if company.in_room:
        words += IN_ROOMS
    if moderates(company, subscriber):
        words += MODERATING
    return words
