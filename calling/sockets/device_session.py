"""One device on one socket, in either protocol: its owner, what it was told, when it was last heard.

Lives in the event loop; nothing here waits. Must not live here: words of a protocol.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

import clock
from calling.models import TextMessage
from calling.sockets.call_updates import CallUpdate, DeviceLeg
from calling.sockets.send_queue import SendQueue
from tokens.signing import InvalidToken
from tokens.subjects import TokenHolder


class View(Protocol):
    """What a device was told of one of its legs."""

    @property
    def call_id(self) -> str: ...

    @property
    def sequence(self) -> int: ...


V = TypeVar("V", bound=View)


class DeviceSession(ABC, Generic[V]):
    """The state of a device's conversation. `told`: what it knows, by leg id."""

    def __init__(self, device_id: str, holder: TokenHolder, out: SendQueue) -> None:
        self.device_id = device_id
        self.holder = holder
        self.out = out
        self.told: dict[str, V] = {}
        self.connection: UUID | None = None  # the socket, once its hub has the line
        self.expired = False
        self.on_expiry: Callable[[str], None] | None = None
        self.heard_at = clock.time()

    @property
    def subscriber_id(self) -> str | None:
        """Whose nudges concern this device; a guest is nobody that could be rung."""
        return str(self.holder.subscriber_id) if self.holder.subscriber_id else None

    def require_token(self) -> None:
        """Before anything that calls somebody: a token that is over keeps its live calls, and dials nobody.
        Raises InvalidToken."""
        if self.expired or self.holder.expires_at <= clock.now():
            raise InvalidToken("token_expired", "The token has expired: send a new one.")

    @property
    def in_room(self) -> bool:
        """Whether it wants to look whenever something happens in its project's rooms."""
        return False

    @property
    def reads_messages(self) -> bool:
        """Whether it wants to be told what is written in its holder's conversations."""
        return False

    def hear_messages(self, found: Iterable[TextMessage]) -> None:
        """Say what is new among the messages of the last half minute."""

    def known(self) -> dict[str, int]:
        """Call id → the lowest sequence told; the calls whose events are wanted."""
        lowest: dict[str, int] = {}
        for told in self.told.values():
            lowest[told.call_id] = min(told.sequence, lowest.get(told.call_id, told.sequence))
        return lowest

    @abstractmethod
    def hear(self, found: list[DeviceLeg], news: dict[str, CallUpdate]) -> bool:
        """Say what is new. True: look again, at calls not known before."""

    @abstractmethod
    def has_calls(self) -> bool:
        """Whether a call keeps the socket of a token that has expired."""

    @abstractmethod
    def tick(self, now: float) -> None:
        """Look at the clock: token expiry, idleness. `now`: unix seconds."""

    def say(self, message: dict[str, Any]) -> None:
        """Send an answer; it is lost with its socket."""
        self.out.push(message)

    async def revoked(self) -> None:
        """Close the socket: the token was revoked."""
        if self.on_expiry is not None:
            self.on_expiry("revoked")
