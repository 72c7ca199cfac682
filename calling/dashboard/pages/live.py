"""Live calls: the list that follows what happens, and the staff's hands on a call."""

from __future__ import annotations

import urllib.parse
from typing import Any

from django.contrib import messages
from django.db.models import Prefetch
from django.db.models.fields.json import KeyTransform
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext, gettext_noop

from calling import models
from calling.commands import call_commands
from calling.commands.params import InvalidParams
from calling.dashboard.access import Staff, as_uuid, ask, came_from, page, record, words_of
from calling.dashboard.call_search import MAX_TEXT, matches
from calling.dashboard.parties import described
from calling.dashboard.quality import mos
from calling.machine.inputs import Refused
from rest.errors import ApiError

STATES = ("created", "ringing", "answered")
SHOWN = 200  # newest first; the count above the list is of all


SORTS = {
    "": gettext_noop("newest first"),
    "oldest": gettext_noop("longest first"),
    "quality": gettext_noop("worst sound first"),
}


def live_calls(staff: Staff, given: QueryDict) -> list[models.Call]:
    # Of the samples only the newest is read: a long call has hundreds, and this is asked every second.
    rows = models.Leg.objects.annotate(newest=KeyTransform("-1", "stats")).only("call_id")
    legs = Prefetch("legs", rows)
    found = models.Call.objects.filter(project=staff.project, supervises=None).exclude(state="ended")
    if text := given.get("q", "").strip().replace("\0", "")[:MAX_TEXT]:
        found = found.filter(pk__in=found.filter(matches(text)).values("pk"))
    if (state := given.get("state")) in STATES:
        found = found.filter(state=state)
    order = ("created_at", "id") if given.get("sort") == "oldest" else ("-created_at", "-id")
    calls = list(found.select_related("session__worker").prefetch_related(legs).order_by(*order)[:SHOWN])
    for call in calls:
        scores = [mos(getattr(leg, "newest", None)) for leg in call.legs.all()]
        known = [score for score in scores if score is not None]
        call.score = min(known, default=None)  # type: ignore[attr-defined]
    if given.get("sort") == "quality":
        calls.sort(key=lambda call: getattr(call, "score", None) or 9)
    return described(calls)


@page()
def live(request: HttpRequest, staff: Staff) -> HttpResponse:
    """The whole page, or with `?part` only the list, for the page's own refreshing."""
    rows = models.Call.objects.filter(project=staff.project, supervises=None).exclude(state="ended")
    total = rows.count()
    given = request.GET.copy()
    given.pop("part", None)
    calls = live_calls(staff, given)
    narrowed = any(given.get(name) for name in ("q", "state"))
    context = {"calls": calls, "total": total, "shown": SHOWN, "given": given, "narrowed": narrowed}
    context |= {"states": STATES, "sorts": SORTS.items(), "query": given.urlencode()}
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


@page("operator", "GET", "POST")
def act(request: HttpRequest, staff: Staff, call_id: str, action: str) -> HttpResponse:
    """One command of docs/contract.md#call-commands, as the project's back end would give it."""
    verb = ACTIONS.get(action)
    if verb is None:
        raise Http404
    if request.method == "GET":
        return (
            ask_to_hang_up(request, staff, call_id)
            if action == "hangup"
            else HttpResponseNotAllowed(["POST"])
        )
    data: dict[str, Any] = {}
    if leg := request.POST.get("leg"):
        data["leg"] = leg
    if action == "transfer":
        data["to"] = request.POST.get("to", "").strip()
    try:
        verb(staff.subject, str(as_uuid(call_id)), data)
    except (ApiError, InvalidParams, Refused) as error:
        messages.error(request, words_of(error))
        typed = "?" + urllib.parse.urlencode({"to": data["to"]}) if data.get("to") else ""
        return redirect(came_from(request) + typed)
    record(request, staff, f"call.{action}", call_id, **data)
    words = {"hangup": gettext("The call was ended."), "transfer": gettext("The transfer has begun.")}
    messages.success(request, words.get(action, gettext("Done.")))
    return redirect(came_from(request))


def ask_to_hang_up(request: HttpRequest, staff: Staff, call_id: str) -> HttpResponse:
    """The question before a call between people ends by staff's hand."""
    row = get_object_or_404(models.Call, pk=as_uuid(call_id), project=staff.project)
    if row.state == "ended":
        messages.success(request, gettext("The call has ended already."))
        return redirect(came_from(request))
    described([row])
    words = gettext("End the call of {caller} to {callee}?")
    question = words.format(caller=row.from_shown, callee=row.to_shown)  # type: ignore[attr-defined]
    effect = gettext("The call ends for everybody in it. This cannot be undone.")
    return ask(request, question, effect, gettext("Hang up"))
