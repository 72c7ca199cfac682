"""Session timers (RFC 4028) as values: what both ends agreed, and when to act.

Pure. What must not live here: sending the refresh.
"""

from __future__ import annotations

from dataclasses import dataclass

from sipmessage import Request, Response

from calling.sip.stack.headers import first_of, tokens_of

DEFAULT, SHORTEST, LONGEST = 1800, 90, 86_400


@dataclass(frozen=True)
class SessionTimer:
    """`seconds` between refreshes at most; `ours` says that we send them."""

    seconds: int
    ours: bool

    @property
    def refresh_after(self) -> float:
        return self.seconds / 2

    @property
    def expire_after(self) -> float:
        """When the side that waits gives up: slightly early, as RFC 4028 10 asks."""
        return self.seconds - min(32.0, self.seconds / 3)

    @property
    def due_after(self) -> float:
        return self.refresh_after if self.ours else self.expire_after


def interval(message: Request | Response, name: str) -> tuple[int, str] | None:
    """(seconds, refresher or "") of a Session-Expires or Min-SE header."""
    value = message.headers.get(name)
    if not value:
        return None
    seconds, parameters = first_of(value)
    return min(int(seconds[:9]), LONGEST), (parameters.get("refresher") or "").lower()


def too_short(request: Request) -> bool:
    """Whether a request asks for an interval that is answered 422."""
    asked = interval(request, "Session-Expires")
    return asked is not None and asked[0] < SHORTEST


def agreed_as_server(request: Request) -> SessionTimer | None:
    """What we put into our 2xx. Without `timer` in Supported or Require there is none: nobody would refresh
    it."""
    supported = tokens_of(request.headers.getlist("Supported") + request.headers.getlist("Require"))
    asked = interval(request, "Session-Expires")
    if asked is None or "timer" not in supported:
        return None
    return SessionTimer(max(asked[0], SHORTEST), ours=asked[1] == "uas")


def agreed_as_client(response: Response) -> SessionTimer | None:
    """What the far end's 2xx says; without the header there is no timer."""
    found = interval(response, "Session-Expires")
    if found is None or found[0] < SHORTEST:
        return None
    return SessionTimer(found[0], ours=found[1] != "uas")


def header(timer: SessionTimer, *, server: bool) -> tuple[str, str]:
    """The Session-Expires header of a request (server False) or of a 2xx (server True)."""
    refresher = ("uas" if timer.ours else "uac") if server else ("uac" if timer.ours else "uas")
    return "Session-Expires", f"{timer.seconds};refresher={refresher}"
