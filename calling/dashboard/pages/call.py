"""One call: its parties, the ladder of what happened, quality, recordings, deliveries of its events."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext, ngettext

from calling import models
from calling.calls import event_log
from calling.dashboard import waiting
from calling.dashboard.access import Staff, as_uuid, page
from calling.dashboard.ladder import facts_of, ladder
from calling.dashboard.parties import described
from calling.dashboard.quality import plots
from subscribers.models import Address

ROWS = 500


@page()
def call(request: HttpRequest, staff: Staff, call_id: str) -> HttpResponse:
    """The whole page, or with `?part` what may still change."""
    row = get_object_or_404(
        models.Call.objects.select_related("session__worker"), pk=as_uuid(call_id), project=staff.project
    )
    described([row])
    legs = list(row.legs.order_by("position").prefetch_related("attempts"))
    for leg in legs:
        leg.plots = plots(leg.stats)  # type: ignore[attr-defined]
        leg.parts = sdp_facts(leg)  # type: ignore[attr-defined]
        leg.shown = shown_name(row, leg)  # type: ignore[attr-defined]
    for leg in legs:
        others = [other.shown for other in legs if other is not leg and other.state == "answered"]  # type: ignore[attr-defined]
        leg.other = others[0] if len(others) == 1 else gettext("the others")  # type: ignore[attr-defined]
    events = list(event_log.of_call(row.pk).order_by("sequence")[:ROWS])
    rows = ladder(
        row,
        legs,
        events,
        list(row.operations.order_by("created_at")[:ROWS]),
        list(models.StaffAction.objects.filter(project=staff.project, subject=str(row.pk))[:ROWS]),
    )
    numbers = list(event_log.of_call(row.pk).values_list("id", flat=True))
    deliveries = waiting.explained(
        models.Delivery.objects.filter(event_id__in=numbers, endpoint__project=staff.project)
        .select_related("endpoint")
        .prefetch_related("event", "attempts")
        .order_by("-created_at")[:100]
    )
    recordings = models.Recording.objects.filter(call_id=row.pk, project=staff.project).order_by("created_at")
    context = {
        "call": row,
        "went_on": went_on(events),
        "legs": legs,
        "rows": rows,
        "deliveries": deliveries,
        "recordings": recordings,
        "live": row.state != "ended",
        "addresses": Address.objects.filter(project=staff.project).order_by("display_name")[:500],
    }
    if "part" in request.GET:
        return render(request, "dashboard/call_part.html", context)
    traced = models.SipMessage.objects.filter(call_id=row.pk, project=staff.project)
    context["has_trace"] = staff.operates and traced.exists()
    return render(request, "dashboard/call.html", context)


def went_on(events: list[models.Event]) -> str:
    """The call in which its parties talk since a merge or a consultation; empty where there is none."""
    for event in reversed(events):
        if event.type == "call.transferred" and (found := facts_of(event).get("new_call_id")):
            return str(found)
    return ""


def shown_name(row: models.Call, leg: models.Leg) -> str:
    """The party's name, or what the call's own lists call that end."""
    ends = {row.from_address: row.from_shown, row.to_address: row.to_shown}  # type: ignore[attr-defined]
    return leg.name or ends.get(leg.address) or leg.address


def sdp_facts(leg: models.Leg) -> list[str]:
    """What of an SDP helps to understand a call; never its addresses, keys or passwords."""
    found = []
    for name, text in ((gettext("device"), leg.offer), (gettext("platform"), leg.answer)):
        lines = (text or "").splitlines()
        kinds = [line[2:].split()[0] for line in lines if line.startswith("m=")]
        codecs = [
            line.split(" ", 1)[1].split("/")[0]
            for line in lines
            if line.startswith("a=rtpmap:") and " " in line
        ]
        if kinds:
            candidates = sum(line.startswith("a=candidate:") for line in lines)
            words = list(dict.fromkeys(codecs))[:12]
            ways = ngettext("{count} network address", "{count} network addresses", candidates).format(
                count=candidates
            )
            parts = (f"{name}: {', '.join(kinds)}", ", ".join(words), ways if candidates else "")
            found.append(" · ".join(each for each in parts if each))
    return found
