"""`client.video.room_sessions` and `client.logs.conferences`: who met when, in SignalWire's shapes."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

import clock
from calling import models
from calling.api import schema
from calling.api.view import SwitchboardView
from calling.calls import event_days
from calling.signalwire.rest_api import event_pages, shapes
from rest import errors, links, pagination
from rest.json_bodies import rfc3339
from rest.openapi import listed
from subscribers import replicas

BY_START = pagination.Order("started_at")


def seconds(start: datetime, end: datetime | None) -> int:
    return max(0, int(((end or clock.now()) - start).total_seconds()))


def session_payload(row: models.Meeting) -> dict[str, Any]:
    room = row.room
    return {
        "id": str(row.pk),
        "room_id": str(room.pk),
        "name": room.name,
        "display_name": room.display_name or None,
        "max_members": room.max_members,
        "quality": "1080p",
        "fps": 20,
        "join_from": rfc3339(room.join_from),
        "join_until": rfc3339(room.join_until),
        "remove_at": None,
        "remove_after_seconds_elapsed": None,
        "layout": "grid-responsive",
        "record_on_start": room.record_on_start,
        "tone_on_entry_and_exit": room.entry_tone,
        "room_join_video_off": not room.video,
        "user_join_video_off": False,
        "locked": room.locked,
        "start_time": rfc3339(row.started_at),
        "end_time": rfc3339(row.ended_at),
        "duration": seconds(row.started_at, row.ended_at),
        "status": "completed" if row.ended_at else "in-progress",
        "created_at": rfc3339(row.started_at),
        "updated_at": rfc3339(row.ended_at or row.started_at),
        "preview_url": None,
        "prioritize_handraise": False,
        "sync_audio_video": True,
        "enable_room_previews": False,
        "cost_in_dollars": 0.0,
    }


def member_payload(row: models.Member, names: dict[UUID, str]) -> dict[str, Any]:
    return {
        "id": str(row.leg_id),
        "room_session_id": str(row.meeting_id),
        "name": names.get(row.leg_id),
        "join_time": rfc3339(row.joined_at),
        "leave_time": rfc3339(row.left_at),
        "duration": seconds(row.joined_at, row.left_at),
        "cost_in_dollars": 0.0,
    }


def event_payload(row: models.Event, meeting: models.Meeting) -> dict[str, Any]:
    return {
        "id": str(row.event_id),
        "project_id": str(row.project_id),
        "room_id": str(meeting.room_id),
        "room_session_id": str(meeting.pk),
        "level": "info",
        "name": row.type,
        "payload": json.loads(row.body)["data"],
        "created_at": rfc3339(row.created_at),
    }


def log_payload(row: models.Meeting) -> dict[str, Any]:
    """One line of `logs.conferences`."""
    return {
        "id": str(row.pk),
        "created_at": rfc3339(row.started_at),
        "source": "realtime_api",
        "type": "video_room_session",
        "url": links.absolute(f"/api/video/room_sessions/{row.pk}"),
        "room_name": row.room.name,
        "status": "completed" if row.ended_at else "in-progress",
        "locked": row.room.locked,
        "started_at": rfc3339(row.started_at),
        "ended_at": rfc3339(row.ended_at),
        "charge": "0.0",
        "charge_details": [],
    }


class SessionView(SwitchboardView):
    def meetings(self, request: Request) -> QuerySet[models.Meeting]:
        rows = models.Meeting.objects.filter(project_id=self.key(request).project_id)
        return rows.select_related("room")

    def meeting(self, request: Request, id: UUID) -> models.Meeting:
        row = self.meetings(request).filter(pk=id).first()
        if row is None:
            raise errors.NotFound
        return row


class ConferenceLogs(SessionView):
    @extend_schema(
        operation_id="logs_conferences",
        summary="SignalWire: the log of meetings in rooms, newest first",
        parameters=schema.PAGING,
        responses={200: listed("ConferenceLogs", shapes.ConferenceLog)},
        tags=["SignalWire"],
    )
    @replicas.caught_up
    def get(self, request: Request) -> Response:
        return pagination.page(request, self.meetings(request), log_payload, BY_START)


class RoomSessions(SessionView):
    @extend_schema(
        operation_id="video_room_sessions_list",
        summary="SignalWire: meetings in rooms, newest first",
        parameters=schema.PAGING,
        responses={200: listed("RoomSessions", shapes.RoomSession)},
        tags=["SignalWire"],
    )
    @replicas.caught_up
    def get(self, request: Request) -> Response:
        return pagination.page(request, self.meetings(request), session_payload, BY_START)


class RoomSession(SessionView):
    @extend_schema(
        operation_id="video_room_sessions_get",
        summary="SignalWire: one meeting in a room",
        responses={200: shapes.RoomSession},
        tags=["SignalWire"],
    )
    def get(self, request: Request, id: UUID) -> Response:
        return Response(session_payload(self.meeting(request, id)))


class SessionMembers(SessionView):
    @extend_schema(
        operation_id="video_room_sessions_members",
        summary="SignalWire: who was in a meeting, in the order of arrival",
        parameters=schema.PAGING,
        responses={200: listed("RoomSessionMembers", shapes.SessionMember)},
        tags=["SignalWire"],
    )
    def get(self, request: Request, id: UUID) -> Response:
        rows = models.Member.objects.filter(meeting=self.meeting(request, id)).order_by("pk")
        size = pagination.page_size(request)
        found = list(rows.filter(pk__gt=pagination.number_given(request, 2**63 - 1))[: size + 1])
        more, found = len(found) > size, found[:size]
        legs = models.Leg.objects.filter(pk__in=[row.leg_id for row in found])
        names = {leg.pk: leg.name or leg.address for leg in legs}
        here = links.absolute(request.path)
        token = pagination.token_of(request, [found[-1].pk]) if more else None
        return Response(
            {
                "data": [member_payload(row, names) for row in found],
                "links": {
                    "self": links.absolute(request.get_full_path()),
                    "first": here,
                    "next": f"{here}?page_size={size}&page_token={token}" if more else None,
                    "prev": None,
                },
            }
        )


class SessionEvents(SessionView):
    @extend_schema(
        operation_id="video_room_sessions_events",
        summary="SignalWire: what happened in a meeting, oldest first",
        parameters=schema.PAGING,
        responses={200: listed("RoomSessionEvents", shapes.SessionEvent)},
        tags=["SignalWire"],
    )
    def get(self, request: Request, id: UUID) -> Response:
        meeting = self.meeting(request, id)
        rows = models.Event.objects.filter(
            project_id=meeting.project_id,
            stream=f"room:{meeting.room_id}",
            created_at__gte=meeting.started_at,
            id__gte=event_days.since(meeting.started_at),
        )
        if meeting.ended_at is not None:
            rows = rows.filter(created_at__lte=meeting.ended_at)
        return event_pages.page(request, rows, lambda row: event_payload(row, meeting))
