"""What may reach the machine: commands (may be refused) and signals (may be late, never wrong). Pure.

One list: `decide` has a rule for each of its entries, and nothing else reaches the machine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from calling.machine.reasons import EndedBy
from calling.machine.states import Leg, Media, Settings, Supervision, SupervisionMode


class Refused(Exception):
    """A command that is not legal now. The state it met is named (409 `not_allowed`)."""

    def __init__(self, message: str, state: str, code: str = "not_allowed") -> None:
        super().__init__(message)
        self.message, self.state, self.code = message, state, code


@dataclass(frozen=True)
class DeviceRef:
    id: str
    attempt_id: str
    kind: str = "phone"


# --- commands -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Open:
    """The call exists: its first input, given by `control.open_call` once its row is built."""


@dataclass(frozen=True)
class Answer:
    """A device accepts with its SDP (an offer; an answer where the platform offered)."""

    leg_id: str
    device_id: str | None
    sdp: str
    media: Media | None = None
    peer_id: str = ""  # minted for a device that offers


@dataclass(frozen=True)
class AnswerWithScript:
    """A back end takes the ringing call with a script run."""

    leg_id: str
    run_id: str


@dataclass(frozen=True)
class Reject:
    leg_id: str
    device_id: str | None = None  # None: the whole leg (REST)
    reason: str = "rejected"


@dataclass(frozen=True)
class Hangup:
    leg_id: str | None = None  # None: the call
    by: EndedBy | None = None
    cause: str = "normal"
    reason: str | None = None  # only from a script or the platform


@dataclass(frozen=True)
class Hold:
    leg_id: str


@dataclass(frozen=True)
class Resume:
    leg_id: str


@dataclass(frozen=True)
class Mute:
    leg_id: str
    channels: frozenset[str]


@dataclass(frozen=True)
class Unmute:
    leg_id: str
    channels: frozenset[str]


@dataclass(frozen=True)
class SendDigits:
    leg_id: str
    digits: str


@dataclass(frozen=True)
class UserEvent:
    """Something of the back end's own for the client of a leg, whatever state the leg is in."""

    leg_id: str
    event: dict[str, Any]


@dataclass(frozen=True)
class StartTransfer:
    """Blind transfer: `leg_id` gives its other party to `targets`; alone, it is connected itself."""

    leg_id: str
    targets: tuple[Leg, ...]
    to: str


@dataclass(frozen=True)
class Connect:
    """A script (or `connect`) joins further legs to `leg_id`; the first to answer wins.

    A caller whom the script has not answered yet is answered when the first of them is.
    """

    leg_id: str
    targets: tuple[Leg, ...]
    to: str
    timeout: int | None = None


@dataclass(frozen=True)
class RunScript:
    """An API key gives an answered party another script; whoever it was with leaves."""

    leg_id: str
    run_id: str


@dataclass(frozen=True)
class StartConsult:
    leg_id: str
    consult_id: str


@dataclass(frozen=True)
class CompleteTransfer:
    leg_id: str


@dataclass(frozen=True)
class Join:
    """Attended transfer of two calls that were dialled apart: the other party of `other_leg_id` in
    `other_id` moves to the other party of `leg_id`; both legs are the transferor's.

    Where the worker of the first call lacks the media of the party that moves, it says `PeerMissing`.
    """

    leg_id: str
    other_id: str
    other_leg_id: str


@dataclass(frozen=True)
class Merge:
    """A conversation of three: the other party of `other_leg_id` in `other_id` moves into this call, where
    `leg_id` stays; both legs are of whoever merges."""

    leg_id: str
    other_id: str
    other_leg_id: str


@dataclass(frozen=True)
class CancelTransfer:
    leg_id: str


@dataclass(frozen=True)
class Supervise:
    """The call is to be supervised by the call `supervisor_id`, which opens by itself."""

    supervisor_id: str
    supervision: Supervision


@dataclass(frozen=True)
class SetSupervision:
    """Of a supervisor's call: another mode. leg_id: who hears a whisper, None: whoever did."""

    mode: SupervisionMode
    leg_id: str | None = None
    by: str = ""


@dataclass(frozen=True)
class Configure:
    """What a participant set for itself, whole."""

    leg_id: str
    settings: Settings


@dataclass(frozen=True)
class Reoffer:
    """`call.update`: new tracks or an ICE restart. `media`: what now may flow, None as before."""

    leg_id: str
    sdp: str
    media: Media | None = None


@dataclass(frozen=True)
class AskOffer:
    """A SIP party asks for an offer of ours (an INVITE without SDP in a call): the worker makes one."""

    leg_id: str


# --- signals --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SessionTaken:
    """A media worker holds the call's session."""


@dataclass(frozen=True)
class AnswerMade:
    leg_id: str
    sdp: str
    serial: int = 1


@dataclass(frozen=True)
class OfferRefused:
    """The worker cannot use a later offer, or make one: the leg's descriptions are what they were.

    refused: what the leg has of the far end instead (None where we were to offer). offer, answer, offered,
    media: as in the leg before (RFC 3264 section 8: the session stays as it is).
    """

    leg_id: str
    serial: int
    refused: str | None
    offer: str | None
    answer: str | None
    offered: bool
    media: Media


@dataclass(frozen=True)
class OfferMade:
    attempt_id: str
    sdp: str


@dataclass(frozen=True)
class AttemptFailed:
    """A device that is being rung can be reached no further: its own answer (`sip_<code>`) or our fault.

    It is not rung again by this leg, unlike one that merely vanished (MediaFailed `unreachable`).
    """

    attempt_id: str
    cause: str


@dataclass(frozen=True)
class MediaConnected:
    peer_id: str


@dataclass(frozen=True)
class MediaFailed:
    peer_id: str
    cause: str = "media_failed"


@dataclass(frozen=True)
class MediaLost:
    """What should come does not. reason: silence no_first_rtp; of a picture: codec no_common_codec."""

    peer_id: str
    reason: str = "silence"
    kind: str = "audio"


@dataclass(frozen=True)
class DigitReceived:
    peer_id: str
    digit: str
    duration_ms: int = 0


@dataclass(frozen=True)
class AppAnswered:
    """A room or script took the call."""

    leg_id: str


@dataclass(frozen=True)
class ScriptRunEnded:
    """The script run of the call (or of an app leg) is over."""

    run_id: str
    error: bool = False


@dataclass(frozen=True)
class DurationLimited:
    """A script's `answer` gives the call so many seconds from its answer, where that is less than it has."""

    seconds: int


@dataclass(frozen=True)
class DeviceOnline:
    """A subscriber's device came online, or came back."""

    device: DeviceRef
    subscriber_id: str


@dataclass(frozen=True)
class DeviceOffline:
    device_id: str
    final: bool = False  # it will not come back: no grace
    gone: bool = False  # its page was left: it may come back by a reload, which takes no time


@dataclass(frozen=True)
class SipProgress:
    """The far SIP end rings (180), or sends early media (183 with SDP)."""

    leg_id: str
    sdp: str | None = None


@dataclass(frozen=True)
class SipFailed:
    leg_id: str
    code: int
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class WorkerLost:
    """The session's worker died; `cause` is worker_lost, drained or no_capacity."""

    cause: str = "worker_lost"


@dataclass(frozen=True)
class WorkerMoved:
    """The session's worker is lost and another is to carry on: every peer must be offered again.

    `spare`: fresh attempt ids, one per device that rings with an offer of the lost worker; without one
    such a device drops out.
    """

    spare: tuple[str, ...] = ()


@dataclass(frozen=True)
class PeerMissing:
    """The worker is to carry an agreed peer that it does not have: two calls were joined whose media are
    with different workers. `serial`: of the descriptions that it was to hold."""

    peer_id: str
    serial: int


@dataclass(frozen=True)
class Reanswered:
    """The far end answered the offer that the platform made it after a move (a SIP re-INVITE)."""

    leg_id: str
    sdp: str


@dataclass(frozen=True)
class DeadlinePassed:
    """Some timer is due; the machine looks which."""


@dataclass(frozen=True)
class Limits:
    """Seconds, from the settings."""

    setup: int = 10
    grace: int = 15
    gone: int = 2  # the same for a page that was left
    expiring: int = 60
    media: int = 20
    reoffer: int = 5  # for a device to offer afresh after its worker was lost
    rings: dict[str, int] = field(default_factory=dict)


Command: TypeAlias = (
    Answer
    | AnswerWithScript
    | Reject
    | Hangup
    | Hold
    | Resume
    | Mute
    | Unmute
    | SendDigits
    | UserEvent
    | Configure
    | Reoffer
    | AskOffer
    | StartTransfer
    | Connect
    | RunScript
    | StartConsult
    | CompleteTransfer
    | Join
    | Merge
    | CancelTransfer
    | Supervise
    | SetSupervision
)
Signal: TypeAlias = (
    Open
    | SessionTaken
    | AnswerMade
    | OfferRefused
    | OfferMade
    | MediaConnected
    | MediaFailed
    | MediaLost
    | DigitReceived
    | AppAnswered
    | ScriptRunEnded
    | DurationLimited
    | DeviceOnline
    | DeviceOffline
    | SipProgress
    | SipFailed
    | AttemptFailed
    | WorkerLost
    | WorkerMoved
    | PeerMissing
    | Reanswered
    | DeadlinePassed
)
Input: TypeAlias = Command | Signal
