"""What a SIP call tells its user, as small values put into `call.notices`.

Pure values but for the answering closures of `Offer` and `Referred`. What must not live here: rules.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from calling.sip.stack.headers import Replaces

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Progress:
    """180 to 199: ringing, or early media when `sdp` is there (an answer to our offer).

    `place`: its tag, which tells the places that a network rings at once from each other.
    """

    code: int
    sdp: str | None = None
    headers: Headers = ()
    place: str = ""


@dataclass(frozen=True)
class Answered:
    """The far end accepted; `sdp` answers our offer (or was given in a reliable 183 already)."""

    sdp: str | None = None
    headers: Headers = ()
    place: str = ""


@dataclass(frozen=True)
class SessionFailed:
    """A final refusal, 408 for silence, 503 for no route; `contacts` are a 3xx's targets, the best first.

    `said`: the far end's own word, not ours for want of one.
    """

    code: int
    reason: str
    headers: Headers = ()
    contacts: tuple[str, ...] = ()
    said: bool = False


@dataclass(frozen=True)
class Finished:
    """The call is over: `by` is `remote`, `local` or `network`; `why` one word such as bye, cancel, elsewhere
    (a CANCEL that says that the call was taken there)."""

    by: str
    why: str
    headers: Headers = ()


@dataclass(frozen=True)
class Confirmed:
    """The ACK of our 2xx came, or the PRACK of our 183; `sdp` answers the offer that stood in it."""

    sdp: str | None = None


@dataclass(frozen=True)
class Offer:
    """The far end wants a new session (re-INVITE or UPDATE); call one of the two, once.

    `answer` says False where it came too late: the far end took its offer back, so what was before holds.
    """

    sdp: str
    answer: Callable[[str], Awaitable[bool]] = field(compare=False)
    reject: Callable[[int], Awaitable[None]] = field(compare=False)


@dataclass(frozen=True)
class Question:
    """A re-INVITE without an offer: call `offer` once with ours; the answer comes as `Confirmed`.

    `offer` says False where it came too late.
    """

    offer: Callable[[str], Awaitable[bool]] = field(compare=False)


@dataclass(frozen=True)
class Digit:
    """A key in an INFO; `duration_ms` as the far end says."""

    digit: str
    duration_ms: int = 160


@dataclass(frozen=True)
class Referred:
    """The far end asks for a transfer. `decide(code)` answers (202 or a refusal), `report(code)` follows."""

    target: str
    replaces: Replaces | None
    decide: Callable[[int], Awaitable[None]] = field(compare=False)
    report: Callable[[int], Awaitable[None]] = field(compare=False)


@dataclass(frozen=True)
class ReferProgress:
    """How the transfer we asked for is going: a status from the far end's NOTIFY."""

    code: int


SessionEvent = (
    Progress
    | Answered
    | SessionFailed
    | Finished
    | Confirmed
    | Offer
    | Question
    | Digit
    | Referred
    | ReferProgress
)
