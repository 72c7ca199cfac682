"""From a wish to dial to the legs of a call: scope, resolution, presence, telephone policy.

Reads rows; writes none but a phone leg's reservation (`calling.billing`). Raises the problems of contract 2
and 5; `calling.control` does the rest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.utils import timezone

from calling import billing, meetings, models, phone_policy, suspension
from calling.machine.states import Attempt, AttemptState, Leg, Media, Party, Role
from calling.models.ids import uuid7
from calling.sdp_media import media_of_sdp, narrowed
from subscribers import addressing, directory
from subscribers.addressing import Destination, Target
from subscribers.http import problems
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
    timeout: int | None = None
    max_duration: int | None = None
    sip_headers: dict[str, str] = field(default_factory=dict)
    status_url: str = ""
    status_events: Sequence[str] = ()
    metadata: Any = None
    device_id: str | None = None
    device_kind: str = "phone"
    variables: dict[str, str] = field(default_factory=dict)  # `envs` of the script that is run
    claim: UUID | None = None  # the id of the call: a request tried again after a crash finds its call


@dataclass(frozen=True)
class PhoneDial:
    """What is known of a phone or trunk destination when its route is looked for."""

    project_id: UUID
    subject: Subject
    target: Target
    caller_number: str | None


# Set by the SIP edge's app code: the leg's route as a JSON dict, None when no gateway leads there.
PhoneRoute = Callable[[PhoneDial], dict[str, Any] | None]
phone_routes: list[PhoneRoute] = []
MAX_NAME = 64  # characters of a room's name, as of any other


def parse(text: str, field: str = "to") -> Destination:
    try:
        return addressing.parse_destination(text)
    except addressing.MalformedDestination as error:
        raise problems.Unprocessable("invalid_destination", str(error), field) from error


def find(subject: Subject, text: str, field: str = "to") -> Target:
    """Resolve a destination for a subject: 422 malformed, 403 not allowed, 404 unknown, in that order.

    `field` is the one that a refusal names.

    The scope is asked before existence, and its answer is the same for known and unknown (contract 3).
    Numbers must also pass the project's telephone policy (403 too).
    """
    destination = parse(text, field)
    target = directory.resolve(subject.project_id, destination)
    if target is None and len(destination.name) > MAX_NAME:
        message = f"The name of a room has at most {MAX_NAME} characters."
        raise problems.Unprocessable("invalid_destination", message, field)
    why = scope.refusal(subject, destination, target)
    if why is not None:
        raise problems.Forbidden("address_not_allowed", why, field)
    if target is None or (target.kind in ("pstn", "sip") and not target.test):
        phone_policy.refuse_emergency(subject.project_id, destination)
    if target is not None:
        with suspension.watched(subject.project_id):
            phone_policy.permit(subject.project_id, target)
    if target is None:
        raise problems.NotFound("Nothing answers to that destination.", attribute=field)
    return target


def media_for(request_media: Media | None, channel: str | None, sdp: str | None) -> Media:
    """What may flow: as offered, narrowed by `media`, or by the destination's channel hint."""
    offered = media_of_sdp(sdp) if sdp else None
    if request_media is None and channel == "audio":
        request_media = Media()
    if request_media is None and sdp is None:
        video = channel == "video"
        return Media(video=video, receive_video=video)
    return narrowed(offered, request_media)


def facing(media: Media) -> Media:
    """What whoever talks with a party of that media may send and get: its pictures by turns, sound always
    both ways, so that music and tones find a way."""
    return Media(video=media.receive_video, receive_video=media.video)


def attempts_for(subscriber_id: UUID | str) -> tuple[Attempt, ...]:
    """One attempt per device that is online now and takes calls."""
    rows = models.Device.objects.filter(
        subscriber_id=subscriber_id, receives=True, online_until__gt=timezone.now()
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
        attempts = () if refusal else attempts_for(subscriber.id)
        return replace(
            leg, party=Party.DEVICE, subscriber_id=str(subscriber.id), attempts=attempts, refusal=refusal
        )
    if target.kind in ("room", "script"):
        reference = run_id if target.kind == "script" else str(target.resource_id)
        refusal = meetings.refusal(reference) if target.kind == "room" and reference else None
        return replace(leg, app=target.kind, app_ref=reference, refusal=refusal)
    return sip_leg(leg, PhoneDial(subject.project_id, subject, target, caller_number))


def sip_leg(leg: Leg, dial: PhoneDial) -> Leg:
    """A leg through the SIP edge, once its place among the project's phone calls and its money are reserved.

    In the transaction that makes the leg. Raises 402 and 429; without a gateway it just leads nowhere.
    """
    route = next((found for look in phone_routes if (found := look(dial)) is not None), None)
    leg = replace(leg, party=Party.SIP)
    if route is None:
        return replace(leg, refusal="unreachable")
    number = phone_policy.number_of(dial.project_id, dial.target).number
    rate = billing.rate_for(dial.project_id, number) if number else billing.FREE
    caps = phone_policy.policy_of(dial.project_id).caps
    billing.reserve(dial.project_id, leg.id, number or dial.target.address, rate, caps)
    edge = str(route.get("device_id") or uuid7())
    attempt = Attempt(str(uuid7()), edge, "sip", AttemptState.PREPARING)
    return replace(leg, attempts=(attempt,), route=json.dumps(route))


def caller_leg(holder: TokenHolder, request: DialRequest, channel: str | None) -> Leg:
    """The dialling device's own leg."""
    return Leg(
        str(uuid7()),
        Role.CALLER,
        Party.DEVICE,
        holder.address,
        holder.display_name,
        subscriber_id=str(holder.subscriber_id) if holder.subscriber_id else None,
        device_id=request.device_id,
        media=media_for(request.media, channel, request.sdp),
        peer_id=str(uuid7()) if request.sdp else None,
        offer=request.sdp,
        serial=1 if request.sdp else 0,
        route='{"kind": "sip"}' if request.device_kind == "sip" else "{}",
    )


def number_of_project(project_id: UUID, number: str) -> bool:
    return PhoneNumber.objects.filter(project_id=project_id, number=number).exists()


def caller_number(subject: Subject, request: DialRequest, target: Target) -> str | None:
    """The number shown to the far end, checked: a token's own, or one of the project's (contract 2, 5)."""
    if isinstance(subject, TokenHolder):
        return token_number(subject, request.caller_id)
    wanted = request.caller_id or request.from_
    needs_number = target.kind in ("pstn", "sip") and not target.test
    if needs_number and (wanted is None or not number_of_project(subject.project_id, wanted)):
        raise problems.Unprocessable(
            "invalid_from_number",
            "For a phone or SIP destination this must be a number of the project.",
            "from",
        )
    return wanted


def number_for(subject: Subject, row: models.Call, target: Target) -> str | None:
    """The number that who joins the call is shown: outside only one of the project's (contract 5).

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
        raise problems.Forbidden(
            "caller_id_not_allowed", "That number is not assigned to this subscriber.", "caller_id"
        )
    return caller_id
