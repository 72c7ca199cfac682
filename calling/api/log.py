"""`GET /api/events?after=<cursor>`: the project's log for those who poll (contract 7)."""

from __future__ import annotations

import json
from urllib.parse import urlencode

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from calling import eventlog
from calling.api import filters, schema
from calling.api.view import SwitchboardView
from calling.fields import Form


class LogView(SwitchboardView):
    @extend_schema(
        operation_id="events_list",
        summary="The project's events after a cursor, oldest first",
        parameters=[
            schema.query("after", "a cursor; absent: the oldest event kept"),
            schema.query("types", "like call.*,room.started"),
            schema.query("page_size", "at most 200"),
        ],
        responses={200: schema.Log, 410: schema.Errors, **schema.ERRORS},
        tags=["events"],
    )
    def get(self, request: Request) -> Response:
        project_id = self.key(request).project_id
        form = Form({name: value for name, value in request.query_params.items() if value != ""})
        after, types = eventlog.read_cursor(form), eventlog.read_types(form)
        form.check()
        size = filters.read_count(request.query_params, "page_size", 50, 1, 200)
        if after is None:
            after = eventlog.before_oldest(project_id)
        else:
            eventlog.check_kept(project_id, after)
        entries = eventlog.page(project_id, after, size, types)
        kept = {"page_size": size} | ({"types": ",".join(types)} if types else {})

        def link(**extra: object) -> str:
            return request.build_absolute_uri(f"{request.path}?{urlencode({**kept, **extra})}")

        last = entries[-1].position if entries else after
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
