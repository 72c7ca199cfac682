"""The search for calls: the form as a filter of rows. An invalid value finds nothing and is reported."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext

from calling import models
from calling.machine.reasons import EndReason

MAX_TEXT = 300
STATES = ("live", "created", "ringing", "answered", "ended")
DIRECTIONS = ("inbound", "outbound", "internal")
REASONS = tuple(reason.value for reason in EndReason)


@dataclass(frozen=True)
class CallQuery:
    """`where` filters calls of a project; `wrong` are words about fields that mean nothing."""

    where: Q
    wrong: tuple[str, ...]


def read_moment(text: str) -> datetime:
    """`YYYY-MM-DD[THH:MM[:SS]]`, as the browser's field gives it, in the viewer's zone."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=timezone.get_current_timezone())


def wanted(query: QueryDict) -> CallQuery:
    where, wrong = Q(), []
    text = query.get("q", "").strip().replace("\0", "")[:MAX_TEXT]
    if text:
        where &= matches(text)
    if state := query.get("state"):
        if state not in STATES:
            wrong.append(gettext("no such state"))
        else:
            where &= ~Q(state="ended") if state == "live" else Q(state=state)
    if reason := query.get("reason"):
        where &= Q(end_reason=reason) if reason in REASONS else Q(end_cause=reason[:64].replace("\0", ""))
    if given := query.get("direction"):
        if given not in DIRECTIONS:
            wrong.append(gettext("no such direction"))
        else:
            where &= going(given)
    if text := query.get("longer", "").strip():
        if text.isascii() and text.isdigit() and len(text) <= 6:
            where &= Q(
                answered_at__isnull=False, ended_at__gte=F("answered_at") + timedelta(seconds=int(text))
            )
        else:
            wrong.append(gettext("{text} is not a number of seconds").format(text=text[:40]))
    for name, lookup in (("after", "created_at__gte"), ("before_time", "created_at__lt")):
        if value := query.get(name):
            try:
                where &= Q(**{lookup: read_moment(value)})
            except ValueError:
                wrong.append(gettext("{text} is not a time").format(text=value[:40]))
    return CallQuery(where, tuple(wrong))


def matches(text: str) -> Q:
    """An id exactly; anything else as a part of an address, number or name of either side."""
    try:
        id = UUID(text)
    except ValueError:
        return (
            Q(from_address__icontains=text)
            | Q(to_address__icontains=text)
            | Q(from_name__icontains=text)
            | Q(caller_id__icontains=text)
            | Q(end_cause=text)
            | Q(legs__name__icontains=text)
        )
    # Three look-ups: as one OR over a join they would walk every call.
    calls, legs = models.Call.objects, models.Leg.objects
    found = (
        calls.filter(pk=id)
        .values_list("pk")
        .union(calls.filter(consult_of=id).values_list("pk"), legs.filter(pk=id).values_list("call_id"))
    )
    return Q(pk__in=[pk for (pk,) in found])


def going(direction: str) -> Q:
    """Calls in that direction, as `calling.dashboard.parties` tells it."""

    def outside(name: str) -> Q:
        return Q(**{f"{name}__startswith": "+"}) | Q(**{f"{name}__regex": "^sips?:"})

    dialled = models.Leg.objects.filter(call_id=OuterRef("pk"), role="caller")
    inbound = outside("from_address") & Q(Exists(dialled))
    if direction == "inbound":
        return inbound
    return ~inbound & (outside("to_address") if direction == "outbound" else ~outside("to_address"))
