"""SIP gateways as a resource. A gateway is named by its `uri`, or by `host`, `port` and `transport`."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db import connection
from rest_framework import serializers

from rest import errors
from rest.json_bodies import rfc3339
from subscribers import addressing, assignment
from subscribers.api.fields import (
    Ciphers,
    Codecs,
    Flag,
    Networks,
    Number,
    Prefixes,
    SipHeaders,
    SipUsers,
    Text,
    Whole,
    judge_encryption,
)
from subscribers.api.numbers import NotAssigned
from subscribers.api.shapes import Resource
from subscribers.models import SipEndpoint, SipGateway

_URI = re.compile(
    r"(?:([sS][iI][pP][sS]?):)?(?:([A-Za-z0-9_.+~!-]{1,64})@)?"
    r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.-]{1,253})(?::([0-9]{1,5}))?(?:;transport=(udp|tcp|tls))?"
)
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_LOOPBACK = tuple(ipaddress.ip_network(each) for each in ("127.0.0.0/8", "::1/128", "::ffff:127.0.0.0/104"))
_CARRIERS = tuple(ipaddress.ip_network(each) for each in ("::ffff:0:0/96", "64:ff9b::/96"))
_MEDIA = {"encryption", "ciphers"}
_PLACE = {"encryption", "transport", "uri", "host"}
_COLUMNS = (
    "name",
    "user",
    "host",
    "port",
    "transport",
    "username",
    "realm",
    "register",
    "enabled",
    "prefixes",
    "priority",
    "ip_addresses",
    "names",
    "codecs",
    "ciphers",
    "encryption",
    "caller_id",
    "number_policy",
    "headers",
    "nat",
    "trust_identity",
)


class GatewayFields(serializers.Serializer[Any]):
    name = Text(200, required=True)
    uri = Text(400)
    host = Text(253)
    port = Whole(1, 65535)
    transport = serializers.ChoiceField(SipGateway.Transport.choices, required=False)
    username = Text(128)
    password = Text(128)
    realm = Text(255)
    register = Flag()
    enabled = Flag()
    prefixes = Prefixes()
    priority = Whole(0, 10_000)
    ip_addresses = Networks()
    names = SipUsers()
    codecs = Codecs()
    ciphers = Ciphers()
    encryption = serializers.ChoiceField(SipEndpoint.Encryption.choices, required=False)
    caller_id = Number()
    number_policy = serializers.ChoiceField(SipGateway.NumberPolicy.choices, required=False)
    headers = SipHeaders()
    nat = Flag()
    trust_identity = Flag()


class GatewayShape(Resource[SipGateway]):
    model = SipGateway
    type_name = body_key = "sip_gateway"
    collection = "sip_gateways"
    fields = GatewayFields
    filters = ("name",)

    def body(self, row: SipGateway) -> dict[str, Any]:
        shown = {name: getattr(row, name) for name in _COLUMNS}
        found = row.registration()
        return {
            "id": str(row.pk),
            "uri": row.uri,
            **shown,
            "has_password": bool(row.sealed_password),
            "registration": {**found, "at": rfc3339(found["at"]) if found["at"] else None} if found else None,
        }

    def create(self, project_id: UUID, data: dict[str, Any]) -> SipGateway:
        if not data.get("uri") and not data.get("host"):
            missing = errors.field("uri", "This field is required.", "missing_required_parameter")
            raise errors.Invalid([missing])
        return self.change(SipGateway(project_id=project_id), data)

    def change(self, row: SipGateway, data: dict[str, Any]) -> SipGateway:
        found = {**_place(data), **data}
        was = SipGateway(
            host=row.host, ip_addresses=row.ip_addresses, names=row.names, caller_id=row.caller_id,
            number_policy=row.number_policy,
        )  # fmt: skip
        for name in _COLUMNS:
            if name in found:
                setattr(row, name, found[name])
        judge_encryption(row.encryption, row.ciphers if _MEDIA & found.keys() else ())
        if row.encryption == "required" and row.transport != "tls" and _PLACE & found.keys():
            words = "Keys travel with the signalling: required needs the transport tls."
            raise errors.Unprocessable("invalid_parameter", words, "encryption")
        if "password" in data:
            row.set_password(data["password"])
        need_staff(row, was)
        need_assigned(row, was)
        row.save()
        return row


# Asked whether calls may go to a host (a literal address or a name), given what staff allows the gateway:
# filled in by the app that dials.
host_checks: list[Callable[[str, list[str]], bool]] = []


def need_staff(row: SipGateway, was: SipGateway) -> None:
    """422 `needs_platform_staff` for what a project's key may not add to a gateway. What it has, it keeps."""
    if row.host != was.host and not all(check(row.host, row.staff_networks) for check in host_checks):
        raise _staff("This host is on a private network or is the platform's own.", "host")
    if assignment.trusted(row.project_id):
        return
    if any(addressing.may_be_number(name) for name in row.names if name not in was.names):
        raise _staff("A name with three digits or more may be a number.", "names")
    allowed = [ipaddress.ip_network(text) for text in row.staff_networks]
    new = [ipaddress.ip_network(text) for text in row.ip_addresses if text not in was.ip_addresses]
    new = [each for each in new if not any(_inside(each, wide) for wide in allowed)]
    if any(_wide(each) or _loopback(each) for each in new) or taken(row.project_id, new):
        raise _staff(
            "Networks wider than /24 (IPv4) or /48 (IPv6), loopback, and addresses of another project's "
            "gateway are allowed only by platform staff.",
            "ip_addresses",
        )


def need_assigned(row: SipGateway, was: SipGateway) -> None:
    """403 `number_not_assigned` for a number to show that is not the project's. What it has, it keeps."""
    shown = row.caller_id if row.caller_id != was.caller_id else ""
    if shown and not assignment.may_show(row.project_id, shown):
        raise NotAssigned("caller_id")
    opened = row.number_policy != was.number_policy and row.number_policy == SipGateway.NumberPolicy.ANY
    if opened and not assignment.trusted(row.project_id):
        raise errors.Forbidden(
            "number_not_assigned",
            "Only platform staff lets a gateway show numbers that are not assigned to the project.",
            "number_policy",
        )


def taken(project_id: UUID, networks: list[Network]) -> bool:
    """Whether another project's gateway has one of these addresses."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT callwright_networks_taken(%s, %s)", [project_id, [str(each) for each in networks]]
        )
        return bool(cursor.fetchone()[0])


def _inside(network: Network, wide: Network) -> bool:
    return network.version == wide.version and network.subnet_of(wide)  # type: ignore[arg-type]


def _wide(network: Network) -> bool:
    """IPv6 networks in which IPv4 addresses stand (mapped, NAT64) count by those."""
    if network.version == 4:
        return network.prefixlen < 24
    carries = any(_inside(network, each) for each in _CARRIERS)
    return network.prefixlen < (120 if carries else 48)


def _loopback(network: Network) -> bool:
    return any(_inside(network, each) or _inside(each, network) for each in _LOOPBACK)


def _staff(words: str, field: str) -> errors.ApiError:
    return errors.Unprocessable("needs_platform_staff", words, field)


def _place(data: dict[str, Any]) -> dict[str, Any]:
    """Host, port, transport and user that `uri`, or else `host`, says; 422 where it is neither."""
    field = "uri" if data.get("uri") else "host"
    if not data.get(field):
        return {}
    match = _URI.fullmatch(data[field])
    if match is None:
        raise _wrong(field)
    scheme, user, host, port, transport = match.groups()
    secure = (scheme or "").lower() == "sips"
    transport = transport or data.get("transport") or ("tls" if secure else "udp")
    try:
        host = addressing.sip_host(host)
    except addressing.MalformedDestination:
        raise _wrong(field) from None
    number = int(port) if port else data.get("port") or (5061 if transport == "tls" else 5060)
    if not 1 <= number <= 65535:
        raise _wrong(field)
    data["host"], data["port"], data["transport"] = host, number, transport
    return {"user": user or ""}


def _wrong(field: str) -> errors.ApiError:
    return errors.Unprocessable("invalid_parameter", "Must be a SIP host or sip:[user@]host[:port].", field)
