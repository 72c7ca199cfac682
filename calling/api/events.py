"""`GET /api/events?after=<cursor>`: the project's log for those who poll (docs/contract.md#events)."""

from __future__ import annotations

import json
from urllib.parse import urlencode

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

import clock
from calling.api import filters, schema
from calling.api.view import SwitchboardView
from calling.calls import event_log
from calling.commands import event_params
from calling.commands.params import Params
from rest import links
from rest.known_names import query_of

LATEST = "latest"


class LogView(SwitchboardView):
    @extend_schema(
        operation_id="events_list",
        summary="The project's events after a cursor, oldest first",
        parameters=[
            schema.query(
                "after", "a cursor; by default, the oldest stored event; latest: no events, only links.next"
            ),
            schema.query("types", "like call.*,room.started"),
            schema.PAGE_SIZE,
        ],
        responses={200: schema.Log, 410: schema.Errors, **schema.ERRORS},
        tags=["events"],
    )
    def get(self, request: Request) -> Response:
        project_id = self.key(request).project_id
        query = query_of(request)
        newest = query.get("after") == LATEST
        form = Params({"types": query.get("types")} if newest else query)
        after, types = event_params.read_cursor(form), event_params.read_types(form)
        form.check()
        size = filters.read_count(query, "page_size", 50, 1, 200)
        if newest:
            after = event_log.at(project_id, clock.now())
        elif after is None:
            after = event_log.before_oldest(project_id)
        else:
            event_log.check_kept(project_id, after)
        entries, last = event_log.following(project_id, after, size, types)
        kept = {"page_size": size} | ({"types": ",".join(types)} if types else {})

        def link(**extra: object) -> str:
            return links.absolute(f"{request.path}?{urlencode({**kept, **extra})}")

        return Response(
            {
                "data": [{"cursor": str(each.position), "event": json.loads(each.body)} for each in entries],
                # `next` is always there: the log grows, and a poller goes on from it.
                "links": {
                    "self": link(after=after),
                    "first": link(),
                    "next": link(after=last),
                    "prev": None,
                },
            }
        )
