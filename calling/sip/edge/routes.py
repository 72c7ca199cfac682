"""Where an INVITE goes: a phone's own contact, or gateways by prefix and priority; who comes in by which.

Blocking row look-ups. What must not live here: where SIP may go at all (`destinations`), sending.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass, field, replace
from uuid import UUID

from django.db.models import Q

import clock
from calling.commands.sip_wishes import SipWishes
from calling.models import Device
from calling.outbound_http import url_guard
from calling.sdp.negotiation import AUDIO_NAMES
from calling.sip.edge.account_policy import policy_of
from calling.sip.edge.mapping import address
from calling.sip.edge.media_encryption import MediaPolicy
from calling.sip.edge.rows import OutboundAttempt
from calling.sip.stack.digest import Credentials
from calling.sip.stack.transaction import Hop
from calling.telephony.gateways import by_priority, host_of
from subscribers import assignment
from subscribers.models import PhoneNumber, SipEndpoint, SipGateway

_NUMBER = re.compile(r"\+?[0-9]{2,15}\Z")
# What a network writes for its callers, and so what no phone of another project is known by.
_SAID_BY_TRUNKS = re.compile(r"[^A-Za-z]*\Z|(?i:anonymous|unknown|unavailable|restricted|private|asterisk)\Z")
_TELEPHONE = re.compile(r"\+?[0-9]{7,}\Z")
_SEPARATORS = str.maketrans("", "", "-.~!_*'() /")  # what a carrier passes over in a number


@dataclass(frozen=True)
class Route:
    """One INVITE that may be sent. `hops` None: look the name up, once, and send to what that gave.

    `direct`: a URI that somebody dialled, which `destinations.judged` must have looked at. `networks`: what
    is open to it besides what everybody may reach.
    """

    uri: str
    from_: str
    to: str
    headers: tuple[tuple[str, str], ...] = ()
    credentials: Credentials | None = None
    hops: tuple[Hop, ...] | None = None
    fixed: bool = False
    direct: bool = False
    networks: tuple[str, ...] = ()
    policy: MediaPolicy = field(default_factory=MediaPolicy)
    nat: bool = False  # its sound may come from elsewhere than its description says
    session_seconds: int = 0  # Session-Expires; 0: the user agent's own


def routes_to(wanted: OutboundAttempt, host: str) -> list[Route]:
    """The ways to a party, in the order to try them."""
    if wanted.party != "sip":
        uri, hop = wanted.contact.get("uri"), wanted.contact.get("hop")
        if not uri or not hop:
            return []
        from_ = address(shown_inside(wanted), host, wanted.from_name)
        endpoint = SipEndpoint.objects.filter(pk=str(wanted.contact.get("endpoint", UUID(int=0)))).first()
        policy = policy_of(endpoint, str(hop[0])) if endpoint is not None else MediaPolicy()
        nat = endpoint is not None and endpoint.nat
        # Sent to where the phone registered from, whatever its proxies call themselves (RFC 3327).
        through_proxies = (("Route", each) for each in wanted.contact.get("path", ()))
        headers = (*wanted.headers, *through_proxies)
        way = Route(uri, from_, f"<{uri}>", headers, hops=(Hop(*hop),), fixed=True)
        return [replace(way, policy=policy, nat=nat)]
    found = [
        through(gateway, wanted, host)
        for gateway in by_priority(
            SipGateway.objects.filter(pk__in=wanted.route.get("gateways", []), enabled=True)
        )
    ]
    if not wanted.route.get("gateways") and wanted.address.startswith("sip"):
        from_ = address(wanted.from_user.partition("@")[0], host, wanted.from_name)
        private = wanted.address.startswith("sips:") or ";transport=tls" in wanted.address.lower()
        way = Route(wanted.address, from_, f"<{wanted.address}>", wanted.headers, direct=True)
        found = [replace(way, policy=MediaPolicy(private=private))]
    return [as_asked(way, wanted) for way in found]


def as_asked(way: Route, wanted: OutboundAttempt) -> Route:
    """A way with what the call asks of it (`sip_wishes`), bounded by its owner's settings."""
    wishes = SipWishes.read(wanted.route.get("wishes"))
    codecs = [name for name in wishes.codecs if name.lower() in AUDIO_NAMES] if wishes.codecs else None
    policy = way.policy.narrowed(wishes.encryption, codecs)
    credentials = way.credentials
    if wishes.username:
        host = host_of(wanted.address)
        credentials = Credentials(wishes.username, wishes.password, domain=host)
    return replace(way, policy=policy, credentials=credentials, session_seconds=wishes.session_seconds)


def shown_inside(wanted: OutboundAttempt) -> str:
    """The user part of From for a subscriber's own phone: what its browsers are told, so that it calls back.

    A caller at another host is shown as from there, and not as a number that it may not have.
    """
    return wanted.from_user if "@" not in wanted.from_user else shown_outside(wanted, None)


def shown_outside(wanted: OutboundAttempt, gateway: SipGateway | None) -> str:
    """The user part of From: the number the door agreed to, else the gateway's, else the caller's name.

    A number that nobody checked, in whatever spelling, is shown only where the gateway's policy lets any be.
    The gateway's own counts among them: it may have been taken from the project since.
    """
    agreed = wanted.route.get("from") or (agreed_of(gateway) if gateway is not None else "")
    if agreed:
        return str(agreed)
    user = wanted.from_user if gateway is None else wanted.from_user.partition("@")[0]
    return user if shows_any(gateway) or not is_telephone(user) else "anonymous"


def name_outside(wanted: OutboundAttempt, gateway: SipGateway) -> str:
    """The display name for a gateway. One that reads as a number counts as one, and nobody checked it."""
    return wanted.from_name if shows_any(gateway) or not is_telephone(wanted.from_name) else ""


def agreed_of(gateway: SipGateway) -> str:
    if shows_any(gateway) or assignment.may_show(gateway.project_id, gateway.caller_id or "+"):
        return gateway.caller_id
    return ""


def shows_any(gateway: SipGateway | None) -> bool:
    return gateway is not None and gateway.number_policy == SipGateway.NumberPolicy.ANY


def is_telephone(user: str) -> bool:
    """Whether a network would take a user part or a name for a telephone number, however it is written."""
    plain = unicodedata.normalize("NFKC", user).partition("@")[0].partition(";")[0]
    return _TELEPHONE.match(plain.translate(_SEPARATORS)) is not None


def through(gateway: SipGateway, wanted: OutboundAttempt, host: str) -> Route:
    scheme, user = "sip", wanted.address
    if user.startswith("sip"):  # whatever name of the gateway was dialled, the call goes where it is
        scheme, _, rest = user.partition(":")
        user = rest.rpartition("@")[0]
    tail = f";transport={gateway.transport}" if gateway.transport != "udp" else ""
    name = gateway.host.strip("[]")
    name = f"[{name}]" if ":" in name else name
    uri = f"{scheme}:{user}@{name}:{gateway.port}{tail}"
    credentials = (
        Credentials(gateway.username, gateway.password, realm=gateway.realm, domain=gateway.host)
        if gateway.username
        else None
    )
    extra = tuple((str(name), str(value)) for name, value in gateway.headers.items())
    return Route(
        uri,
        address(shown_outside(wanted, gateway), host, name_outside(wanted, gateway)),
        f"<{uri}>",
        wanted.headers + extra,
        credentials,
        networks=tuple(gateway.staff_networks),
        policy=policy_of(gateway, gateway.transport),
        nat=gateway.nat,
    )


@dataclass(frozen=True)
class Inbound:
    """A call through a gateway, and the number it is for."""

    project_id: UUID
    number: str
    address_id: UUID
    trusts: bool = False  # the gateway's word on who calls is taken
    networks: tuple[str, ...] = ()  # what staff opened to it, for what it may say of itself


def number_row(users: list[str]) -> PhoneNumber | None:
    """The phone number that one of these user parts is, with or without its plus sign."""
    texts = ["+" + user.removeprefix("+") for user in users if _NUMBER.match(user)]
    rows = PhoneNumber.objects.filter(number__in=texts).select_related("address")
    found = {row.number: row for row in rows}
    return next((found[text] for text in texts if text in found), None)


def gateway_of(source: Hop, users: list[str], registered: list[str], caller: str = "") -> str | None:
    """The gateway that a call from `source` for `users` came through.

    By its configured addresses, or because we are registered with it there; and only for a number of its
    own project: an address identifies nobody else's traffic. None, so that a digest is asked for, also where
    a phone may be speaking: `caller` is the user part of From.
    """
    number = number_row(users)
    if number is None:
        return None
    address = plain_address(source.host)
    gateways = SipGateway.objects.filter(enabled=True, project_id=number.project_id)
    gateways = gateways.filter(~Q(ip_addresses=[]) | Q(pk__in=registered))
    for gateway in by_priority(gateways):
        if str(gateway.pk) in registered or any(within(address, text) for text in gateway.ip_addresses):
            return None if phone_speaks(source, caller, number.project_id) else str(gateway.pk)
    return None


def phone_speaks(source: Hop, caller: str, project_id: UUID) -> bool:
    """Whether an INVITE at the address of a project's gateway may be a phone's.

    A phone is known by its name, and by the place it registered from. Of another project's phones the whole
    address counts, so that a gateway's address takes no call of theirs; but no name that callers of trunks
    have too, or whoever names a phone so would stop those calls.
    """
    owner = SipEndpoint.objects.filter(username=caller).values_list("project_id", flat=True).first()
    if owner is not None and (owner == project_id or not _SAID_BY_TRUNKS.match(caller)):
        return True
    phones = Device.objects.filter(kind="sip", online_until__gt=clock.now())
    from_there = Q(contact__hop__1=source.host)
    own = from_there & Q(contact__hop__0=source.transport, contact__hop__2=source.port)
    return phones.filter((from_there & ~Q(project_id=project_id)) | own).exists()


def plain_address(host: str) -> url_guard.Address:
    """The address of a packet's source; IPv4 as such where a socket for both shows it inside IPv6."""
    address = ipaddress.ip_address(host)
    return getattr(address, "ipv4_mapped", None) or address


def within(source: url_guard.Address, text: str) -> bool:
    try:
        return source in ipaddress.ip_network(text, strict=False)
    except (ValueError, TypeError):
        return False


def inbound(gateway_id: str, users: list[str]) -> Inbound | None:
    """Where a number of the gateway's project leads."""
    number = number_row(users)
    gateway = SipGateway.objects.filter(pk=gateway_id).first()
    if number is None or number.address_id is None or gateway is None:
        return None
    if number.project_id != gateway.project_id:
        return None
    networks = tuple(gateway.staff_networks)
    return Inbound(number.project_id, number.number, number.address_id, gateway.trust_identity, networks)
