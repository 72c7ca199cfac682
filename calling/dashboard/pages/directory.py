"""Subscribers with their devices and tokens, rooms, phone numbers and gateways."""

from __future__ import annotations

import urllib.parse
from datetime import timedelta

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext

import clock
from calling import models
from calling.calls.control import apply
from calling.dashboard import shown_once
from calling.dashboard.access import Staff, as_uuid, ask, page, record
from calling.dashboard.parties import described, names_of
from calling.machine.inputs import Hangup
from subscribers import assignment
from subscribers.models import Address, PhoneNumber, Room, SipEndpoint, SipGateway, Subscriber
from tokens import issue, revocation
from tokens.claims import Grant
from tokens.models import IssuedToken

PER_PAGE = 50
LIVES = {"1": timedelta(hours=1), "2": timedelta(hours=2), "24": timedelta(days=1), "720": timedelta(days=30)}


@page()
def subscribers(request: HttpRequest, staff: Staff) -> HttpResponse:
    rows = Subscriber.objects.filter(project=staff.project)
    if text := request.GET.get("q", "").strip().replace("\0", "")[:200]:
        rows = rows.filter(
            Q(reference__icontains=text) | Q(display_name__icontains=text) | Q(slug__icontains=text)
            | Q(first_name__icontains=text) | Q(last_name__icontains=text) | Q(extension=text)
        )  # fmt: skip
    start = max(0, int(given)) if (given := request.GET.get("start", "0")[:9]).isdecimal() else 0
    found = list(rows.order_by("-created_at", "-id")[start : start + PER_PAGE + 1])
    online = dict(
        models.Device.objects.filter(
            subscriber_id__in=[row.pk for row in found], online_until__gt=clock.now()
        ).values_list("subscriber_id").annotate(Count("pk"))
    )  # fmt: skip
    for row in found:
        row.online = online.get(row.pk, 0)  # type: ignore[attr-defined]
    context = {
        "rows": found[:PER_PAGE],
        "given": request.GET,
        "next": start + PER_PAGE if len(found) > PER_PAGE else None,
        "total": rows.count(),
    }
    return render(request, "dashboard/subscribers.html", context)


@page()
def subscriber(request: HttpRequest, staff: Staff, subscriber_id: str) -> HttpResponse:
    row = get_object_or_404(Subscriber, pk=as_uuid(subscriber_id), project=staff.project)
    context = about(row)
    if staff.owns:
        for name in ("issued_token", "issued_link"):
            context[name.removesuffix("_token")] = shown_once.take(request, name, row.pk)
    return render(request, "dashboard/subscriber.html", context)


def about(row: Subscriber) -> dict[str, object]:
    now = clock.now()
    tokens = IssuedToken.objects.filter(subscriber=row, expires_at__gt=now).order_by("-issued_at")
    legs = models.Leg.objects.filter(subscriber_id=row.pk).values("call_id")
    return {
        "row": row,
        "devices": models.Device.objects.filter(subscriber_id=row.pk).order_by("-online_until")[:50],
        "tokens": tokens[:50],
        "calls": described(
            models.Call.objects.filter(pk__in=legs, project=row.project_id).order_by("-pk")[:20]
        ),
        "endpoints": row.sip_endpoints.all(),
        "now": now,
        "lives": LIVES,
    }


@page("owner", "POST")
def issue_token(request: HttpRequest, staff: Staff, subscriber_id: str) -> HttpResponse:
    """A token for a subscriber: shown once, or straight into a phone page (`open`)."""
    row = get_object_or_404(Subscriber, pk=as_uuid(subscriber_id), project=staff.project)
    life = LIVES.get(request.POST.get("hours", "2"), LIVES["2"])
    pair = issue.issue_pair(grant_for(row), clock.now() + life)
    if "open" in request.POST:
        record(request, staff, "phone.open_as", row.address)
        # The token travels in the fragment: browsers keep it, servers and their logs never see it.
        return redirect("/phone#" + urllib.parse.urlencode({"token": pair.token}))
    record(request, staff, "token.issue", row.address, hours=life.total_seconds() / 3600)
    if "link" in request.POST:
        fragment = urllib.parse.urlencode({"token": pair.token, "refresh": pair.refresh_token})
        link = request.build_absolute_uri("/phone") + "#" + fragment
        shown_once.keep(request, "issued_link", row.pk, link)
        return redirect("dashboard:subscriber", subscriber_id=str(row.pk))
    shown_once.keep(request, "issued_token", row.pk, pair.token)
    return redirect("dashboard:subscriber", subscriber_id=str(row.pk))


def grant_for(row: Subscriber) -> Grant:
    return Grant(
        project_id=row.project_id,
        kind="subscriber",
        subscriber_id=row.pk,
        address=row.address,
        display_name=row.shown_name,
        allowed=None,
    )


@page("owner", "GET", "POST")
def revoke_tokens(request: HttpRequest, staff: Staff, subscriber_id: str) -> HttpResponse:
    """One token by its id, or all of the subscriber."""
    row = get_object_or_404(Subscriber, pk=as_uuid(subscriber_id), project=staff.project)
    if request.method == "GET":
        if request.GET.get("jti"):
            effect = gettext("Phones that use it are signed out within two seconds.")
        else:
            effect = gettext("All devices of this subscriber are signed out within two seconds.")
        question = gettext("Revoke tokens of {name}?").format(name=row.shown_name)
        return ask(request, question, effect, gettext("Revoke"))
    if given := request.POST.get("jti"):
        revocation.revoke_token(staff.project.pk, as_uuid(given))
    else:
        revocation.revoke_subscriber(staff.project.pk, row.pk)
    record(request, staff, "token.revoke", row.address, jti=given or "all")
    messages.success(request, gettext("Revoked: refused everywhere within two seconds."))
    return redirect("dashboard:subscriber", subscriber_id=str(row.pk))


@page()
def rooms(request: HttpRequest, staff: Staff) -> HttpResponse:
    """Rooms with who is in them now."""
    found = list(Room.objects.filter(project=staff.project).order_by("name")[:500])
    rows = models.Member.objects.filter(meeting__room__in=found, left_at=None).order_by("id")
    inside = list(rows.values_list("meeting__room_id", "leg_id", "talking"))
    legs = models.Leg.objects.defer("offer", "answer", "stats").in_bulk([leg_id for _, leg_id, _ in inside])
    known = names_of({staff.project.pk}, {leg.address for leg in legs.values() if not leg.name})
    for leg in legs.values():
        leg.name = leg.name or known.get((staff.project.pk, leg.address), "")
    members: dict[str, list[models.Leg]] = {}
    for room_id, leg_id, talking in inside:
        if leg_id in legs:
            legs[leg_id].talking = talking  # type: ignore[attr-defined]
            members.setdefault(str(room_id), []).append(legs[leg_id])
    for room in found:
        room.members = members.get(str(room.pk), [])  # type: ignore[attr-defined]
    part = "dashboard/rooms_part.html" if "part" in request.GET else "dashboard/rooms.html"
    return render(request, part, {"rooms": found})


@page("operator", "GET", "POST")
def remove_member(request: HttpRequest, staff: Staff, leg_id: str) -> HttpResponse:
    """Remove one member from a room by ending its leg."""
    inside = models.Member.objects.filter(meeting__project=staff.project, left_at=None)
    row = get_object_or_404(inside.select_related("meeting__room"), leg_id=as_uuid(leg_id))
    if request.method == "GET":
        leg = get_object_or_404(models.Leg, pk=row.leg_id)
        room = row.meeting.room.display_name or row.meeting.room.name
        question = gettext("Remove {name} from {room}?").format(name=leg.name or leg.address, room=room)
        effect = gettext("Their call ends. They may dial the room again.")
        return ask(request, question, effect, gettext("Remove"))
    apply(row.call_id, Hangup(str(row.leg_id)))
    record(request, staff, "room.remove", row.call_id, room=row.meeting.room.name)
    return redirect("dashboard:rooms")


@page("operator", "POST")
def lock_room(request: HttpRequest, staff: Staff, room_id: str) -> HttpResponse:
    room = get_object_or_404(Room, pk=as_uuid(room_id), project=staff.project)
    with transaction.atomic():
        room.hold()
        room.locked = not room.locked
        room.save(update_fields=["locked", "updated_at"])
    record(request, staff, "room.lock" if room.locked else "room.unlock", room.name)
    return redirect("dashboard:rooms")


@page()
def lines(request: HttpRequest, staff: Staff) -> HttpResponse:
    """What leads to other networks: phone numbers and gateways."""
    context = {
        "numbers": PhoneNumber.objects.filter(project=staff.project)
        .select_related("address", "subscriber").order_by("number")[:1000],
        "gateways": SipGateway.objects.filter(project=staff.project).order_by("priority", "name")[:200],
        "endpoints": SipEndpoint.objects.filter(project=staff.project)
        .select_related("subscriber").order_by("username")[:1000],
        "addresses": Address.objects.filter(project=staff.project).order_by("context", "name")[:500],
    }  # fmt: skip
    return render(request, "dashboard/lines.html", context)


@page("owner", "POST")
def route_number(request: HttpRequest, staff: Staff, number_id: str) -> HttpResponse:
    """Route a number's inbound calls to another address of the project, or to none."""
    number = get_object_or_404(PhoneNumber, pk=as_uuid(number_id), project=staff.project)
    given = request.POST.get("address", "")
    number.address = get_object_or_404(Address, pk=as_uuid(given), project=staff.project) if given else None
    number.in_use = number.in_use or number.address is not None
    number.save(update_fields=["address", "in_use", "updated_at"])
    record(request, staff, "number.route", number.number, to=str(number.address or ""))
    if number.address:
        words = gettext("{number} now leads to {address}.")
    else:
        words = gettext("{number} now leads nowhere.")
    messages.success(request, words.format(number=number.number, address=number.address))
    return redirect("dashboard:lines")


@page("owner", "POST")
def assign_number(request: HttpRequest, staff: Staff) -> HttpResponse:
    """Assign a number to the project. Only platform staff may: owners are the project's own people."""
    platform_staff(staff)
    try:
        row = assignment.assign(request.POST.get("number", "").strip()[:20], staff.project)
    except assignment.NotAssignable as error:
        messages.error(request, gettext(str(error)))
        return redirect("dashboard:lines")
    record(request, staff, "number.assign", row.number)
    words = gettext("{number} is assigned to {project}.")
    messages.success(request, words.format(number=row.number, project=staff.project.name))
    return redirect("dashboard:lines")


@page("owner", "GET", "POST")
def unassign_number(request: HttpRequest, staff: Staff, number_id: str) -> HttpResponse:
    """Remove a number from the project."""
    platform_staff(staff)
    row = get_object_or_404(PhoneNumber, pk=as_uuid(number_id), project=staff.project)
    if request.method == "GET":
        effect = gettext("Calls to it no longer reach {project}, and another project can have it.")
        question = gettext("Take back {number}?").format(number=row.number)
        return ask(request, question, effect.format(project=staff.project.name), gettext("Take back"))
    assignment.unassign(row.number)
    record(request, staff, "number.unassign", row.number)
    words = gettext("{number} is no longer assigned to {project}.")
    messages.success(request, words.format(number=row.number, project=staff.project.name))
    return redirect("dashboard:lines")


def platform_staff(staff: Staff) -> None:
    if not staff.user.is_superuser:
        raise PermissionDenied(gettext("Numbers are assigned by the people who run the platform."))
