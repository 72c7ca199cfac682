"""Pages of a call's or a room's events, oldest first; `page_token` is the sequence to go on after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from calling import models
from rest import links, pagination

LAST = 2**31 - 1


def page(
    request: Request, rows: QuerySet[models.Event], render: Callable[[models.Event], dict[str, Any]]
) -> Response:
    """422 for a wrong page_size or page_token."""
    size = pagination.page_size(request)
    after = pagination.number_given(request, LAST)
    found = list(rows.filter(sequence__gt=after).order_by("sequence")[: size + 1])
    more, found = len(found) > size, found[:size]

    def link(place: int | None) -> str:
        token = {"page_token": pagination.token_of(request, [place])} if place else {}
        query = {"page_size": size} | token
        return links.absolute(f"{request.path}?{urlencode(query)}")

    return Response(
        {
            "data": [render(row) for row in found],
            "links": {
                "self": link(after),
                "first": link(0),
                "next": link(found[-1].sequence) if more else None,
                "prev": None,
            },
        }
    )
