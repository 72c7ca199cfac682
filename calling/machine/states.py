"""What a call is, as frozen values: Call, Leg, Attempt, Timer, Transfer. Pure.

Ids are opaque strings minted by the caller of the machine. SDP texts pass through as opaque strings:
the machine only notices that they are there.
"""

from __future__ import annotations

import json
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

    def counterpart(self) -> Media:
        """What whoever talks with it may send and get: its pictures by turns, sound always both ways, so that
        music and tones find a way."""
        return Media(video=self.receive_video, receive_video=self.video)


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
class Settings:
    """What a participant set for itself beside mute and hold; a client shows it to the others.

    `output_volume`: percent of what it hears. `deaf`: it hears nothing (in a room its membership says so).
    The three flags are wishes to the device's own sound processing.
    """

    hand_raised: bool = False
    deaf: bool = False
    output_volume: int = 100
    input_sensitivity: int = 0
    echo_cancellation: bool = True
    auto_gain: bool = True
    noise_suppression: bool = True


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
    app: str | None = None  # echo tone busy no-answer announcement script room share supervision
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
    # Decided at resolution: `busy` (do not disturb, max calls), `unreachable`, `not_allowed` (a room).
    refusal: str | None = None
    rang: bool = False  # at least one device was online while it rang
    early_media: bool = False
    route: str = "{}"  # SIP: how it is reached, as JSON that the SIP edge reads
    part: str = ""  # screen or device: a further picture of the party that leg `part_of` carries
    part_of: str | None = None
    settings: Settings = field(default_factory=Settings)
    holder: str = ""  # who dialled without being a subscriber: the full identity behind a guest's address

    @property
    def live(self) -> bool:
        return self.state is not LegState.ENDED

    @property
    def answered(self) -> bool:
        return self.state is LegState.ANSWERED

    def same_party(self, other: Leg) -> bool:
        """Whether both are of one device, one subscriber and one address."""
        mine = self.device_id, self.subscriber_id, self.address
        return mine == (other.device_id, other.subscriber_id, other.address)

    def newest_attempt(self, device_id: str) -> Attempt | None:
        """How it rings, or rang last, at that device."""
        return next((each for each in reversed(self.attempts) if each.device_id == device_id), None)

    @property
    def kind(self) -> str:
        """The kind of the device that carries it: phone, fabric or sip."""
        accepted = next((a for a in self.attempts if a.state is AttemptState.ACCEPTED), None)
        if accepted is not None:
            return accepted.kind
        # A desk phone that calls brings a route, though it is a subscriber's device.
        return "sip" if self.party is Party.SIP or self.route != "{}" else "phone"

    @property
    def webrtc(self) -> bool:
        """Whether it dialled by SIP from a browser, whose media is WebRTC."""
        return bool(json.loads(self.route).get("webrtc", False))

    @property
    def ipv6(self) -> bool:
        """Whether the gateway or SIP destination that it is dialled at has an IPv6 address."""
        return bool(json.loads(self.route).get("ipv6", False))


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


class SupervisionMode(StrEnum):
    LISTEN = "listen"  # the supervisor hears the parties, and nobody hears the supervisor
    WHISPER = "whisper"  # one party hears the supervisor too
    BARGE = "barge"  # everybody does


@dataclass(frozen=True)
class Supervision:
    """What a supervisor's call is for. It stands beside the call that it supervises, in one media session."""

    call_id: str  # the call that is supervised
    mode: SupervisionMode = SupervisionMode.LISTEN
    leg_id: str | None = None  # the party that hears a whisper
    by: str = ""  # who asked, for the audit log
    tone: bool = False  # the parties are told by a tone

    def heard_by(self, leg_id: str) -> bool:
        """Whether that party of the supervised call hears the supervisor."""
        whispered = self.mode is SupervisionMode.WHISPER and self.leg_id == leg_id
        return whispered or self.mode is SupervisionMode.BARGE


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
    supervision: Supervision | None = None  # this call is a supervisor's
    supervisors: tuple[str, ...] = ()  # the live calls of this call's supervisors
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
        """The newest leg of that role (docs/contract.md#whose-leg)."""
        return next((leg for leg in reversed(self.legs) if leg.role is role), None)

    @property
    def supervisor(self) -> Leg | None:
        """Of a supervisor's call: the supervisor's own leg."""
        people = (leg for leg in self.legs if leg.party is not Party.APP)
        return next(people, None) if self.supervision is not None else None

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

    def company(self, leg_id: str) -> tuple[Leg, ...]:
        """Everybody that this leg talks with: its counterpart, and in a conversation of three both others."""
        first = self.counterpart(leg_id)
        if first is None or first.party is Party.APP or self.transfer is not None:
            return (first,) if first is not None else ()
        people = (leg for leg in self.legs if leg.answered and leg.party is not Party.APP)
        return tuple(leg for leg in people if leg.id != leg_id)

    def rung_for(self, leg: Leg) -> Leg | None:
        """For whom a leg rings: who waits for a target, else the caller."""
        targeted = self.transfer is not None and leg.id in self.transfer.targets
        waiting = self.leg(self.transfer.waiting) if self.transfer is not None and targeted else None
        return waiting or self.role(Role.CALLER)

    def held_by(self, leg_id: str) -> str | None:
        """`local` if this leg holds, `remote` if only the others do (docs/contract.md#hold)."""
        leg = self.leg(leg_id)
        if leg is None or not leg.answered:
            return None
        if leg.held:
            return "local"
        others = self.company(leg_id)
        return "remote" if others and all(other.held for other in others) else None

    @property
    def next_deadline(self) -> datetime | None:
        return min((timer.at for timer in self.timers), default=None)


World = dict[str, Call]  # one call with those linked to it: its consultation, and who supervises it
