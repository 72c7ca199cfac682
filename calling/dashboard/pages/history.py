"""Past calls: search, charts per hour, and exports of calls and events."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db.models import Avg, Count, ExpressionWrapper, F, FloatField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Extract, Trunc
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.template.defaultfilters import date
from django.utils import timezone
from django.utils.translation import gettext_noop, pgettext

import clock
from calling import models
from calling.calls import event_log
from calling.calls.payloads import spoken_ms
from calling.dashboard.access import Staff, page, record
from calling.dashboard.call_search import DIRECTIONS, STATES, wanted
from calling.dashboard.charts import Chart, chart, seconds
from calling.dashboard.pages import searches
from calling.dashboard.pagination import listing
from calling.dashboard.parties import described
from calling.dashboard.templatetags.shown import duration, end_choices
from rest.json_bodies import rfc3339
from subscribers import replicas

# What a chart covers: how many bars, and what each is for.
PERIODS = {
    "day": (gettext_noop("The last 24 hours"), 24, "hour"),
    "week": (gettext_noop("The last 7 days"), 7, "day"),
    "month": (gettext_noop("The last 30 days"), 30, "day"),
}
EXPORTED = 1_000_000
PAGE = 1000
# The wide forms of = + - @ are taken for these by spreadsheets in East Asian languages.
FORMULA = re.compile("((?:^|[;\t\r\n])[ \t\r\n]*)(?=[=+\\-@\uff1d\uff0b\uff0d\uff20])")
R = TypeVar("R")
COLUMNS = (
    "id", "from_address", "from_name", "to_address", "to_name", "duration_ms", "kind", "state",
    "created_at", "ringing_at", "answered_at", "ended_at", "end_reason", "end_cause", "ended_by",
    "sip_code", "consult_of", "metadata",
)  # fmt: skip


@page()
@replicas.caught_up
def search(request: HttpRequest, staff: Staff) -> HttpResponse:
    found = wanted(request.GET)
    # By `in`, not by join: a call with two legs is one row, and the order stays that of its index.
    ids = models.Call.objects.filter(found.where, project=staff.project).values("pk")
    # Supervisors are shown on the page of the call that they listen to.
    rows = models.Call.objects.filter(project=staff.project, pk__in=ids, supervises=None)
    found_page = listing(request, rows)
    described(found_page.rows)
    context = {
        "page": found_page,
        "directions": DIRECTIONS,
        "wrong": found.wrong,
        "states": STATES,
        "ends": end_choices(request.GET.get("reason", "")[:64]),
        "given": request.GET,
        "query": request.GET.urlencode(),
        "saved": searches.listed(staff, request.GET),
    }
    return render(request, "dashboard/search.html", context)


@page()
@replicas.may_be_late
def charts(request: HttpRequest, staff: Staff) -> HttpResponse:
    """A period in bars: calls answered and not, how long they talked, and how long set-up took."""
    chosen = request.GET.get("period", "day")
    chosen = chosen if chosen in PERIODS else "day"
    title, count, each = PERIODS[chosen]
    now = timezone.localtime(clock.now()).replace(minute=0, second=0, microsecond=0)
    if each == "day":
        now = now.replace(hour=0)
    bars = [now - timedelta(**{f"{each}s": back}) for back in range(count - 1, -1, -1)]
    calls = models.Call.objects.filter(project=staff.project, supervises=None, created_at__gte=bars[0])
    setup = ExpressionWrapper(Extract(F("answered_at") - F("created_at"), "epoch"), output_field=FloatField())
    talk = ExpressionWrapper(Extract(F("ended_at") - F("answered_at"), "epoch"), output_field=FloatField())
    per_bar: dict[Any, dict[str, Any]] = {
        label_of(row["bar"], each): dict(row)
        for row in calls.annotate(bar=Trunc("created_at", each))
        .values("bar")
        .annotate(
            all=Count("pk"),
            answered=Count("pk", filter=Q(answered_at__isnull=False)),
            failed=Count("pk", filter=Q(end_reason="failed")),
            setup=Avg(setup, filter=Q(answered_at__isnull=False)),
            talk=Avg(talk, filter=Q(answered_at__isnull=False, ended_at__isnull=False)),
        )
    }
    labels = [label_of(bar, each) for bar in bars]

    def series(name: str) -> list[float]:
        return [float(per_bar.get(label, {}).get(name) or 0) for label in labels]

    plots: list[Chart] = [
        chart(gettext_noop("Calls"), labels, series("all")),
        chart(gettext_noop("Answered"), labels, series("answered")),
        chart(gettext_noop("Failed"), labels, series("failed")),
        chart(gettext_noop("Time to answer"), labels, series("setup"), seconds),
        chart(gettext_noop("Talk time"), labels, series("talk"), duration),
    ]
    reasons = (
        calls.exclude(end_reason=None)
        .values("end_reason", "end_cause")
        .annotate(calls=Count("pk"))
        .order_by("-calls")[:30]
    )
    context = {"plots": plots, "reasons": reasons, "title": title, "each": each}
    context |= {"period": chosen, "periods": PERIODS}
    return render(request, "dashboard/charts.html", context)


def label_of(moment: datetime, each: str) -> str:
    local = timezone.localtime(moment)
    return date(local, "D H:00") if each == "hour" else date(local, pgettext("format of a day", "Y-m-d"))


def in_pages(rows: QuerySet[Any, R], key: str, key_of: Callable[[R], Any]) -> Iterator[R]:
    """At most EXPORTED rows in the order of a unique key, a page at a time.

    No cursor of the server holds them: behind PgBouncer each statement may meet another session.
    """
    page, left = part(rows), EXPORTED
    while page and left > 0:
        yield from page[:left]
        left -= len(page)
        page = part(rows.filter(**{f"{key}__gt": key_of(page[-1])})) if len(page) == PAGE else []


@replicas.may_be_late
def part(rows: QuerySet[Any, R]) -> list[R]:
    return list(rows[:PAGE])


def calls_in_lines(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    for row in map(with_duration, rows):
        yield json.dumps({name: plain(row[name]) for name in COLUMNS}, ensure_ascii=False) + "\n"


def calls_in_csv(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    line = csv.writer(echo := Echo())
    line.writerow(COLUMNS)
    yield echo.text
    for row in map(with_duration, rows):
        line.writerow([cell(plain(row[name])) for name in COLUMNS])
        yield echo.text


def with_duration(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "duration_ms": spoken_ms(row["answered_at"], row["ended_at"])}


class Echo:
    """A file for the csv module that keeps only the line just written."""

    text = ""

    def write(self, text: str) -> int:
        self.text = text
        return len(text)


def plain(value: object) -> object:
    if isinstance(value, datetime):
        return rfc3339(value)
    return value if value is None or isinstance(value, str | int | float | dict | list) else str(value)


def cell(value: object) -> object:
    """A spreadsheet runs what begins like a formula; a caller's text must not.

    Nor behind a semicolon, a tab or a line break: where a spreadsheet separates by these, a cell begins.
    """
    if isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=False)
    return FORMULA.sub(r"\1'", value) if isinstance(value, str) else value


@page()
def export(request: HttpRequest, staff: Staff, what: str, form: str) -> HttpResponse:
    """`calls.csv`, `calls.jsonl` (as searched) or `events.jsonl`; `X-Total-Rows` is for progress."""
    body: Iterator[str]
    if what == "calls" and form in ("csv", "jsonl"):
        rows = models.Call.objects.filter(
            project=staff.project,
            pk__in=models.Call.objects.filter(wanted(request.GET).where, project=staff.project).values("pk"),
            supervises=None,
        ).order_by("pk")
        total = replicas.may_be_late(rows.count)()
        callee = models.Leg.objects.filter(call=OuterRef("pk"), role="callee").order_by("pk")
        named = rows.annotate(to_name=Subquery(callee.values("name")[:1]))
        kept = [name for name in COLUMNS if name != "duration_ms"]
        values = in_pages(named.values(*kept), "pk", lambda row: row["id"])
        body = calls_in_csv(values) if form == "csv" else calls_in_lines(values)
    elif what == "events" and form == "jsonl":
        start, end = event_log.before_oldest(staff.project.pk), event_log.head(staff.project.pk)
        total = end - start  # not counted: positions have no gaps, but for calls that were deleted
        events = models.Event.objects.filter(project=staff.project, position__lte=end).order_by("position")
        pairs = in_pages(events.values_list("position", "body"), "position", lambda pair: pair[0])
        body = (text + "\n" for _, text in pairs)
    else:
        raise Http404
    record(request, staff, f"export.{what}", form, rows=total)
    kind = "text/csv" if form == "csv" else "application/x-ndjson"
    response = StreamingHttpResponse(body, content_type=f"{kind}; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{what}.{form}"'
    response["X-Total-Rows"] = str(total)
    return response  # type: ignore[return-value]
