"""REGISTER as its server: what one authenticated request asks for, and its answer (RFC 3261 10.3).

Pure but for the store it is given. What must not live here: authentication, and where bindings live.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sipmessage import Request

from calling.sip.transaction import Hop
from calling.sip.values import parse_address, split_list, uri_text

SHORTEST, DEFAULT, LONGEST = 60, 3600, 7200
MAX_CONTACTS = 10


@dataclass(frozen=True)
class Binding:
    """One device of an account: its Contact URI and where its packets come from; `expires` seconds."""

    contact: str
    hop: Hop
    expires: int
    user_agent: str = ""
    call_id: str = ""
    sequence: int = 0


@dataclass(frozen=True)
class Change:
    """What one REGISTER wants: bindings to keep, contacts to drop, or everything gone."""

    keep: tuple[Binding, ...] = ()
    drop: tuple[str, ...] = ()
    drop_all: bool = False


Update = Callable[[str, Change], Awaitable[list[Binding]]]
"""update(account, change) -> the bindings that stand afterwards."""


@dataclass(frozen=True)
class Registered:
    """The answer: status and headers."""

    code: int
    headers: tuple[tuple[str, str], ...] = ()


def wanted(request: Request, hop: Hop) -> Change | Registered:
    """Read a REGISTER; a Registered is the refusal of one that cannot be carried out."""
    raw = split_list(request.headers.getlist("Contact"))
    outer = request.headers.get("Expires")
    default = int(outer) if outer and outer.isdecimal() and len(outer) < 10 else DEFAULT
    if raw == ["*"]:
        return Change(drop_all=True) if default == 0 and outer else Registered(400)
    if len(raw) > MAX_CONTACTS:
        return Registered(403)
    keep, drop = [], []
    for item in raw:
        try:
            address = parse_address(item)
        except ValueError:
            return Registered(400)
        own = address.parameters.get("expires")
        seconds = int(own) if own and own.isdecimal() and len(own) < 10 else default
        if seconds == 0:
            drop.append(uri_text(item))
        elif seconds < SHORTEST:
            return Registered(423, (("Min-Expires", str(SHORTEST)),))
        else:
            keep.append(
                Binding(
                    uri_text(item)[:500],
                    hop,
                    min(seconds, LONGEST),
                    (request.headers.get("User-Agent") or "")[:200],
                    request.call_id,
                    request.cseq.sequence,
                )
            )
    return Change(tuple(keep), tuple(drop))


def answer(bindings: list[Binding]) -> Registered:
    """200 with every binding that stands."""
    return Registered(200, tuple(("Contact", f"<{b.contact}>;expires={b.expires}") for b in bindings))
