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


def page(
    request: Request, rows: QuerySet[models.Event], render: Callable[[models.Event], dict[str, Any]]
) -> Response:
    """422 for a wrong page_size or page_token."""
    size = pagination.page_size(request)
    token = request.query_params.get("page_token") or "0"
    if not (token.isascii() and token.isdigit() and len(token) <= 9):
        raise pagination.bad_cursor()
    found = list(rows.filter(sequence__gt=int(token)).order_by("sequence")[: size + 1])
    more, found = len(found) > size, found[:size]

    def link(after: int | None) -> str:
        query = {"page_size": size} | ({"page_token": after} if after else {})
        return links.absolute(f"{request.path}?{urlencode(query)}")

    return Response(
        {
            "data": [render(row) for row in found],
            "links": {
                "self": link(int(token)),
                "first": link(None),
                "next": link(found[-1].sequence) if more else None,
                "prev": None,
            },
        }
    )
