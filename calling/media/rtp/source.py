"""What can be heard or seen, and who takes what the platform itself makes.

Interfaces only: a leg's own media is an RtpReceiver, what goes to a leg an RtpSender.
"""

from __future__ import annotations

from typing import Protocol

from calling.media.rtp.forwarding import Forwarded
from calling.media.rtp.receiver import RtpReceiver
from calling.sdp.model import Codec
from calling.sdp.negotiation import Transceiver


class Listener(Protocol):
    """Where a producer's payloads go: an RtpSender, or what stands in its place."""

    @property
    def line(self) -> Transceiver | None: ...
    @property
    def codec(self) -> Codec | None: ...
    @property
    def ready(self) -> bool: ...
    def push(self, feeder: object, payload: bytes, pt: int, step: int, marker: bool = False) -> None: ...
    def lent(self, feeder: object) -> Forwarded | None: ...
    def offer(self, feeder: object, codec: Codec) -> None: ...
    def next_picture(self) -> int: ...


class Producer(Protocol):
    """What the platform itself lets a leg hear or see: pushes payloads to all that are attached."""

    def attach(self, listener: Listener) -> None: ...
    def detach(self, listener: Listener) -> None: ...
    def request_keyframe(self) -> None: ...


class Source(Protocol):
    """Anything that can be heard or seen."""

    def source(self, kind: str) -> RtpReceiver | Producer | None:
        """Who gives packets of that kind."""
