"""Authentication of a device: its token, its device id, the first messages. Blocking; runs in a thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from django.conf import settings
from django.db import connection
from django.utils.module_loading import import_string

import clock
from calling import models, presence
from calling.commands.params import Params
from calling.sockets import call_updates, token_refresh
from calling.sockets.call_updates import CallUpdate, DeviceLeg
from calling.sockets.phone import translate
from calling.sockets.phone.translate import Message
from rest import errors
from rest.json_bodies import rfc3339
from subscribers.api.address_shape import address_payload
from subscribers.models import Address, Subscriber
from tokens.authentication import subject_from_token
from tokens.signing import InvalidToken
from tokens.subjects import TokenHolder

MAX_DEVICE_NAME = 100  # characters


@dataclass(frozen=True)
class Welcome:
    """Who a socket is from now on. `came_back`: the device was known, and its calls are told."""

    holder: TokenHolder
    device_id: str
    hello: Message
    came_back: bool
    calls: list[Message]
    live_legs: frozenset[str]


def read_token(fields: dict[str, Any]) -> TokenHolder:
    """The holder of `auth {token}`; raises InvalidToken."""
    token = fields.get("token")
    if not isinstance(token, str):
        raise InvalidToken("missing_required_parameter", "token is required.")
    return subject_from_token(token)


def device_named(holder: TokenHolder, name: str) -> str:
    """The id of the device that its client calls `name`: a UUID is the id itself; of any other name each
    subscriber or guest has a device of its own."""
    try:
        return str(UUID(name))
    except ValueError:
        return str(uuid5(holder.project_id, f"{holder.identity} {name}"))


def return_online(holder: TokenHolder, device_id: str, connection: UUID, user_agent: str) -> None:
    """Bring a device online again after its expired token was replaced."""
    presence.device_online(
        holder.project_id,
        holder.subscriber_id,
        connection,
        kind="phone",
        device_id=device_id,
        receives=holder.may_receive,
        user_agent=user_agent,
        contact={"address": holder.address, "holder": holder.identity},
    )


def welcome(fields: dict[str, Any], connection: UUID, user_agent: str) -> Welcome:
    """Check the first frame, `auth {token}` or `auth {refresh_token}`, and bring the device online. Raises
    InvalidToken, InvalidParams, Forbidden."""
    if "refresh_token" not in fields:
        return _online(read_token(fields), {}, fields, connection, user_agent)
    with token_refresh.signed_in(fields["refresh_token"]) as found:
        return _online(found.holder, found.shown(), fields, connection, user_agent)


def _online(
    holder: TokenHolder, pair: dict[str, str], fields: dict[str, Any], connection: UUID, user_agent: str
) -> Welcome:
    form = Params(fields)
    named = form.text("device_id", MAX_DEVICE_NAME)
    form.check()
    wanted = device_named(holder, named) if named else None
    known = models.Device.objects.filter(pk=wanted).first() if wanted else None
    if known is not None and holder.subscriber_id is None and not presence.is_device_of(known, holder):
        raise errors.Forbidden("device_not_yours", "That device belongs to somebody else.", "device_id")
    device = presence.device_online(
        holder.project_id,
        holder.subscriber_id,
        connection,
        kind="phone",
        device_id=wanted,
        receives=holder.may_receive,
        user_agent=user_agent,
        contact={"address": holder.address, "holder": holder.identity},
        known=known,
    )
    device_id = str(device.id)
    found, told = call_updates.read([device_id], {})
    return Welcome(
        holder,
        device_id,
        hello(holder, device_id) | pair,
        known is not None,
        list_calls(found, told),
        frozenset(each.leg_id for each in found),
    )


def calls_of(device_id: str) -> list[Message]:
    """The calls of a device as they stand."""
    return list_calls(*call_updates.read([device_id], {}))


def list_calls(found: list[DeviceLeg], told: dict[str, CallUpdate]) -> list[Message]:
    calls: dict[str, Message] = {}
    for each in found:
        about = told.get(each.call_id)
        leg = about.call.leg(each.leg_id) if about else None
        if about is not None and leg is not None and leg.live:
            calls[about.call.id] = translate.summary(about, leg, about.call.id)
    return [calls[call_id] for call_id in sorted(calls)]


def hello(holder: TokenHolder, device_id: str) -> Message:
    """`auth.ok`, also the answer to a renewal."""
    servers = import_string(settings.CALLWRIGHT_ICE_SERVERS_FOR)
    subscriber, addresses = who(holder)
    return {
        "type": "auth.ok",
        "device_id": device_id,
        "subscriber": subscriber,
        "addresses": addresses,
        "ice_servers": servers(str(holder.subscriber_id or holder.jti)),
        "expires_at": rfc3339(holder.expires_at),
        "expires_in": max(0, int((holder.expires_at - clock.now()).total_seconds())),
    }


WHO = """
SELECT id, reference, email, display_name, first_name, last_name, extension FROM subscribers_subscriber
WHERE id = %(subscriber)s;
SELECT id, resource_id, context, name, kind, display_name, locked, created_at FROM subscribers_address
WHERE project_id = %(project)s AND kind = 'subscriber' AND resource_id = %(subscriber)s
ORDER BY created_at, id
"""
"""In one message, and without a query that is built anew: thousands sign in at once."""
SUBSCRIBER = ("id", "reference", "email", "display_name", "first_name", "last_name", "extension")
ADDRESS = ("id", "resource_id", "context", "name", "kind", "display_name", "locked", "created_at")


def who(holder: TokenHolder) -> tuple[Message, list[Message]]:
    """The subscriber and its addresses, as `auth.ok` says them."""
    row, addresses = None, []
    if holder.subscriber_id is not None:
        with connection.cursor() as cursor:
            cursor.execute(WHO, {"subscriber": holder.subscriber_id, "project": holder.project_id})
            found = cursor.fetchone()
            row = Subscriber(**dict(zip(SUBSCRIBER, found, strict=True))) if found else None
            cursor.nextset()
            addresses = [Address(**dict(zip(ADDRESS, each, strict=True))) for each in cursor.fetchall()]
    shown: Message = {
        "id": str(holder.subscriber_id) if holder.subscriber_id else None,
        "address": holder.address,
        "display_name": row.shown_name if row else holder.display_name,
    }
    if row is not None:
        shown |= {
            "reference": row.reference,
            "email": row.email,
            "first_name": row.first_name,
            "last_name": row.last_name,
            "extension": row.extension,
        }
    return shown, [address_payload(each) for each in addresses]


def stop_receiving(holder: TokenHolder, device_id: str, connection: UUID) -> None:
    """The token is over while calls live: the device stays for those, and rings no more."""
    presence.device_online(
        holder.project_id,
        holder.subscriber_id,
        connection,
        device_id=device_id,
        receives=False,
    )
