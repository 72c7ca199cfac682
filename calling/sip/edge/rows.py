"""What the SIP edge reads and writes: endpoints, bindings, attempts, dialogs. Blocking; no sockets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID, uuid5

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q

import clock
from calling import models, presence
from calling.calls import event_log
from calling.commands import operations
from calling.models.sip_dialog import SipDialog
from calling.sip.edge.mapping import LegView
from calling.sip.stack.digest import Ha1Pair
from calling.sip.stack.headers import Replaces
from calling.sip.stack.registrar import Binding, Change
from calling.sip.stack.transaction import Hop
from subscribers.models import SipEndpoint, SipGateway, Subscriber
from tokens.subjects import TokenHolder

MAX_BINDINGS = 20
LEASE_SECONDS = 10
BATCH = 100
GATEWAY_PREFIX = "gateway/"


@dataclass(frozen=True)
class OutboundAttempt:
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
    if username.startswith(GATEWAY_PREFIX):
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
        expires_at=clock.now() + timedelta(hours=24),
        allowed=None,
        display_name=endpoint.caller_id or person.shown_name,
    )
    return holder, endpoint


# --- bindings ---------------------------------------------------------------------------------------


def device_id_of(endpoint_id: UUID, contact: str) -> UUID:
    """One device per contact of an endpoint: a phone that registers again is the same device."""
    return uuid5(endpoint_id, contact)


def device_on_flow(endpoint_id: UUID, name: str) -> UUID | None:
    """The endpoint's device that registered over that WebSocket: its calls may have another Contact."""
    devices = models.Device.objects.filter(kind="sip", contact__endpoint=str(endpoint_id))
    return devices.filter(contact__hop__3=name).values_list("id", flat=True).first()


def bind(username: str, change: Change, edge: UUID) -> list[Binding]:
    """Carry out a REGISTER; the bindings that stand. Raises PermissionError for too many or nobody."""
    endpoint = SipEndpoint.objects.filter(username=username).first()
    if endpoint is None:
        raise PermissionError(username)
    coming = {binding.contact for binding in change.keep}
    flows = {binding.flow for binding in change.keep if binding.flow}
    standing: set[str] = set()
    for row in bindings_of(endpoint):
        uri = row.contact.get("uri")
        moved = row.contact.get("flow") in flows and uri not in coming  # the same phone at a new place
        if change.drop_all or uri in change.drop or moved:
            presence.device_offline(row.id)
        else:
            standing.add(uri)
    if len(standing | coming) > MAX_BINDINGS:
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
                "parameters": binding.parameters,
                "flow": binding.flow,
                "allows": [name.upper()[:20] for name in binding.allows],
                "path": list(binding.path),
            },
            lease=binding.expires,
        )
    now = clock.now()
    return [
        Binding(
            row.contact["uri"],
            Hop(*row.contact["hop"]),
            max(1, round((row.online_until - now).total_seconds())) if row.online_until else 1,
            row.user_agent,
            parameters=row.contact.get("parameters", ""),
            flow=row.contact.get("flow", ""),
        )
        for row in bindings_of(endpoint)
    ]


def bindings_of(endpoint: SipEndpoint) -> list[models.Device]:
    return list(
        models.Device.objects.filter(
            subscriber_id=endpoint.subscriber_id,
            kind="sip",
            contact__endpoint=str(endpoint.id),
            online_until__gt=clock.now(),
        ).order_by("id")
    )


# --- attempts and legs -------------------------------------------------------------------------------


def waiting(known: Iterable[str]) -> list[OutboundAttempt]:
    """Attempts that wait for an INVITE and that nobody has claimed."""
    rows = (
        models.Attempt.objects.filter(kind="sip", state="ringing", offer__isnull=False)
        .filter(Q(leg__state="ringing") | Q(leg__party="sip", leg__state="created"))
        .exclude(id__in=list(known))
        .filter(~Exists(SipDialog.objects.filter(id=OuterRef("id"))))
        .select_related("leg", "leg__call")
        .order_by("id")[:BATCH]
    )
    found = list(rows)
    devices = models.Device.objects.in_bulk([row.device_id for row in found])
    return [described(row, devices.get(row.device_id)) for row in found]


def described(attempt: models.Attempt, device: models.Device | None) -> OutboundAttempt:
    leg, call = attempt.leg, attempt.leg.call
    user, name = shown_caller(call, leg)
    route = dict(leg.route)
    if leg.party == "sip":
        user = str(route.get("from") or user)
        name = str(route.get("name") or name)
    headers = {**call.out_headers, **(route.get("headers") or {})}
    return OutboundAttempt(
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
            return person.extension or person.slug, other.name or person.shown_name
    origin = call.caller_id or call.from_address
    if origin.startswith("/"):
        origin = origin.rpartition("/")[2]
    return origin.removeprefix("sip:"), call.from_name


def adopt(device_id: str, edge: UUID) -> None:
    """A phone whose edge did not call it is this edge's until it registers again."""
    models.Device.objects.filter(pk=device_id, kind="sip").update(connection=edge)


def claim(
    row_id: str,
    call_id: str,
    leg_id: str,
    device_id: str | None,
    edge: UUID,
    direction: str,
    facts: dict[str, Any] | None = None,
) -> bool:
    """Take a side of a leg for this process; False if another has it. facts: see `facts_of`."""
    try:
        with transaction.atomic():
            SipDialog.objects.create(
                id=row_id,
                call_id=call_id,
                leg_id=leg_id,
                device_id=device_id,
                edge=edge,
                direction=direction,
                **(facts or {}),
                lease_until=clock.now() + timedelta(seconds=LEASE_SECONDS),
            )
    except IntegrityError:
        return False
    return True


def views(pairs: Sequence[tuple[str, str]]) -> dict[str, LegView]:
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
            found[row_id] = LegView("", "ended", "ended", "failed")
            continue
        call = leg.call
        found[row_id] = LegView(
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
            leg.offer,
            leg.offered and leg.offer is None and leg.answer is not None,
        )
    return found


def last_event(call_id: str) -> int:
    """The id of the call's newest event, 0 for none: what comes after it is news."""
    events = event_log.of_call(call_id).order_by("-sequence")
    return events.values_list("id", flat=True).first() or 0


def transfer_end(call_id: str, leg_id: str, mark: int) -> LegView | Literal[True] | None:
    """True once this leg's transfer has come about, how it failed where it did, None while it is pending."""
    event = (
        models.Event.objects.filter(
            call_id=call_id, leg_id=leg_id, id__gt=mark, type__in=("call.transferred", "call.transfer_failed")
        )
        .order_by("id")
        .first()
    )
    if event is None:
        return None
    if event.type == "call.transferred":
        return True
    said = event.data
    return LegView(call_id, "ended", "ended", said.get("reason"), said.get("cause"), said.get("sip_code"))


# --- dialogs -----------------------------------------------------------------------------------------


def keep_dialog(row_id: str, state: str, words: dict[str, Any]) -> None:
    SipDialog.objects.filter(pk=row_id).exclude(state="ended").update(state=state, dialog=words)


def facts_of(account: str, host: str, allows: Iterable[str]) -> dict[str, Any]:
    """What the media worker is to know of who calls: its address if it is behind a NAT, and INFO."""
    if account.startswith(GATEWAY_PREFIX):
        behind = SipGateway.objects.filter(pk=account.removeprefix(GATEWAY_PREFIX), nat=True).exists()
    else:
        behind = SipEndpoint.objects.filter(username=account, nat=True).exists()
    return {"media_source": host if behind else None, "takes_info": "INFO" in allows}


def keep_facts(row_id: str, facts: dict[str, Any]) -> None:
    """The same of a side that was claimed before."""
    SipDialog.objects.filter(pk=row_id).update(**facts)


def take_digits(lines: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """(row id, digits) that a media worker wants sent as INFO, once each. lines: (row id, leg id)."""
    by_leg = {leg_id: row_id for row_id, leg_id in lines}
    wanted = models.Operation.objects.filter(
        call__legs__id__in=list(by_leg), leg_id__in=list(by_leg), verb=operations.SIGNALLED, state="wanted"
    )
    return [
        (by_leg[str(row.leg_id)], str(row.params.get("digits", "")))
        for row in wanted.distinct().order_by("created_at", "id")[:BATCH]
        if models.Operation.objects.filter(pk=row.pk, state="wanted").update(
            state="finished", finished_at=clock.now()
        )
    ]


def end_dialog(row_id: str) -> None:
    SipDialog.objects.filter(pk=row_id).update(state="ended", dialog={})


def leg_of_dialog(replaces: Replaces, account: str) -> tuple[str, str] | None:
    """(call id, leg id) of a live dialog as the far end names it, if that account has it.

    JsSIP writes the tags of a call that it received as that INVITE had them, which is the wrong way round.
    """
    live = SipDialog.objects.filter(dialog__call_id=replaces.call_id).exclude(state="ended")
    tags = (replaces.to_tag, replaces.from_tag)
    ways = (live.filter(dialog__local_tag=ours, dialog__remote_tag=far) for ours, far in (tags, tags[::-1]))
    row = next((found for way in ways if (found := way.first()) is not None), None)
    leg = models.Leg.objects.filter(pk=row.leg_id).exclude(state="ended").first() if row else None
    if leg is None or str(leg.subscriber_id) != account:
        return None
    return str(leg.call_id), str(leg.id)


def renew(edge: UUID) -> None:
    """Say that this edge lives: one statement for all it carries."""
    SipDialog.objects.filter(edge=edge).exclude(state="ended").update(
        lease_until=clock.now() + timedelta(seconds=LEASE_SECONDS)
    )


def abandoned(edge: UUID) -> list[SipDialog]:
    """Take over what dead edges left, to end it."""
    now = clock.now()
    left = SipDialog.objects.filter(lease_until__lt=now).exclude(state="ended").exclude(edge=edge)
    taken = []
    for row in left.order_by("id")[:BATCH]:
        until = now + timedelta(seconds=LEASE_SECONDS)
        mine = SipDialog.objects.filter(pk=row.pk, edge=row.edge).exclude(state="ended")
        if mine.update(edge=edge, lease_until=until):
            taken.append(row)
    return taken


def forget_old() -> None:
    """Ended dialogs are of no use once nobody can claim their attempt again."""
    SipDialog.objects.filter(state="ended", created_at__lt=clock.now() - timedelta(days=1)).delete()


def holder_of_device(device_id: str) -> TokenHolder | None:
    """Whose phone this is, as a subject."""
    device = models.Device.objects.filter(pk=device_id).first()
    endpoint = SipEndpoint.objects.filter(pk=device.contact.get("endpoint")).first() if device else None
    found = holder_of(endpoint.username) if endpoint is not None else None
    return found[0] if found is not None else None
