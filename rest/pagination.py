"""Lists in pages: `{"data": […], "links": {self, first, next, prev}}`, by cursor (docs/contract.md#lists).

A cursor is a place in the order (created_at, id), so pages neither skip nor repeat rows while others come
and go. `page_size` 1-200, default 50; the cursor travels as `page_token`, which names the list that it was
made for: in another one it would be some place that nobody meant.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Q, QuerySet
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from rest import errors, links
from rest.known_names import query_of

DEFAULT_SIZE = 50
MAX_SIZE = 200

# What the OpenAPI document says about the query of every list.
PARAMETERS = [
    OpenApiParameter(
        "page_size",
        {"type": "integer", "minimum": 1, "maximum": MAX_SIZE, "default": DEFAULT_SIZE},
        description="how many at most",
    ),
    OpenApiParameter("page_token", str, description="from links.next or links.prev"),
]


@dataclass(frozen=True)
class Order:
    """How a list is sorted: `field` of the rows, ties broken by id; newest first unless `ascending`.

    `field` is a datetime column, or a text column where `textual`.
    """

    field: str = "created_at"
    ascending: bool = False
    textual: bool = False

    @property
    def words(self) -> str:
        return f"{self.field} {'up' if self.ascending else 'down'}"


@dataclass(frozen=True)
class Cursor:
    """Just after (or, `back`, just before) the row with this sort value and id."""

    value: Any
    id: UUID
    back: bool = False


NEWEST = Order()


def page(
    request: Request, rows: QuerySet[Any], render: Callable[[Any], Any], order: Order = NEWEST
) -> Response:
    """One page of `rows`, each as `render(row)`. 422 for a wrong page_size or page_token."""
    return merged(request, [(rows, render)], order)


def merged(
    request: Request, sources: Sequence[tuple[QuerySet[Any], Callable[[Any], Any]]], order: Order = NEWEST
) -> Response:
    """One page over several kinds of rows, as if they were one list."""
    size, cursor = page_size(request), _cursor(request, order)
    back = cursor is not None and cursor.back
    found: list[tuple[Any, UUID, Any, Callable[[Any], Any]]] = []
    for rows, render in sources:
        part = _after(rows, cursor, order, back)[: size + 1]
        found += [(getattr(row, order.field), row.pk, row, render) for row in part]
    ascending = order.ascending != back
    found.sort(key=lambda item: (item[0], item[1].int), reverse=not ascending)
    more, found = len(found) > size, found[:size]
    if back:
        found.reverse()
    first = found[0] if found else None
    last = found[-1] if found else None
    before = more if back else cursor is not None
    next_link = _link(request, last, order, back=False) if last and (more or back) else None
    prev_link = _link(request, first, order, back=True) if first and before else None
    return Response(
        {
            "data": [render(row) for _, _, row, render in found],
            "links": {
                "self": links.absolute(request.get_full_path()),
                "first": _address(request, None),
                "next": next_link,
                "prev": prev_link,
            },
        }
    )


def page_size(request: Request) -> int:
    text = query_of(request).get("page_size")
    if text is None:
        return DEFAULT_SIZE
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= MAX_SIZE):
        raise errors.Unprocessable("invalid_parameter", f"page_size is 1 to {MAX_SIZE}.", "page_size")
    return int(text)


def token_of(request: Request, parts: Iterable[Any], order: str = "") -> str:
    """An opaque page token of a few JSON values, for the list at this path in this order."""
    raw = json.dumps([*parts, _list_tag(request, order)], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def token_given(request: Request, order: str = "") -> list[Any] | None:
    """The values of the request's page token, None without one; 422 `page_token_is_invalid` for anything that
    was not made for this list."""
    text = query_of(request).get("page_token")
    if not text:
        return None
    *parts, tag = _decoded(text) or [None]
    if tag != _list_tag(request, order):
        raise bad_cursor()
    return parts


def number_given(request: Request, most: int) -> int:
    """The page token of a list that is numbered: the number to go on after, 0 without one."""
    parts = token_given(request)
    if parts is None:
        return 0
    number = parts[0] if len(parts) == 1 else None
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= most:
        raise bad_cursor()
    return number


def _list_tag(request: Request, order: str) -> str:
    return hashlib.sha256(f"{request.path} {order}".encode()).hexdigest()[:8]


def _decoded(text: str) -> list[Any]:
    try:
        if len(text) > 1000 or not text.isascii():
            raise ValueError
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        parts = json.loads(raw)
        if not isinstance(parts, list):
            raise ValueError
    except (ValueError, binascii.Error, RecursionError):
        raise bad_cursor() from None
    return parts


def bad_cursor() -> errors.Unprocessable:
    return errors.Unprocessable(
        "page_token_is_invalid", "The page token was not made for this list.", "page_token"
    )


def _cursor(request: Request, order: Order) -> Cursor | None:
    parts = token_given(request, order.words)
    if parts is None:
        return None
    try:
        value, id, back = parts
        if not isinstance(value, str) or "\x00" in value:
            raise ValueError
        sort_value = value if order.textual else datetime.fromisoformat(value)
        if isinstance(sort_value, datetime) and sort_value.tzinfo is None:
            raise ValueError
        return Cursor(sort_value, UUID(id), bool(back))
    except (ValueError, TypeError, AttributeError, OverflowError):
        raise bad_cursor() from None


def _after(rows: QuerySet[Any], cursor: Cursor | None, order: Order, back: bool) -> QuerySet[Any]:
    ascending = order.ascending != back
    sign, way = ("", "gt") if ascending else ("-", "lt")
    rows = rows.order_by(f"{sign}{order.field}", f"{sign}pk")
    if cursor is None:
        return rows
    beyond = Q(**{f"{order.field}__{way}": cursor.value})
    tied = Q(**{order.field: cursor.value, f"pk__{way}": cursor.id})
    return rows.filter(beyond | tied)


def _link(request: Request, item: tuple[Any, UUID, Any, Any], order: Order, back: bool) -> str:
    value, id = item[0], item[1]
    text = value.isoformat() if isinstance(value, datetime) else value
    return _address(request, token_of(request, [text, str(id), int(back)], order.words))


def _address(request: Request, token: str | None) -> str:
    """This list's own absolute URL with its filters, at another place."""
    query = [(k, v) for k, values in request.query_params.lists() for v in values if k != "page_token"]
    if token is not None:
        query.append(("page_token", token))
    path = request.path + (f"?{urlencode(query)}" if query else "")
    return links.absolute(path)
