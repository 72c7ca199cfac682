"""What forwards packets in place of Python, as the packet path sees it (calling/media/loop).

Interfaces only, and how often a stream is handed on. What must not live here: which packets may be forwarded
so, and their numbers meanwhile (`lent`).
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

STEADY = 10  # packets handed on between two offers to do so without Python
FIRST = 3  # and until the first, or the first after a change: Python takes long to wake up for each


class Forwarded(Protocol):
    """One stream that is forwarded to its sinks without Python, or what is pushed to one sink so
    (calling/media/loop).

    The numbers of all of them are not theirs meanwhile: they are as they were at the last `sync`.
    """

    number: int
    feed: Feed | None  # what is pushed

    def sync(self) -> None:
        """Write the numbers of now to the stream and the sinks."""

    def recall(self) -> None:
        """The same, and from now on each packet comes through Python."""

    def kept(self, sequence: int) -> bytes | None:
        """The packet of a picture with that number, if it was forwarded so and is still there."""


class Rested(Forwarded, Protocol):
    """One whose levels are noted and whose last packets are kept."""

    def level(self) -> int | None:
        """The loudest since the last call, None where nothing came."""

    def drain(self) -> None:
        """Hand the packets that were kept since the last call to the taps, as many as one of them wants."""


class Pushes(Protocol):
    """What pushes to many senders at once."""

    def push(self, numbers: list[int], payload: bytes, step: int) -> None:
        """Push a payload to all of these, by the numbers of what was taken over."""


class Feed(NamedTuple):
    """What is pushed to a sender: all of one feeder with the same feed get the same payloads."""

    forwarder: Pushes
    codec: str  # its name in lower case
    step: int  # clock units of each payload
