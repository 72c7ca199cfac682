"""From a wish to dial to the legs of a call: scope, resolution, presence, telephone policy.

Reads rows; writes none but a phone leg's reservation (`calling.telephony.billing`). Raises the errors of
docs/contract.md#errors; `calling.calls.control` does the rest.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import clock
from calling import models
from calling.calls import room_sessions
from calling.commands import suspension
from calling.commands.sip_wishes import SipWishes
from calling.machine.states import Attempt, AttemptState, Leg, Media, Party, Role
from calling.models.ids import uuid7
from calling.sdp.peek import intersect, kinds_of_sdp, media_of_sdp
from calling.telephony import billing, gateways, policy
from rest import errors
from rest.json_bodies import Json
from subscribers import addressing, directory
from subscribers.addressing import Destination, Target
from subscribers.models import PhoneNumber, Subscriber
from tokens import scope
from tokens.subjects import Subject, TokenHolder


@dataclass(frozen=True)
class DialRequest:
    """`POST /api/calls` and `call.create`, already checked for shapes and bounds by the edge."""

    to: str
    from_: str | None = None
    sdp: str | None = None
    media: Media | None = None
    script: dict[str, Any] | None = None
    script_url: str | None = None
    fallback_url: str | None = None
    connect: str | None = None
    caller_id: str | None = None
    caller_name: str = ""
    timeout: int | None = None
    max_duration: int | None = None
    sip_headers: dict[str, str] = field(default_factory=dict)
    sip: SipWishes | None = None  # only a back end asks more of a SIP URI
    max_price: float | None = None  # per minute, in the currency of the rates
    status_url: str = ""
    status_events: Sequence[str] = ()
    metadata: Json = None
    device_id: str | None = None
    device_kind: str = "phone"
    webrtc: bool = False  # a SIP phone in a browser, with WebRTC media
    variables: dict[str, str] = field(default_factory=dict)  # `envs` of the script that is run
    send_as: str | None = None  # a number of the project that a phone's endpoint shows
    diverted_from: str = ""  # who sent the call on, as a trusted gateway says
    detection: dict[str, Any] | None = None  # params of a `detect` of whoever answers
    claim: UUID | None = None  # the id of the call: a request tried again after a crash finds its call


MAX_NAME = 64  # characters of a room's name, as of any other


def parse(text: str, field: str = "to") -> Destination:
    try:
        return addressing.parse_destination(text)
    except addressing.MalformedDestination as error:
        raise errors.Unprocessable("invalid_destination", str(error), field) from error


def resolve(subject: Subject, text: str, field: str = "to") -> Target:
    """Resolve a destination for a subject: 422 malformed, 403 not allowed, 404 unknown, in that order.

    `field` is the one that a refusal names.

    The scope is asked before existence, and its answer is the same for known and unknown.
    Numbers must also pass the project's telephone policy (403 too).
    """
    destination = parse(text, field)
    target = directory.resolve(subject.project_id, destination)
    if target is None and len(destination.name) > MAX_NAME:
        message = f"The name of a room has at most {MAX_NAME} characters."
        raise errors.Unprocessable("invalid_destination", message, field)
    why = scope.refusal(subject, destination, target)
    if why is not None:
        raise errors.Forbidden("address_not_allowed", why, field)
    if target is None or (target.kind in ("pstn", "sip") and not target.test):
        policy.refuse_emergency(subject.project_id, destination)
    if target is not None:
        if target.kind == "sip":
            target = gateways.located(subject.project_id, target)
        with suspension.count_refusals(subject.project_id):
            policy.permit(subject.project_id, target)
    if target is None:
        raise errors.NotFound("There is no such destination.", attribute=field)
    return target


def name_of_caller(subject: Subject, request: DialRequest) -> str:
    """What devices show of who calls: the name of a token's holder, or that of the address that a back end
    calls from; `caller_name` where neither has one."""
    if isinstance(subject, TokenHolder):
        return subject.display_name or request.caller_name
    known = None
    if request.from_ is not None and request.from_.startswith("/"):
        known = directory.resolve(subject.project_id, parse(request.from_, "from"))
    return (known.display_name if known is not None else "") or request.caller_name


def media_for(request_media: Media | None, channel: str | None, sdp: str | None, kind: str = "") -> Media:
    """What may flow: as offered, narrowed by `media`. The channel hint is for who offers nothing.

    kind: of the device that offers.
    """
    offered = (kinds_of_sdp if kind == "sip" else media_of_sdp)(sdp) if sdp else None
    if request_media is None and sdp is None:
        video = channel == "video"
        return Media(video=video, receive_video=video)
    return intersect(offered, request_media)


def ring_attempts(subscriber_id: UUID | str) -> tuple[Attempt, ...]:
    """One attempt per device that is online now and takes calls."""
    rows = models.Device.objects.filter(
        subscriber_id=subscriber_id, receives=True, online_until__gt=clock.now()
    ).order_by("id")
    return tuple(
        Attempt(
            str(uuid7()),
            str(row.id),
            row.kind,
            AttemptState.RINGING if row.kind == "phone" else AttemptState.PREPARING,
        )
        for row in rows
    )


def live_legs_of(subscriber_id: UUID | str) -> int:
    return models.Leg.objects.filter(subscriber_id=subscriber_id).exclude(state="ended").count()


def busy(subscriber: Subscriber) -> bool:
    if subscriber.do_not_disturb:
        return True
    return subscriber.max_calls is not None and live_legs_of(subscriber.id) >= subscriber.max_calls


def target_leg(
    subject: Subject, target: Target, role: Role, caller_number: str | None, run_id: str | None = None
) -> Leg:
    """The machine leg for a resolved destination, with its devices, application or route."""
    leg = Leg(str(uuid7()), role, Party.APP, target.address, target.display_name or "")
    if target.test:
        return replace(leg, app=target.test)
    if target.kind == "subscriber":
        subscriber = Subscriber.objects.get(pk=str(target.resource_id))
        refusal = "busy" if busy(subscriber) else None
        attempts = () if refusal else ring_attempts(subscriber.id)
        return replace(
            leg, party=Party.DEVICE, subscriber_id=str(subscriber.id), attempts=attempts, refusal=refusal
        )
    if target.kind in ("room", "script"):
        reference = run_id if target.kind == "script" else str(target.resource_id)
        refusal = room_sessions.admission_refusal(reference) if target.kind == "room" and reference else None
        return replace(leg, app=target.kind, app_ref=reference, refusal=refusal)
    return sip_leg(leg, subject.project_id, target, caller_number)


def sip_leg(leg: Leg, project_id: UUID, target: Target, caller_number: str | None) -> Leg:
    """A leg through the SIP edge, once its place among the project's phone calls and its money are reserved.

    In the transaction that makes the leg. Raises 402 and 429; without a gateway it just leads nowhere.
    """
    route = gateways.route(project_id, target, caller_number)
    leg = replace(leg, party=Party.SIP)
    if route is None:
        return replace(leg, refusal="unreachable")
    charged, rate = policy.price(project_id, target)
    caps = policy.policy_of(project_id).caps
    billing.reserve(project_id, leg.id, charged, rate, caps)
    attempt = Attempt(str(uuid7()), str(uuid7()), "sip", AttemptState.PREPARING)
    return replace(leg, attempts=(attempt,), route=json.dumps(route))


def caller_leg(holder: TokenHolder, request: DialRequest, channel: str | None) -> Leg:
    """The dialling device's own leg; a SIP phone that dials without an offer is given one."""
    asks = request.sdp is None and request.device_kind == "sip"
    return Leg(
        str(uuid7()),
        Role.CALLER,
        Party.DEVICE,
        holder.address,
        holder.display_name,
        subscriber_id=str(holder.subscriber_id) if holder.subscriber_id else None,
        holder="" if holder.subscriber_id else holder.identity,
        device_id=request.device_id,
        media=media_for(request.media, channel, request.sdp, request.device_kind),
        peer_id=str(uuid7()) if request.sdp or asks else None,
        offer=request.sdp,
        offered=asks,
        serial=1 if request.sdp or asks else 0,
        route=caller_route(request),
    )


def caller_route(request: DialRequest) -> str:
    """What tells the leg of a SIP phone from a browser's: see `calling.machine.states.Leg.webrtc`."""
    if request.device_kind != "sip":
        return "{}"
    return '{"kind": "sip", "webrtc": true}' if request.webrtc else '{"kind": "sip"}'


def number_of_project(project_id: UUID, number: str) -> bool:
    return PhoneNumber.objects.filter(project_id=project_id, number=number).exists()


def caller_number(subject: Subject, request: DialRequest, target: Target) -> str | None:
    """The number shown to the far end, checked: a token's own, or one of the project's."""
    if isinstance(subject, TokenHolder):
        return request.send_as or token_number(subject, request.caller_id)
    wanted = request.caller_id or request.from_
    needs_number = target.kind in ("pstn", "sip") and not target.test
    if needs_number and (wanted is None or not number_of_project(subject.project_id, wanted)):
        raise errors.Unprocessable(
            "invalid_from_number",
            "For a phone or SIP destination this must be a number of the project.",
            "from",
        )
    return wanted


def number_for(subject: Subject, row: models.Call, target: Target) -> str | None:
    """The number that who joins the call is shown: outside only one of the project's.

    That is the token's own, else the call's, else the one that was dialled; None where it has none of them.
    """
    if target.kind not in ("pstn", "sip") or target.test:
        return row.caller_id or None
    own = token_number(subject, None) if isinstance(subject, TokenHolder) else None
    known = (each for each in (row.caller_id, row.to_address) if each)
    return own or next((each for each in known if number_of_project(row.project_id, each)), None)


def token_number(holder: TokenHolder, caller_id: str | None) -> str | None:
    owned = PhoneNumber.objects.none()
    if holder.subscriber_id is not None:
        owned = PhoneNumber.objects.filter(
            project_id=holder.project_id, subscriber_id=holder.subscriber_id
        ).order_by("number")
    if caller_id is None:
        row = owned.first()
        return row.number if row is not None else None
    if not owned.filter(number=caller_id).exists():
        raise errors.Forbidden(
            "caller_id_not_allowed", "That number is not assigned to this subscriber.", "caller_id"
        )
    return caller_id
