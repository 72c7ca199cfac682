"""What a call is, as frozen values: Call, Leg, Attempt, Timer, Transfer. Pure.

Ids are opaque strings minted by the caller of the machine. SDP texts pass through as opaque strings:
the machine only notices that they are there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from calling.machine.reasons import EndedBy, EndReason


class CallState(StrEnum):
    CREATED = "created"
    RINGING = "ringing"
    ANSWERED = "answered"
    ENDED = "ended"


class LegState(StrEnum):
    CREATED = "created"
    RINGING = "ringing"
    ANSWERED = "answered"
    ENDED = "ended"


class Role(StrEnum):
    CALLER = "caller"
    CALLEE = "callee"
    TARGET = "target"


class Party(StrEnum):
    """What stands at the far end of a leg."""

    DEVICE = "device"  # a subscriber's (or guest's) devices
    SIP = "sip"  # a SIP peer reached through the SIP edge: one attempt, no presence
    APP = "app"  # something the platform itself answers: a room, a script, a test destination


class AttemptState(StrEnum):
    PREPARING = "preparing"  # its offer is being made by the media worker
    RINGING = "ringing"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    GONE = "gone"  # its device went offline
    ANSWERED_ELSEWHERE = "answered_elsewhere"
    CANCELLED = "cancelled"


class MediaState(StrEnum):
    NEW = "new"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    FAILED = "failed"


LIVE_ATTEMPTS = frozenset({AttemptState.PREPARING, AttemptState.RINGING})


@dataclass(frozen=True)
class Media:
    """What may flow on a leg, from the device's point of view."""

    audio: bool = True
    video: bool = False
    receive_audio: bool = True
    receive_video: bool = False


@dataclass(frozen=True)
class Attempt:
    """A ringing leg's try at one device."""

    id: str
    device_id: str
    kind: str = "phone"  # phone: the device offers · fabric, sip: the platform offers
    state: AttemptState = AttemptState.RINGING
    reason: str | None = None
    offer: str | None = None  # the platform's offer to this device

    @property
    def live(self) -> bool:
        return self.state in LIVE_ATTEMPTS


@dataclass(frozen=True)
class Leg:
    """One party's side of a call."""

    id: str
    role: Role
    party: Party
    address: str
    name: str = ""
    subscriber_id: str | None = None
    device_id: str | None = None  # the device that carries it; None while ringing and over REST
    app: str | None = None  # echo tone busy no-answer announcement script room
    app_ref: str | None = None  # id of the room or script run
    state: LegState = LegState.CREATED
    held: bool = False
    muted: frozenset[str] = frozenset()
    media: Media = field(default_factory=Media)
    media_state: MediaState = MediaState.NEW
    peer_id: str | None = None  # the media peer that carries it; shared by the two legs of a transferor
    offer: str | None = None  # the device's offer (or answer, where the platform offered)
    answer: str | None = None  # the platform's answer
    serial: int = 0  # counts offers, so that a re-offer is told from a repetition
    # The platform made the offer: it stands in `answer`, and `offer` holds the device's answer to it.
    offered: bool = False
    attempts: tuple[Attempt, ...] = ()
    end_reason: EndReason | None = None
    end_cause: str | None = None
    former_call_id: str | None = None  # the consultation it came from
    refusal: str | None = None  # decided at resolution: `busy` (do not disturb, max calls), `no_route`
    rang: bool = False  # at least one device was online while it rang
    early_media: bool = False
    route: str = "{}"  # SIP: how it is reached, as JSON that only the SIP edge reads

    @property
    def live(self) -> bool:
        return self.state is not LegState.ENDED

    @property
    def answered(self) -> bool:
        return self.state is LegState.ANSWERED

    @property
    def kind(self) -> str:
        """The kind of the device that carries it: phone, fabric or sip."""
        accepted = next((a for a in self.attempts if a.state is AttemptState.ACCEPTED), None)
        if accepted is not None:
            return accepted.kind
        # A desk phone that calls brings a route, though it is a subscriber's device.
        return "sip" if self.party is Party.SIP or self.route != "{}" else "phone"


class TimerKind(StrEnum):
    SETUP = "setup"
    RING = "ring"
    APP = "app"  # a test destination's own delay
    EXPIRING = "expiring"
    MAX_DURATION = "max_duration"
    GRACE = "grace"  # a lost device
    MEDIA = "media"  # an answered leg whose media must connect
    REOFFER = "reoffer"  # a leg whose worker was lost and that must offer, or be offered, afresh


@dataclass(frozen=True)
class Timer:
    kind: TimerKind
    at: datetime
    leg_id: str | None = None


@dataclass(frozen=True)
class Transfer:
    """A target being reached: by `transfer`, by completing a consultation early, or by `connect`."""

    waiting: str  # the leg to be connected
    targets: tuple[str, ...]
    to: str
    by: str | None = None  # the transferor's leg; None: an API key or a script connects
    connect: bool = False  # `connect` of a dial or script, not a transfer
    scripted: bool = False  # a script waits for the outcome, so a failure ends nothing


@dataclass(frozen=True)
class Call:
    """One attempt to connect, from dial to end."""

    id: str
    legs: tuple[Leg, ...]
    state: CallState = CallState.CREATED
    ring_seconds: int = 45
    max_seconds: int = 14400
    carried: bool = False  # a media worker holds its session
    program: str | None = None  # the script run an API key attached to the answered callee
    connect: tuple[Leg, ...] = ()  # what the answered callee of an API dial is connected to
    transfer: Transfer | None = None
    consult_id: str | None = None  # the live consultation this call waits for
    consult_of: str | None = None
    consulting: bool = False  # this call is a consultation whose first call still waits for it
    timers: tuple[Timer, ...] = ()
    ringing_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    end_reason: EndReason | None = None
    end_cause: str | None = None
    ended_by: EndedBy | None = None
    sip_code: int | None = None
    sip_headers: tuple[tuple[str, str], ...] = ()

    @property
    def live(self) -> bool:
        return self.state is not CallState.ENDED

    def leg(self, leg_id: str) -> Leg | None:
        return next((leg for leg in self.legs if leg.id == leg_id), None)

    def role(self, role: Role) -> Leg | None:
        """The newest leg of that role (contract 5)."""
        return next((leg for leg in reversed(self.legs) if leg.role is role), None)

    @property
    def live_legs(self) -> tuple[Leg, ...]:
        return tuple(leg for leg in self.legs if leg.live)

    def counterpart(self, leg_id: str) -> Leg | None:
        """The answered leg that this one talks with, or None. Targets still ringing are nobody's."""
        if self.transfer and self.transfer.by is None and leg_id == self.transfer.waiting:
            return None
        # A script steps back while it connects its party with somebody.
        others = [leg for leg in reversed(self.legs) if leg.id != leg_id and leg.answered]
        people = (leg for leg in others if leg.party is not Party.APP)
        return next(people, others[0] if others else None)

    def held_by(self, leg_id: str) -> str | None:
        """`local` if this leg holds, `remote` if only the other does (contract 5, hold)."""
        leg = self.leg(leg_id)
        if leg is None or not leg.answered:
            return None
        if leg.held:
            return "local"
        other = self.counterpart(leg_id)
        return "remote" if other is not None and other.held else None

    @property
    def next_deadline(self) -> datetime | None:
        return min((timer.at for timer in self.timers), default=None)


World = dict[str, Call]  # one call, or a call and its consultation
