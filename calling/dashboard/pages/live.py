"""Live calls: the list that follows what happens, and the staff's hands on a call."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Prefetch
from django.db.models.fields.json import KeyTransform
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from calling import models
from calling.commands import call_commands
from calling.dashboard.access import Staff, as_uuid, came_from, page, record
from calling.dashboard.quality import mos

SHOWN = 200  # newest first; the count above the list is of all


def live_calls(staff: Staff) -> list[models.Call]:
    # Of the samples only the newest is read: a long call has hundreds, and this is asked every second.
    rows = models.Leg.objects.annotate(newest=KeyTransform("-1", "stats")).only("call_id")
    legs = Prefetch("legs", rows)
    live = (
        models.Call.objects.filter(project=staff.project)
        .exclude(state="ended")
        .select_related("session__worker")
        .prefetch_related(legs)
        .order_by("-created_at", "-id")[:SHOWN]
    )
    calls = list(live)
    for call in calls:
        scores = [mos(getattr(leg, "newest", None)) for leg in call.legs.all()]
        known = [score for score in scores if score is not None]
        call.score = min(known, default=None)  # type: ignore[attr-defined]
    return calls


@page()
def live(request: HttpRequest, staff: Staff) -> HttpResponse:
    """The whole page, or with `?part` only the list, for the page's own refreshing."""
    total = models.Call.objects.filter(project=staff.project).exclude(state="ended").count()
    context = {"calls": live_calls(staff), "total": total, "shown": SHOWN}
    part = "dashboard/live_list.html" if "part" in request.GET else "dashboard/live.html"
    return render(request, part, context)


ACTIONS = {
    "hangup": call_commands.hangup,
    "hold": call_commands.hold,
    "resume": call_commands.resume,
    "mute": call_commands.mute,
    "unmute": call_commands.unmute,
    "transfer": call_commands.transfer,
}


@page("operator", "POST")
def act(request: HttpRequest, staff: Staff, call_id: str, action: str) -> HttpResponse:
    """One command of docs/contract.md#call-commands, as the project's back end would give it."""
    verb = ACTIONS.get(action)
    if verb is None:
        raise Http404
    data: dict[str, Any] = {}
    if leg := request.POST.get("leg"):
        data["leg"] = leg
    if action == "transfer":
        data["to"] = request.POST.get("to", "").strip()
    verb(staff.subject, str(as_uuid(call_id)), data)
    record(request, staff, f"call.{action}", call_id, **data)
    words = {"hangup": "Hung up.", "transfer": "The transfer has begun."}
    messages.success(request, words.get(action, "Done."))
    return redirect(came_from(request))
