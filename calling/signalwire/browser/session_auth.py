"""A SignalWire client comes in: its token, its session, its ICE servers. Blocking; runs in a thread.

The session's name (`protocol`) is the device's id; `authorization_state` proves that it was given out here,
so that a client may come back to calls that have outlived its token.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.utils.module_loading import import_string

import clock
from calling import models, presence
from rest import errors
from tokens.authentication import subject_from_token
from tokens.revocation import is_revoked
from tokens.signing import InvalidToken
from tokens.subjects import TokenHolder

SALT = "callwright.fabric.session"
PROTOCOL = "signalwire_"
VERSION_3 = "@signalwire/js/"  # how its `agent` begins


@dataclass(frozen=True)
class BrowserIdentity:
    """Who a socket is from now on. `names`: leg id → the callID that the client gave that call."""

    holder: TokenHolder
    device_id: str
    names: dict[str, str]
    result: dict[str, Any]
    state: str


def read_token(params: dict[str, Any]) -> TokenHolder:
    """The holder of `authentication.jwt_token`; raises InvalidToken."""
    authentication = params.get("authentication")
    token = authentication.get("jwt_token") if isinstance(authentication, dict) else None
    if not isinstance(token, str):
        relay = isinstance(authentication, dict) and "token" in authentication  # a back end's RELAY client
        words = " RELAY is not supported: a back end uses the REST API." if relay else ""
        raise InvalidToken("missing_required_parameter", "authentication.jwt_token is required." + words)
    return subject_from_token(token)


def authenticate(params: dict[str, Any], connection: UUID, user_agent: str) -> BrowserIdentity:
    """`signalwire.connect`: a new session, or the former one. Raises InvalidToken."""
    former = former_session(params)
    try:
        holder = read_token(params)
    except InvalidToken as refused:
        kept = resting_holder(former) if refused.code == "token_expired" else None
        if kept is None:
            raise
        holder = kept
    device = former_device(former, holder)
    kept_names = dict(device.contact.get("calls", {})) if device is not None else {}
    row = presence.device_online(
        holder.project_id,
        holder.subscriber_id,
        connection,
        kind="fabric",
        device_id=device.id if device is not None else clock.new_id(),
        receives=device.receives and holder.may_receive if device is not None else False,
        user_agent=user_agent,
        contact={
            "address": holder.address,
            "holder": holder.identity,
            "calls": kept_names,
            # Its camera is on unless the page says no, and without a place for it it negotiates for ever.
            "pictured": is_version_3(params),
        },
    )
    device_id = str(row.id)
    return BrowserIdentity(
        holder, device_id, kept_names, connect_result(holder, device_id), seal(holder, device_id)
    )


def is_version_3(params: dict[str, Any]) -> bool:
    """Whether version 3 of the SDK connects."""
    return str(params.get("agent")).startswith(VERSION_3)


def former_session(params: dict[str, Any]) -> dict[str, Any] | None:
    """The session that is named, with what its `authorization_state` says where that was made here.

    Version 3 keeps no state: it names the session alone, whose id nobody else knows, and its token says who
    it is.
    """
    state, protocol = params.get("authorization_state"), params.get("protocol")
    if not isinstance(protocol, str) or not protocol.startswith(PROTOCOL):
        return None
    if state is None and is_version_3(params):
        with contextlib.suppress(ValueError):
            return {"device": str(UUID(protocol.removeprefix(PROTOCOL)))}
        return None
    if not isinstance(state, str) or len(state) > 4000:
        return None
    try:
        value: dict[str, Any] = signing.loads(state, salt=SALT)
    except signing.BadSignature:
        return None
    return value if PROTOCOL + value["device"] == protocol else None


def seal(holder: TokenHolder, device_id: str) -> str:
    value = {
        "device": device_id,
        "project": str(holder.project_id),
        "kind": holder.kind,
        "subscriber": str(holder.subscriber_id) if holder.subscriber_id else None,
        "address": holder.address,
        "jti": str(holder.jti),
        "family": str(holder.family) if holder.family else None,
        "name": holder.display_name,
        "until": holder.expires_at.timestamp(),
    }
    return signing.dumps(value, salt=SALT)


def resting_holder(former: dict[str, Any] | None) -> TokenHolder | None:
    """The bearer of an expired token that still has calls: it may go on with those, and dial nothing."""
    if former is None or "project" not in former:
        return None
    if not models.Leg.objects.filter(device_id=former["device"]).exclude(state="ended").exists():
        return None
    holder = TokenHolder(
        UUID(former["project"]),
        former["kind"],
        UUID(former["subscriber"]) if former["subscriber"] else None,
        former["address"],
        UUID(former["jti"]),
        datetime.fromtimestamp(former["until"], UTC),
        (),
        former["name"],
        UUID(former["family"]) if former.get("family") else None,
    )
    return None if is_revoked(holder) else holder


def former_device(former: dict[str, Any] | None, holder: TokenHolder) -> models.Device | None:
    """The session's device, if it is this holder's. Anybody else gets a new session."""
    if former is None:
        return None
    device = models.Device.objects.filter(pk=former["device"], project_id=holder.project_id).first()
    if device is None or device.subscriber_id != holder.subscriber_id:
        return None
    return device if presence.is_device_of(device, holder) else None


def connect_result(holder: TokenHolder, device_id: str) -> dict[str, Any]:
    servers = import_string(settings.CALLWRIGHT_ICE_SERVERS_FOR)
    subscriber = str(holder.subscriber_id or holder.jti)
    return {
        "identity": f"{device_id}@callwright",
        "protocol": PROTOCOL + device_id,
        "authorization": {
            # Version 3 takes a lost socket's session up again only where this is the id in `protocol`.
            "jti": device_id,
            "project_id": str(holder.project_id),
            "scope": [],
            "fabric_subscriber": {
                "version": 1,
                "expires_at": int(holder.expires_at.timestamp()),
                "subscriber_id": subscriber,
                "application_id": None,
                "project_id": str(holder.project_id),
                "space_id": str(holder.project_id),
            },
        },
        "ice_servers": servers(subscriber),
    }


def receive(holder: TokenHolder, device_id: str, connection: UUID, wanted: bool) -> None:
    """`subscriber.online` and `subscriber.offline`. Raises Forbidden for a guest, who only ever calls out."""
    if wanted and not holder.may_receive:
        raise errors.Forbidden("not_permitted", "This token can only make calls; it cannot be called.")
    presence.device_online(
        holder.project_id,
        holder.subscriber_id,
        connection,
        kind="fabric",
        device_id=device_id,
        receives=wanted,
        user_agent=models.Device.objects.values_list("user_agent", flat=True).get(pk=device_id),
    )


def renew(line_holder: TokenHolder, params: dict[str, Any]) -> TokenHolder:
    """`signalwire.reauthenticate`: a fresh token of the same holder. Raises InvalidToken."""
    holder = read_token(params)
    whose = (holder.project_id, holder.subscriber_id, holder.identity)
    if whose != (line_holder.project_id, line_holder.subscriber_id, line_holder.identity):
        raise InvalidToken("token_invalid", "The token belongs to another subscriber.")
    return holder


def keep_names(device_id: str, names: dict[str, str]) -> None:
    """Remember the client's own call ids with its device, for a socket at another process."""
    device = models.Device.objects.filter(pk=device_id).first()
    if device is None:
        raise errors.Unavailable("The session is gone; connect again.")
    device.contact = device.contact | {"calls": names}
    device.save(update_fields=["contact"])
