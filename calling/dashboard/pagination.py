"""Pages of long lists: newest first, by key and not by number, so that a page stays where it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Model, QuerySet
from django.http import HttpRequest

M = TypeVar("M", bound=Model)
PER_PAGE = 50


@dataclass(frozen=True)
class Listing(Generic[M]):
    """One page. `more` is the query string of the next one, or empty."""

    rows: list[M]
    more: str
    first: str


def listing(request: HttpRequest, rows: QuerySet[M]) -> Listing[M]:
    """The page named by `?before=<id>`; ids grow with time (UUIDv7 or serial), so they are the key."""
    before = valid_key(rows.model, request.GET.get("before", ""))
    found = rows.order_by("-pk")
    if before is not None:
        found = found.filter(pk__lt=before)
    page = list(found[: PER_PAGE + 1])
    kept = {name: value for name, value in request.GET.items() if name not in ("before", "part")}
    more = urlencode({**kept, "before": str(page[PER_PAGE - 1].pk)}) if len(page) > PER_PAGE else ""
    return Listing(page[:PER_PAGE], more, urlencode(kept))


def valid_key(model: type[Model], text: str) -> Any:
    """`text` as a key of that model, or None."""
    if not text:
        return None
    try:
        return UUID(text) if model._meta.pk.get_internal_type() == "UUIDField" else int(text[:18])
    except ValueError:
        return None
