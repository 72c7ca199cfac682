"""Who calls through a gateway, and who sent the call on: From, and what a trusted network asserts. Pure.

P-Asserted-Identity and Privacy (RFC 3325, 3323), Remote-Party-ID (its draft of 2003, which trunks still
send), Diversion (RFC 5806), History-Info (RFC 7044). What must not live here: whether a gateway is trusted.
"""

from __future__ import annotations

from collections.abc import Container
from contextlib import suppress
from dataclasses import dataclass

from sipmessage import URI, Request

from calling.sip.edge.mapping import number_of, plain_host, user_part
from calling.sip.stack.headers import (
    name_addr,
    parameters_of,
    parse_uri,
    split_list,
    split_uri_headers,
    unquote_string,
)
from subscribers import addressing

ANONYMOUS = "anonymous"
MAX_SHOWN, MAX_DIVERTED, MAX_NAME, MAX_VALUES = 200, 64, 100, 20
_INSIDE = ("/", "\u2044", "\u2215", "\u29f8", "\uff0f")  # how an address of the directory begins, or seems to


@dataclass(frozen=True)
class Caller:
    """`shown`: `+E.164`, `sip:user@host` or `anonymous`; `diverted_from` likewise, "" for nobody."""

    shown: str = ANONYMOUS
    name: str = ""
    diverted_from: str = ""


@dataclass(frozen=True)
class _Invite:
    """A gateway's INVITE; `ours` and `source` as `caller_of` has them."""

    request: Request
    ours: Container[str]
    source: str


@dataclass(frozen=True)
class _Party:
    shown: str
    name: str
    parameters: dict[str, str | None]
    uri: str  # as written, its headers included


def caller_of(
    request: Request, *, trusted: bool, ours: Container[str] = frozenset(), source: str = ""
) -> Caller:
    """The caller of a gateway's INVITE; without trust it is From and nothing else.

    Never what an address of the directory looks like, nor a name at one of our own hosts (`ours`, lower
    case): the address that the INVITE came from (`source`) stands in its place.
    """
    invite = _Invite(request, ours, source)
    said = next(iter(_parties(invite, "From")), None) or _Party(ANONYMOUS, "", {}, "")
    if not trusted:
        return Caller(said.shown, said.name)
    hidden = not _wishes(invite).isdisjoint({"id", "user", "header"})
    asserted = _parties(invite, "P-Asserted-Identity")
    if asserted:
        # One of each scheme may be there: the number is the better word (RFC 3325 9.1).
        said = next((each for each in asserted if each.shown.startswith("+")), asserted[0])
        said = _Party(said.shown, next((each.name for each in asserted if each.name), ""), {}, "")
    else:
        remote = [
            each
            for each in _parties(invite, "Remote-Party-ID")
            if (each.parameters.get("party") or "calling").lower() == "calling"
        ]
        if remote:
            said = remote[0]
            privacy = (said.parameters.get("privacy") or "off").lower()
            hidden = hidden or privacy in ("full", "uri")
            if privacy == "name":
                said = _Party(said.shown, "", {}, "")
    if hidden:
        return Caller(diverted_from=_diverted_from(invite))
    return Caller(said.shown, said.name, _diverted_from(invite))


def _diverted_from(invite: _Invite) -> str:
    """Who last sent the call on; `anonymous` where that is private, "" for nobody."""
    diversions = _parties(invite, "Diversion")
    if diversions:  # the newest stands first (RFC 5806 4)
        last = diversions[0]
        hidden = (last.parameters.get("privacy") or "off").lower() in ("full", "uri")
        return ANONYMOUS if hidden else _short(last.shown)
    return _from_history(invite)


def _from_history(invite: _Invite) -> str:
    """The entry that the newest diverted one came of: by its mp or rc, else by its index (RFC 7044 5, 10)."""
    entries = _parties(invite, "History-Info")
    by_index = {each.parameters.get("index") or "": each for each in entries}
    for entry in reversed(entries):
        index = entry.parameters.get("index") or ""
        cause = ""
        with suppress(ValueError):
            cause = parse_uri(entry.uri).parameters.get("cause") or ""
        if not cause and not entry.parameters.get("mp"):
            continue
        parent = entry.parameters.get("mp") or entry.parameters.get("rc") or index.rpartition(".")[0]
        before = by_index.get(parent)
        if before is None:
            place = entries.index(entry)
            before = entries[place - 1] if place else None
        if before is None:
            return ""
        privacy = split_uri_headers(before.uri)[1].get("privacy", "").lower()
        hidden = "history" in privacy or "history" in _wishes(invite)
        return ANONYMOUS if hidden else _short(before.shown)
    return ""


def _wishes(invite: _Invite) -> frozenset[str]:
    """What Privacy asks for; `none` takes all of it back (RFC 3323 4.2)."""
    items = {
        part.strip().lower()
        for value in invite.request.headers.getlist("Privacy")
        for part in value.replace(",", ";").split(";")
    }
    return frozenset() if "none" in items else frozenset(items)


def _parties(invite: _Invite, header: str) -> list[_Party]:
    """The addresses of a header that can be read, in order; the others are passed over."""
    found: list[_Party] = []
    for value in invite.request.headers.getlist(header)[:MAX_VALUES]:
        with suppress(ValueError):
            for item in split_list([value])[: MAX_VALUES - len(found)]:
                with suppress(ValueError):
                    found.append(_party(item, invite))
    return found


def _party(item: str, invite: _Invite) -> _Party:
    name, text, parts = name_addr(item)
    shown = outside(parse_uri(text), invite.ours, invite.source)
    return _Party(shown, _plain(unquote_string(name)), parameters_of(parts), text)


def outside(uri: URI, ours: Container[str], source: str) -> str:
    """Who a URI from outside says somebody is: `+E.164`, `sip:user@host`, else `anonymous`."""
    number, user = number_of(uri), user_part(uri)
    try:
        if (number or "").startswith("+") or uri.scheme == "tel" or user.startswith("+"):
            return addressing.number(number or user)
        host = uri.host if not uri.port else f"{uri.host}:{uri.port}"
        if plain_host(uri.host) in ours:
            host = f"[{source}]" if ":" in source else source
        found = addressing.sip_uri(f"sip:{user}@{host}")
    except ValueError:
        return ANONYMOUS
    nobody = user.lower() == ANONYMOUS or uri.host.lower().endswith(".invalid")
    return ANONYMOUS if nobody or len(found) > MAX_SHOWN else found


def _plain(name: str) -> str:
    """A display name without what does not print; "" for one that poses as an address of the directory."""
    name = " ".join("".join(each if each.isprintable() else " " for each in name).split())
    return "" if name.startswith(_INSIDE) else name[:MAX_NAME]


def _short(shown: str) -> str:
    return shown if len(shown) <= MAX_DIVERTED else ANONYMOUS
