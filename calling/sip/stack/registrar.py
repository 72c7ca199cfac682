"""REGISTER as its server: what one authenticated request asks for, and its answer (RFC 3261 10.3).

Pure but for the store it is given. What must not live here: authentication, and where bindings live.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sipmessage import Address, Request

from calling.sip.stack.dialog import contact_uri
from calling.sip.stack.headers import name_addr, parse_address, parse_addresses, split_list, tokens_of
from calling.sip.stack.transaction import Hop

SHORTEST, DEFAULT, LONGEST = 60, 3600, 7200
MAX_CONTACTS = 10
MAX_PARAMETER_TEXT = 500
MAX_ALLOWED = 20
MAX_PROXIES = 8


@dataclass(frozen=True)
class Binding:
    """One device of an account: its Contact URI and where its packets come from; `expires` seconds.

    `parameters` are the Contact's own, as written, without expires. `flow` is the phone's +sip.instance and
    reg-id (RFC 5626 6), "" where it names none: there is one binding of each. `allows` are the methods of the
    request's Allow: a phone that names them here may leave them out of its answers. `path` are the proxies
    that lead to it, as Route values (RFC 3327).
    """

    contact: str
    hop: Hop
    expires: int
    user_agent: str = ""
    call_id: str = ""
    sequence: int = 0
    parameters: str = ""
    flow: str = ""
    allows: tuple[str, ...] = ()
    path: tuple[str, ...] = ()


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
    try:
        raw = split_list(request.headers.getlist("Contact"))
        path = path_of(request)
    except ValueError:
        return Registered(400)
    outer = request.headers.get("Expires")
    default = int(outer) if outer and outer.isdecimal() and len(outer) < 10 else DEFAULT
    if raw == ["*"]:
        return Change(drop_all=True) if default == 0 and outer else Registered(400)
    if len(raw) > MAX_CONTACTS:
        return Registered(403)
    keep, drop = [], []
    allowed = tuple(sorted(tokens_of(request.headers.getlist("Allow"))))[:MAX_ALLOWED]
    for item in raw:
        try:
            address, contact = parse_address(item), contact_uri(item)
        except ValueError:
            return Registered(400)
        own = address.parameters.get("expires")
        seconds = int(own) if own and own.isdecimal() and len(own) < 10 else default
        if seconds == 0:
            drop.append(contact)
        elif seconds < SHORTEST:
            return Registered(423, (("Min-Expires", str(SHORTEST)),))
        else:
            keep.append(
                Binding(
                    contact,
                    hop,
                    min(seconds, LONGEST),
                    (request.headers.get("User-Agent") or "")[:200],
                    request.call_id,
                    request.cseq.sequence,
                    kept_parameters(item),
                    flow_of(address),
                    allowed,
                    path,
                )
            )
    return Change(tuple(keep), tuple(drop))


def path_of(request: Request) -> tuple[str, ...]:
    """The proxies on the way back to who registers (RFC 3327). Raises ValueError."""
    path = tuple(split_list(request.headers.getlist("Path")))
    if len(path) > MAX_PROXIES or any(len(each) > MAX_PARAMETER_TEXT for each in path):
        raise ValueError("Path is too long")
    parse_addresses(list(path))
    return path


def kept_parameters(contact: str) -> str:
    """The parameters of a Contact as written, all but expires; "" for too many to give back."""
    parts = [part.strip() for part in name_addr(contact)[2]]
    text = "".join(f";{part}" for part in parts if part.partition("=")[0].strip().lower() != "expires")
    return text if len(text) <= MAX_PARAMETER_TEXT else ""


def flow_of(address: Address) -> str:
    """Which instance of which phone registers: the same one at a new place takes its old one's."""
    instance = (address.parameters.get("+sip.instance") or "").strip().lower()
    number = address.parameters.get("reg-id") or ""
    return f"{instance} {number if number.isdecimal() else ''}"[:200] if instance else ""


def keeps_flows(request: Request, hop: Hop, change: Change) -> bool:
    """Whether a browser registers its flow, so that it is told that requests come over it (RFC 5626 6)."""
    asked = "outbound" in tokens_of(request.headers.getlist("Supported"))
    return asked and hop.websocket and any(binding.flow[-1:].isdecimal() for binding in change.keep)


def told_path(request: Request) -> tuple[str, ...]:
    """What the answer repeats of the Path, to a phone that knows of it (RFC 3327 section 5.3)."""
    asked = tokens_of(request.headers.getlist("Supported") + request.headers.getlist("Require"))
    return path_of(request) if "path" in asked else ()


def answer(bindings: list[Binding], flows: bool = False, path: tuple[str, ...] = ()) -> Registered:
    """200 with every binding that stands; flows: see `keeps_flows`; path: see `told_path`."""
    contacts = (f"<{each.contact}>{each.parameters};expires={each.expires}" for each in bindings)
    required = (("Require", "outbound"),) if flows else ()
    known = (*(("Contact", contact) for contact in contacts), *(("Path", each) for each in path))
    return Registered(200, (*known, *required))
