"""What may reach the machine: commands (may be refused) and signals (may be late, never wrong). Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from calling.machine.reasons import EndedBy
from calling.machine.states import Leg, Media


class Refused(Exception):
    """A command that is not legal now. The state it met is named (409 `not_allowed`)."""

    def __init__(self, message: str, state: str, code: str = "not_allowed") -> None:
        super().__init__(message)
        self.message, self.state, self.code = message, state, code


@dataclass(frozen=True)
class DeviceSpec:
    id: str
    attempt_id: str
    kind: str = "phone"


# --- commands -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Open:
    """The call exists: its first input, right after it was built by `opening.open_call`."""


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
class StartTransfer:
    """Blind transfer: `leg_id` gives its other party to `targets`; alone, it is connected itself."""

    leg_id: str
    targets: tuple[Leg, ...]
    to: str


@dataclass(frozen=True)
class Connect:
    """A script (or `connect`) joins further legs to `leg_id`; the first to answer wins."""

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

    apart: the calls' media are in different sessions, so the party that moves needs media afresh.
    """

    leg_id: str
    other_id: str
    other_leg_id: str
    apart: bool = False


@dataclass(frozen=True)
class CancelTransfer:
    leg_id: str


@dataclass(frozen=True)
class Reoffer:
    """`call.update`: new tracks or an ICE restart. `media`: what now may flow, None as before."""

    leg_id: str
    sdp: str
    media: Media | None = None


# --- signals --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Carried:
    """A media worker holds the call's session."""


@dataclass(frozen=True)
class AnswerMade:
    leg_id: str
    sdp: str
    serial: int = 1


@dataclass(frozen=True)
class OfferMade:
    attempt_id: str
    sdp: str


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
class ProgramEnded:
    """The script run of the call (or of an app leg) is over."""

    run_id: str
    error: bool = False


@dataclass(frozen=True)
class DeviceOnline:
    """A subscriber's device came online, or came back."""

    device: DeviceSpec
    subscriber_id: str


@dataclass(frozen=True)
class DeviceOffline:
    device_id: str
    final: bool = False  # it will not come back: no grace


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
    expiring: int = 60
    media: int = 20
    reoffer: int = 5  # for a device to offer afresh after its worker was lost (contract 6)
    rings: dict[str, int] = field(default_factory=dict)
