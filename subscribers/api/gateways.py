"""SIP gateways as a resource. A gateway is named by its `uri`, or by `host`, `port` and `transport`."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from rest_framework import serializers

from subscribers import addressing
from subscribers.api.fields import Codecs, Flag, Names, Networks, Number, Prefixes, SipHeaders, Text, Whole
from subscribers.api.shapes import Shape, moment
from subscribers.http import problems
from subscribers.models import SipGateway

_URI = re.compile(
    r"(?:([sS][iI][pP][sS]?):)?(?:([A-Za-z0-9_.+~!-]{1,64})@)?"
    r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.-]{1,253})(?::([0-9]{1,5}))?(?:;transport=(udp|tcp|tls))?"
)
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
    "codecs",
    "ciphers",
    "encryption",
    "caller_id",
    "number_policy",
    "headers",
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
    codecs = Codecs()
    ciphers = Names()
    encryption = serializers.ChoiceField(("default", "optional", "required"), required=False)
    caller_id = Number()
    number_policy = serializers.ChoiceField(SipGateway.NumberPolicy.choices, required=False)
    headers = SipHeaders()


class GatewayShape(Shape):
    model = SipGateway
    word = part = "sip_gateway"
    collection = "sip_gateways"
    fields = GatewayFields
    filters = ("name",)

    def inner(self, row: SipGateway) -> dict[str, Any]:
        shown = {name: getattr(row, name) for name in _COLUMNS}
        found = row.registration()
        return {
            "id": str(row.pk),
            "uri": row.uri,
            **shown,
            "has_password": bool(row.sealed_password),
            "registration": {**found, "at": moment(found["at"]) if found["at"] else None} if found else None,
        }

    def create(self, project_id: UUID, data: dict[str, Any]) -> SipGateway:
        if not data.get("uri") and not data.get("host"):
            missing = problems.field("uri", "This field is required.", "missing_required_parameter")
            raise problems.Invalid([missing])
        return self.change(SipGateway(project_id=project_id), data)

    def change(self, row: SipGateway, data: dict[str, Any]) -> SipGateway:
        found = {**_place(data), **data}
        for name in _COLUMNS:
            if name in found:
                setattr(row, name, found[name])
        if "password" in data:
            row.set_password(data["password"])
        row.save()
        return row


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


def _wrong(field: str) -> problems.ApiError:
    return problems.Unprocessable("invalid_parameter", "Must be a SIP host or sip:[user@]host[:port].", field)
