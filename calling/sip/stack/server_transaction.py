"""RFC 3261 17.2 server transactions, INVITE with RFC 6026 states and 2xx retransmission.

Pure. The 2xx is repeated here (RFC 3261 13.3.1.4 leaves that to the user of the transaction) until
`acknowledged` is called, over every transport, so that it lives next to the other timers.
"""

from __future__ import annotations

from sipmessage import Request, Response

from calling.sip.stack.headers import parse_via
from calling.sip.stack.messages import tag_of_loosely
from calling.sip.stack.transaction import (
    MAGIC,
    T1,
    T2,
    T4,
    Action,
    Ended,
    Hop,
    Send,
    Timers,
    TransactionFailed,
)


def server_key(request: Request) -> tuple[str, ...]:
    """What a retransmission, a CANCEL and the ACK of a failure share with the request (17.2.3)."""
    via = parse_via(request.headers["Via"])
    method = "INVITE" if request.method in ("ACK", "CANCEL") else request.method
    sent_by = f"{via.host.lower()}:{via.port or 5060}"
    branch = via.parameters.get("branch") or ""
    if branch.startswith(MAGIC) and len(branch) > len(MAGIC):
        return branch, sent_by, method
    from_tag = tag_of_loosely(request.headers["From"]) or ""
    sequence = request.headers["CSeq"].split()[0]
    return request.headers["Call-ID"], from_tag, sequence, sent_by, str(request.uri), method


class ServerTransaction:
    """One request we received and the answers we gave."""

    def __init__(self, request: Request, hop: Hop) -> None:
        self.request, self.hop = request, hop
        self.invite = request.method == "INVITE"
        self.state = "proceeding" if self.invite else "trying"
        self.timers = Timers()
        self.final: int | None = None
        self._last: bytes | None = None
        self._interval = T1

    def receive(self, request: Request, now: float) -> list[Action]:
        """A retransmission of the request, or the ACK that matched by branch."""
        if request.method == "ACK":
            if self.invite and self.state == "completed":
                self.state = "confirmed"
                if self.hop.reliable:
                    return self._end()
                self.timers.only("ended", now + T4)
            return []
        if self._last is not None and self.state in ("proceeding", "completed"):
            return [Send(self._last, self.hop)]
        return []

    def respond(self, response: Response, now: float) -> list[Action]:
        """Send a response; nothing happens once a final one went out."""
        if self.final is not None or self.state == "terminated":
            return []
        data = bytes(response)
        if response.code < 200:
            self.state = "proceeding"
            self._last = data
            return [Send(data, self.hop)]
        self.final, self._last = response.code, data
        if not self.invite:
            self.state = "completed"
            if self.hop.reliable:
                return [Send(data, self.hop), *self._end()]
            self.timers.only("ended", now + 64 * T1)
            return [Send(data, self.hop)]
        if response.code < 300:
            self.state = "accepted"
            self.timers.set("repeat", now + T1)
            self.timers.set("no_ack", now + 64 * T1)
            return [Send(data, self.hop)]
        self.state = "completed"
        if not self.hop.reliable:
            self.timers.set("repeat", now + T1)
        self.timers.set("no_ack", now + 64 * T1)
        return [Send(data, self.hop)]

    def acknowledged(self, now: float) -> list[Action]:
        """The dialog saw the ACK of our 2xx: stop repeating, stay a while for late repeats (RFC 6026)."""
        if self.state == "accepted":
            self.timers.only("ended", now + 64 * T1)
        return []

    def tick(self, now: float) -> list[Action]:
        """Carry out every timer that is due."""
        actions: list[Action] = []
        for name in self.timers.expired(now):
            if name == "repeat" and self._last is not None:
                actions.append(Send(self._last, self.hop))
                self._interval = min(self._interval * 2, T2)
                self.timers.set("repeat", now + self._interval)
            elif name == "no_ack":
                failed = [TransactionFailed("no_ack")] if self.state == "accepted" else []
                actions += self._end(*failed)
            else:
                actions += self._end()
        return actions

    def transport_failed(self) -> list[Action]:
        """A response could not be put on the wire."""
        return [] if self.state == "terminated" else self._end(TransactionFailed("transport"))

    def _end(self, *first: Action) -> list[Action]:
        self.state = "terminated"
        self.timers.due.clear()
        return [*first, Ended()]
