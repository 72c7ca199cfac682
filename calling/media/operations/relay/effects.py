"""What a conversation asks to be done, one record each. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from calling.media.operations.relay.messages import Frame


@dataclass(frozen=True, slots=True)
class Send:
    """A frame to the program."""

    frame: Frame


@dataclass(frozen=True, slots=True)
class Speak:
    """Say a text after what is being said."""

    number: int
    text: str
    language: str


@dataclass(frozen=True, slots=True)
class PlayFile:
    number: int
    url: str
    loops: int


@dataclass(frozen=True, slots=True)
class Drop:
    """These pieces are not to be heard any more, the one that sounds included."""

    numbers: frozenset[int]


@dataclass(frozen=True, slots=True)
class Press:
    """Digits to the caller's line."""

    digits: str


@dataclass(frozen=True, slots=True)
class Listen:
    """Understand another language from now on."""

    language: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The relay is over."""

    reason: str
    handoff: str | None = None


Effect = Send | Speak | PlayFile | Drop | Press | Listen | Finish
