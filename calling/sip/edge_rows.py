"""What the SIP edge reads and writes: endpoints, bindings, attempts, dialogs. Blocking; no sockets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from calling import models, presence
from calling.models.sip_dialog import SipDialog
from calling.sip.digest import Ha1Pair
from calling.sip.edge_words import View
from calling.sip.registrar import Binding, Change
from calling.sip.transaction import Hop
from calling.sip.values import Replaces
from subscribers.models import SipEndpoint, Subscriber
from tokens.subjects import TokenHolder

MAX_BINDINGS = 10
LEASE_SECONDS = 10
BATCH = 100
TRUNK = "gateway/"


@dataclass(frozen=True)
class Waiting:
    """An attempt whose offer is ready: what an INVITE may be made of."""

    attempt_id: str
    leg_id: str
    call_id: str
    project_id: str
    device_id: str
    party: str
    offer: str
    address: str
    route: dict[str, Any]
    contact: dict[str, Any]
    from_user: str
    from_name: str
    headers: tuple[tuple[str, str], ...]
    holder: str = ""  # the edge a phone registered at


def ha1_of(username: str) -> Ha1Pair | None:
    """The digests of a phone, None for an unknown one."""
    if username.startswith(TRUNK):
        return None
    row = SipEndpoint.objects.filter(username=username).values_list("ha1_sha256", "ha1_md5").first()
    return Ha1Pair(*row) if row is not None else None


def holder_of(username: str) -> tuple[TokenHolder, SipEndpoint] | None:
    """A phone speaks with its subscriber's rights: the default scope, so no telephone numbers."""
    endpoint = SipEndpoint.objects.filter(username=username).select_related("subscriber").first()
    if endpoint is None:
        return None
    person = endpoint.subscriber
    holder = TokenHolder(
        project_id=endpoint.project_id,
        kind="subscriber",
        subscriber_id=person.id,
        address=person.address,
        jti=uuid5(endpoint.id, "sip"),
        expires_at=timezone.now() + timedelta(hours=24),
        allowed=None,
        display_name=person.shown_name,
    )
    return holder, endpoint


# --- bindings ---------------------------------------------------------------------------------------


def device_id_of(endpoint_id: UUID, contact: str) -> UUID:
    """One device per contact of an endpoint: a phone that registers again is the same device."""
    return uuid5(endpoint_id, contact)


def bind(username: str, change: Change, edge: UUID) -> list[Binding]:
    """Carry out a REGISTER; the bindings that stand. Raises PermissionError for too many or nobody."""
    endpoint = SipEndpoint.objects.filter(username=username).first()
    if endpoint is None:
        raise PermissionError(username)
    standing = {row.contact.get("uri"): row for row in bindings_of(endpoint)}
    for uri, row in standing.items():
        if change.drop_all or uri in change.drop:
            presence.device_offline(row.id)
    if len(set(standing) | {binding.contact for binding in change.keep}) > MAX_BINDINGS:
        raise PermissionError("too many contacts")
    for binding in change.keep:
        hop = binding.hop
        presence.device_online(
            endpoint.project_id,
            endpoint.subscriber_id,
            edge,
            kind="sip",
            device_id=device_id_of(endpoint.id, binding.contact),
            user_agent=binding.user_agent,
            contact={
                "endpoint": str(endpoint.id),
                "uri": binding.contact,
                "hop": [hop.transport, hop.host, hop.port, hop.name],
            },
            lease=binding.expires,
        )
    now = timezone.now()
    return [
        Binding(
            row.contact["uri"],
            Hop(*row.contact["hop"]),
            max(1, round((row.online_until - now).total_seconds())) if row.online_until else 1,
            row.user_agent,
        )
        for row in bindings_of(endpoint)
    ]


def bindings_of(endpoint: SipEndpoint) -> list[models.Device]:
    return list(
        models.Device.objects.filter(
            subscriber_id=endpoint.subscriber_id,
            kind="sip",
            contact__endpoint=str(endpoint.id),
            online_until__gt=timezone.now(),
        ).order_by("id")
    )


# --- attempts and legs -------------------------------------------------------------------------------


def waiting(known: Iterable[str]) -> list[Waiting]:
    """Attempts that wait for an INVITE and that nobody has claimed."""
    rows = (
        models.Attempt.objects.filter(kind="sip", state="ringing", offer__isnull=False)
        .filter(Q(leg__state="ringing") | Q(leg__party="sip", leg__state="created"))
        .exclude(id__in=list(known))
        .exclude(id__in=SipDialog.objects.values("id"))
        .select_related("leg", "leg__call")
        .order_by("id")[:BATCH]
    )
    found = list(rows)
    devices = models.Device.objects.in_bulk([row.device_id for row in found])
    return [described(row, devices.get(row.device_id)) for row in found]


def described(attempt: models.Attempt, device: models.Device | None) -> Waiting:
    leg, call = attempt.leg, attempt.leg.call
    user, name = shown_caller(call, leg)
    route = dict(leg.route)
    if leg.party == "sip":
        user = str(route.get("from") or user)
        name = str(route.get("name") or name)
    headers = {**call.out_headers, **(route.get("headers") or {})}
    return Waiting(
        attempt_id=str(attempt.id),
        leg_id=str(leg.id),
        call_id=str(call.id),
        project_id=str(call.project_id),
        device_id=str(attempt.device_id),
        party=leg.party,
        offer=attempt.offer or "",
        address=leg.address,
        route=route,
        contact=dict(device.contact) if device is not None else {},
        holder=str(device.connection or "") if device is not None else "",
        from_user=user,
        from_name=name,
        headers=tuple((str(key), str(value)) for key, value in headers.items()),
    )


def shown_caller(call: models.Call, leg: models.Leg) -> tuple[str, str]:
    """What a desk phone shows and may dial back: the extension if there is one, else the address' name."""
    other = call.legs.filter(role="caller").exclude(id=leg.id).first()
    if other is not None and other.subscriber_id:
        person = Subscriber.objects.filter(pk=other.subscriber_id).first()
        if person is not None:
            return person.extension or person.slug, person.shown_name
    origin = call.caller_id or call.from_address
    if origin.startswith("/"):
        origin = origin.rpartition("/")[2]
    return origin.removeprefix("sip:").partition("@")[0], call.from_name


def adopt(device_id: str, edge: UUID) -> None:
    """A phone whose edge did not call it is this edge's until it registers again."""
    models.Device.objects.filter(pk=device_id, kind="sip").update(connection=edge)


def claim(row_id: str, call_id: str, leg_id: str, device_id: str | None, edge: UUID, direction: str) -> bool:
    """Take a side of a leg for this process; False if another has it."""
    try:
        with transaction.atomic():
            SipDialog.objects.create(
                id=row_id,
                call_id=call_id,
                leg_id=leg_id,
                device_id=device_id,
                edge=edge,
                direction=direction,
                lease_until=timezone.now() + timedelta(seconds=LEASE_SECONDS),
            )
    except IntegrityError:
        return False
    return True


def views(pairs: Sequence[tuple[str, str]]) -> dict[str, View]:
    """(row id, leg id) -> what the rows say of that leg now. A leg that is gone counts as ended."""
    legs = {
        str(leg.id): leg
        for leg in models.Leg.objects.filter(id__in={leg for _, leg in pairs})
        .select_related("call")
        .defer("stats")
    }
    live = {"preparing", "ringing", "accepted"}
    attempts = {
        str(row_id): state in live
        for row_id, state in models.Attempt.objects.filter(id__in=[row for row, _ in pairs]).values_list(
            "id", "state"
        )
    }
    early = set(
        models.Leg.objects.filter(call_id__in={leg.call_id for leg in legs.values()}, early_media=True)
        .exclude(state="ended")
        .values_list("call_id", flat=True)
    )
    found = {}
    for row_id, leg_id in pairs:
        leg = legs.get(leg_id)
        if leg is None:
            found[row_id] = View("", "ended", "ended", "failed")
            continue
        call = leg.call
        found[row_id] = View(
            str(call.id),
            leg.state,
            call.state,
            leg.end_reason or call.end_reason,
            leg.end_cause or call.end_cause,
            call.sip_code,
            leg.answer,
            leg.serial,
            attempts.get(row_id, True),
            call.id in early,
            leg.offered and leg.offer is None and leg.answer is not None,
        )
    return found


# --- dialogs -----------------------------------------------------------------------------------------


def keep_dialog(row_id: str, state: str, words: dict[str, Any]) -> None:
    SipDialog.objects.filter(pk=row_id).exclude(state="ended").update(state=state, dialog=words)


def end_dialog(row_id: str) -> None:
    SipDialog.objects.filter(pk=row_id).update(state="ended", dialog={})


def leg_of_dialog(replaces: Replaces, account: str) -> tuple[str, str] | None:
    """(call id, leg id) of a live dialog as the far end names it, if that account has it."""
    row = (
        SipDialog.objects.filter(
            dialog__call_id=replaces.call_id,
            dialog__local_tag=replaces.to_tag,
            dialog__remote_tag=replaces.from_tag,
        )
        .exclude(state="ended")
        .first()
    )
    leg = models.Leg.objects.filter(pk=row.leg_id).exclude(state="ended").first() if row else None
    if leg is None or str(leg.subscriber_id) != account:
        return None
    return str(leg.call_id), str(leg.id)


def renew(edge: UUID) -> None:
    """Say that this edge lives: one statement for all it carries."""
    SipDialog.objects.filter(edge=edge).exclude(state="ended").update(
        lease_until=timezone.now() + timedelta(seconds=LEASE_SECONDS)
    )


def abandoned(edge: UUID) -> list[SipDialog]:
    """Take over what dead edges left, to end it."""
    now = timezone.now()
    left = SipDialog.objects.filter(lease_until__lt=now).exclude(state="ended").exclude(edge=edge)
    taken = []
    for row in left[:BATCH]:
        until = now + timedelta(seconds=LEASE_SECONDS)
        mine = SipDialog.objects.filter(pk=row.pk, edge=row.edge).exclude(state="ended")
        if mine.update(edge=edge, lease_until=until):
            taken.append(row)
    return taken


def forget_old() -> None:
    """Ended dialogs are of no use once nobody can claim their attempt again."""
    SipDialog.objects.filter(state="ended", created_at__lt=timezone.now() - timedelta(days=1)).delete()


def holder_of_device(device_id: str) -> TokenHolder | None:
    """Whose phone this is, as a subject."""
    device = models.Device.objects.filter(pk=device_id).first()
    endpoint = SipEndpoint.objects.filter(pk=device.contact.get("endpoint")).first() if device else None
    found = holder_of(endpoint.username) if endpoint is not None else None
    return found[0] if found is not None else None
