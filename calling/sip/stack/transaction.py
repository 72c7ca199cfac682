"""What client and server transactions share: actions, timers as data, the peer's place.

Pure, no input or output: a transaction is fed messages and the time and returns actions. Timer
values are RFC 3261 17 (table 4) and RFC 6026. What must not live here: sockets, dialogs, tasks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sipmessage import Request, Response

T1, T2, T4 = 0.5, 4.0, 5.0
MAGIC = "z9hG4bK"


@dataclass(frozen=True)
class Hop:
    """Where a message goes: transport (UDP, TCP, TLS, WS, WSS), literal address, port.

    `name` is the host name whose certificate a TLS peer must show; "" for a received connection. Over a
    WebSocket it is the flow's own name: a browser cannot be connected to, so it has no other place.
    """

    transport: str
    host: str
    port: int
    name: str = ""

    @property
    def reliable(self) -> bool:
        return self.transport != "UDP"

    @property
    def websocket(self) -> bool:
        """Whether a browser is there: over its WebSocket alone, and with WebRTC media."""
        return self.transport in ("WS", "WSS")


@dataclass(frozen=True)
class Send:
    """Put these octets on the wire."""

    data: bytes
    hop: Hop


@dataclass(frozen=True)
class Deliver:
    """Hand this message to the transaction's user."""

    message: Request | Response


@dataclass(frozen=True)
class TransactionFailed:
    """The transaction gave up: `timeout`, `transport`, or `no_ack` (RFC 3261 13.3.1.4)."""

    why: str


@dataclass(frozen=True)
class Ended:
    """Forget the transaction."""


Action = Send | Deliver | TransactionFailed | Ended


@dataclass
class Timers:
    """Named deadlines in seconds of the caller's clock."""

    due: dict[str, float] = field(default_factory=dict)

    def set(self, name: str, at: float) -> None:
        self.due[name] = at

    def clear(self, *names: str) -> None:
        for name in names:
            self.due.pop(name, None)

    def only(self, name: str, at: float) -> None:
        """Drop every timer and set this one."""
        self.due = {name: at}

    def next(self) -> float | None:
        return min(self.due.values(), default=None)

    def expired(self, now: float) -> Iterator[str]:
        """Names whose time has come, earliest first, each removed before it is given."""
        while True:
            ready = [(at, name) for name, at in self.due.items() if at <= now]
            if not ready:
                return
            name = min(ready)[1]
            del self.due[name]
            yield name
