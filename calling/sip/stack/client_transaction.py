"""RFC 3261 17.1 client transactions, INVITE with the RFC 6026 Accepted state, and non-INVITE.

Pure. The caller keeps the object, feeds it responses and `tick`, and carries out the actions.
A ringing INVITE has no timer of its own: how long a phone may ring is the user's business.
"""

from __future__ import annotations

from sipmessage import Request, Response

from calling.sip.stack.transaction import (
    T1,
    T2,
    T4,
    Action,
    Deliver,
    Ended,
    Hop,
    Send,
    Timers,
    TransactionFailed,
)


class ClientTransaction:
    """One request we sent and everything that answers it."""

    def __init__(self, request: Request, hop: Hop, branch: str) -> None:
        self.request, self.hop, self.branch = request, hop, branch
        self.invite = request.method == "INVITE"
        self.state = "calling" if self.invite else "trying"
        self.timers = Timers()
        self._interval = T1
        self._data = bytes(request)
        self._ack: bytes | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Matching of responses: branch and CSeq method (RFC 3261 17.1.3)."""
        return self.branch, self.request.method

    def start(self, now: float) -> list[Action]:
        """Send the request for the first time."""
        if not self.hop.reliable:
            self.timers.set("retransmit", now + T1)
        self.timers.set("give_up", now + 64 * T1)
        return [Send(self._data, self.hop)]

    def receive(self, response: Response, now: float) -> list[Action]:
        """A response that matched `key`."""
        return self._invite(response, now) if self.invite else self._plain(response, now)

    def tick(self, now: float) -> list[Action]:
        """Carry out every timer that is due."""
        actions: list[Action] = []
        for name in self.timers.expired(now):
            if name == "retransmit":
                actions.append(Send(self._data, self.hop))
                self._interval = self._interval * 2 if self.invite else min(self._interval * 2, T2)
                if self.state == "proceeding":
                    self._interval = T2
                self.timers.set("retransmit", now + self._interval)
            elif name == "give_up":
                actions += self._end(TransactionFailed("timeout"))
            else:
                actions += self._end()
        return actions

    def given_up(self, now: float) -> None:
        """Its CANCEL goes out: without a final answer it is over after 64 T1 (RFC 3261 9.1)."""
        self.timers.set("ended", now + 64 * T1)

    def transport_failed(self) -> list[Action]:
        """The request could not be put on the wire."""
        return (
            []
            if self.state in ("terminated", "completed", "accepted")
            else self._end(TransactionFailed("transport"))
        )

    def _end(self, *first: Action) -> list[Action]:
        self.state = "terminated"
        self.timers.due.clear()
        return [*first, Ended()]

    def _invite(self, response: Response, now: float) -> list[Action]:
        if self.state in ("calling", "proceeding"):
            if response.code < 200:
                self.state = "proceeding"
                self.timers.clear("retransmit", "give_up")
                return [Deliver(response)]
            if response.code < 300:
                self.state = "accepted"
                self.timers.only("ended", now + 64 * T1)
                return [Deliver(response)]
            self.state = "completed"
            self._ack = bytes(self._failure_ack(response))
            if self.hop.reliable:
                return [Send(self._ack, self.hop), Deliver(response), *self._end()]
            self.timers.only("ended", now + 64 * T1)
            return [Send(self._ack, self.hop), Deliver(response)]
        if self.state == "completed" and response.code >= 300 and self._ack is not None:
            return [Send(self._ack, self.hop)]
        if self.state == "accepted" and 200 <= response.code < 300:
            # A repeated 2xx, or one from another branch of a fork: the user must ACK each of them.
            return [Deliver(response)]
        return []

    def _plain(self, response: Response, now: float) -> list[Action]:
        if self.state not in ("trying", "proceeding"):
            return []
        if response.code < 200:
            self.state = "proceeding"
            return [Deliver(response)]
        self.state = "completed"
        if self.hop.reliable:
            return [Deliver(response), *self._end()]
        self.timers.only("ended", now + T4)
        return [Deliver(response)]

    def _failure_ack(self, response: Response) -> Request:
        """RFC 3261 17.1.1.3: same branch, Request-URI and Route; To from the response."""
        ack = Request("ACK", self.request.uri)
        ack.headers.set("Via", self.request.headers["Via"])
        for route in self.request.headers.getlist("Route"):
            ack.headers.add("Route", route)
        ack.headers.set("Max-Forwards", "70")
        ack.headers.set("From", self.request.headers["From"])
        ack.headers.set("To", response.headers["To"])
        ack.headers.set("Call-ID", self.request.headers["Call-ID"])
        ack.headers.set("CSeq", f"{self.request.cseq.sequence} ACK")
        ack.headers.set("Content-Length", "0")
        return ack
