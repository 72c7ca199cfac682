"""The query of lists, such as `GET /api/calls?state=&from=`; 422 for an invalid value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import Q
from django.utils.dateparse import parse_datetime

from calling.commands.params import Params
from calling.machine.reasons import EndReason
from calling.machine.states import CallState

KINDS = ("subscriber", "room", "script", "pstn", "sip")
MAX_UNIX = 253402300799  # the last second of year 9999


@dataclass(frozen=True)
class Query:
    """Filters as a Q, and nothing about paging."""

    where: Q


def read_time(form: Params, name: str) -> datetime | None:
    """RFC 3339, or unix seconds."""
    value = form.value(name)
    if value is None:
        return None
    text = str(value)
    if text.isascii() and text.isdigit() and len(text) <= 12 and int(text) <= MAX_UNIX:
        return datetime.fromtimestamp(int(text), UTC)
    try:
        found = parse_datetime(text.replace(" ", "+")) if len(text) <= 40 else None
        if found is not None:
            return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # the last hours of year 9999 west of Greenwich are no time in UTC
        pass
    form.fail(name, f"{name} must be an RFC 3339 time or Unix seconds.")
    return None


def read_words(form: Params, name: str, choices: tuple[str, ...]) -> list[str]:
    """One or several of `choices`, separated by commas."""
    text = form.value(name)
    if text is None:
        return []
    words = str(text).split(",")
    if not all(word in choices for word in words):
        form.fail(name, f"{name} may contain only {', '.join(choices)}.")
        return []
    return words


def read_calls_query(query: Mapping[str, Any]) -> Query:
    """The filters of `GET /api/calls`, empty ones left out. Raises InvalidParams."""
    form = Params(query)
    where = Q()
    if states := read_words(form, "state", tuple(state.value for state in CallState)):
        where &= Q(state__in=states)
    if kinds := read_words(form, "kind", KINDS):
        where &= Q(kind__in=kinds)
    if reasons := read_words(form, "end_reason", tuple(reason.value for reason in EndReason)):
        where &= Q(end_reason__in=reasons)
    if origin := form.text("from", 300):
        where &= Q(from_address=plus(origin))
    if to := form.text("to", 300):
        where &= Q(to_address=plus(to))
    if after := read_time(form, "created_after"):
        where &= Q(created_at__gt=after)
    if before := read_time(form, "created_before"):
        where &= Q(created_at__lt=before)
    if consult_of := form.uuid("consult_of"):
        where &= Q(consult_of=consult_of)
    form.check()
    return Query(where)


def plus(text: str) -> str:
    """A number whose `+` was not percent-encoded arrives with a space in its place."""
    return "+" + text[1:] if text.startswith(" ") and text[1:].isdigit() else text


def read_count(query: Mapping[str, Any], name: str, default: int, low: int, high: int) -> int:
    """A whole number of the query string."""
    text = query.get(name)
    if text is None or text == "":
        return default
    value = int(text) if str(text).isascii() and str(text).isdigit() and len(str(text)) <= 18 else -1
    form = Params({name: value})
    form.integer(name, low, high)
    form.check()
    return value
