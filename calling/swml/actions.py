"""What an SWML script asks the outside world to do: one frozen record per kind. Pure.

The interpreter yields one Action at a time; whoever carries it out gives an outcome (a JSON object) back to
`interpret.advance`. The outcome each action expects is in its docstring; every field of it is optional.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to play. `url`: text is the URL; `say`: the words; `silence`: `seconds`; `ring`: text is the
    country, `seconds` 0 means one ring."""

    kind: Literal["url", "say", "silence", "ring"]
    text: str = ""
    seconds: float = 0


@dataclass(frozen=True, slots=True)
class Playing:
    """Items in order, `loops` times over (0 = until stopped), louder or softer by `volume` dB (-40 to 40)."""

    items: tuple[Item, ...]
    volume: float = 0
    loops: int = 1
    voice: str = ""
    language: str = "en-US"
    gender: str = ""
    status_url: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """`path`: the step that asks, for logs and the call's timeline."""

    path: str


@dataclass(frozen=True, slots=True)
class Answer(Action):
    """Answer the call if it is not answered. `max_duration`: it ends so many seconds after its answer, if not
    before. Outcome {}."""

    max_duration: int | None = None


@dataclass(frozen=True, slots=True)
class Hangup(Action):
    """End the call. The run is over."""

    reason: str = "hangup"


@dataclass(frozen=True, slots=True)
class Done(Action):
    """The script is at its end. `error`: why, where that was not by its own will. The run is over."""

    error: str = ""


@dataclass(frozen=True, slots=True)
class Play(Action):
    """Play to the call and wait. Outcome {result: finished|stopped|failed}."""

    playing: Playing
    auto_answer: bool = True


@dataclass(frozen=True, slots=True)
class Prompt(Action):
    """Play and take keys, or (`speech`: fields of a collect's) words; the first of either stops the sound.
    Outcome {result: match_digits|match_speech|no_input|no_match|failed, value, terminator, confidence}."""

    playing: Playing
    max_digits: int = 1
    terminators: str = ""
    digit_timeout: float = 5
    initial_timeout: float = 5
    digits: bool = True
    speech: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Record(Action):
    """Record the party and wait. Outcome {result: finished|no_input|failed, url, duration_ms, size}."""

    format: str = "wav"
    stereo: bool = False
    direction: str = "speak"
    beep: bool = False
    terminators: str = "#"
    initial_timeout: float = 4
    end_silence_timeout: float = 5
    max_length: float = 0
    input_sensitivity: float = 44
    status_url: str = ""


@dataclass(frozen=True, slots=True)
class StartRecord(Record):
    """Record in the background. Outcome {control_id, result, url}."""

    control_id: str = ""


@dataclass(frozen=True, slots=True)
class StopRecord(Action):
    """Outcome {url, result}."""

    control_id: str = ""


@dataclass(frozen=True, slots=True)
class Device:
    """One destination. `from_caller`: its text came from the caller, so the caller's own scope must allow
    it. `answer_on_bridge`: a party that is not answered yet is answered when this device is. `confirm`:
    steps, or the URL of a document; `confirm_from_caller` as a Request's."""

    to: str
    from_caller: bool = False
    caller: str = ""
    caller_name: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 60
    max_duration: float = 14400
    codecs: str = ""
    confirm: Any = None
    confirm_timeout: float = 0
    confirm_from_caller: bool = False
    username: str = ""
    password: str = ""
    encryption: str = ""
    session_timeout: float = 0
    answer_on_bridge: bool = False
    call_state_url: str = ""
    call_state_events: tuple[str, ...] = ("ended",)
    status_url: str = ""


@dataclass(frozen=True, slots=True)
class Connect(Action):
    """Dial the groups one after the other, the devices of a group at once; wait until the bridge ends.
    Outcome {result: connected|failed, reason, peer}."""

    groups: tuple[tuple[Device, ...], ...]
    ringback: Playing | None = None


@dataclass(frozen=True, slots=True)
class ConnectRelay(Action):
    """Let a program talk with the party by text, until it ends that. `asked`: fields of a `relay`; what
    becomes of it is told to `status_url`. Outcome {result: connected|failed, reason, relay_result,
    handoff_data, session_id}."""

    asked: Mapping[str, Any]
    status_url: str = ""


@dataclass(frozen=True, slots=True)
class JoinRoom(Action):
    """Join a room until the party leaves it, muted from the start or not. `from_caller` as a Device's.
    Outcome {result: left|failed}."""

    name: str
    muted: bool = False
    from_caller: bool = False


@dataclass(frozen=True, slots=True)
class Transfer(Action):
    """Hand the party to a destination that is no script. Outcome {result: transferred|failed}."""

    to: str
    from_caller: bool = False


@dataclass(frozen=True, slots=True)
class Refer(Action):
    """Take a SIP party to a SIP URI, as `Transfer` does. `username`, `password`: for a challenge of its host.
    Outcome {result: success|failed}."""

    to: str
    from_caller: bool = False
    username: str = ""
    password: str = ""
    status_url: str = ""


@dataclass(frozen=True, slots=True)
class UserEvent(Action):
    """Tell the party's client something of the script's own. Outcome {}."""

    event: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SendDigits(Action):
    """Outcome {result: finished|failed}."""

    digits: str


@dataclass(frozen=True, slots=True)
class Sleep(Action):
    """`seconds` None: until something else ends the script. Outcome {}."""

    seconds: float | None


@dataclass(frozen=True, slots=True)
class Request(Action):
    """An HTTP exchange. `from_caller`: the URL holds the caller's words, so no redirect is followed.
    Outcome {status, headers, body} or {error}."""

    url: str
    method: str
    headers: Mapping[str, str]
    body: str
    timeout: float
    from_caller: bool = False
    connect_timeout: float = 0


@dataclass(frozen=True, slots=True)
class StartStream(Action):
    """Send (and take) the call's sound over a WebSocket (`stream`) or copy it out (`tap`).
    Outcome {control_id, result}."""

    verb: Literal["stream", "tap"]
    url: str
    control_id: str = ""
    track: str = "inbound_track"
    codec: str = "PCMU"
    bidirectional: bool = True
    bearer: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    status_url: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class StopStream(Action):
    """Outcome {result}."""

    verb: Literal["stream", "tap"]
    control_id: str = ""


@dataclass(frozen=True, slots=True)
class DetectMachine(Action):
    """Tell who is at the other end. `thresholds`: those of a `detect` that are given, in seconds and words.
    `message_end`: go on until a machine takes a message. `wait` False: it goes on beside the script.
    Outcome {result: human|machine|fax|unknown|failed, beep, ms}."""

    thresholds: Mapping[str, Any] = field(default_factory=dict)
    message_end: bool = False
    timeout: float = 30
    wait: bool = True
    status_url: str = ""


@dataclass(frozen=True, slots=True)
class StartTranscribe(Action):
    """Put into words what the party says, or everybody (`of_all`). `asked`: fields of a `transcribe`; what is
    heard is told to `status_url` too. Outcome {result, control_id}."""

    asked: Mapping[str, Any]
    of_all: bool = False
    status_url: str = ""


@dataclass(frozen=True, slots=True)
class StopTranscribe(Action):
    """End the transcript that began last. Outcome {result}."""


@dataclass(frozen=True, slots=True)
class StartDenoise(Action):
    """Take the noise out of what the party says. Outcome {result}."""


@dataclass(frozen=True, slots=True)
class StopDenoise(Action):
    """Let it be heard as it comes again. Outcome {result}."""


@dataclass(frozen=True, slots=True)
class Fetch(Action):
    """Get another document (POST of the call, vars, envs and these params). `from_caller` as a Request's.
    Outcome {document: Document.as_json()} or {error: text}."""

    url: str
    params: Mapping[str, Any]
    vars: Mapping[str, Any]
    from_caller: bool = False
