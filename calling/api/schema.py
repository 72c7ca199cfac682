"""What the OpenAPI document says about calls and their commands, and the parts that all bodies share.

Only documentation: `calling.commands.params` does the checks. Operations, recordings and rooms are in
`operation_schema`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    inline_serializer,
)
from rest_framework import serializers as s

from calling.commands.supervision import MODES
from rest import pagination
from rest.openapi import listed, shape


def text(
    *,
    allow_null: bool = False,
    min_length: int | None = None,
    max_length: int | None = None,
    help_text: str | None = None,
) -> s.CharField:
    return s.CharField(
        allow_null=allow_null, min_length=min_length, max_length=max_length, help_text=help_text
    )


def maybe(
    *, allow_null: bool = False, max_length: int | None = None, help_text: str | None = None
) -> s.CharField:
    return s.CharField(required=False, allow_null=allow_null, max_length=max_length, help_text=help_text)


Problem = shape(
    "Problem",
    type=text(),
    code=text(),
    message=text(),
    attribute=text(allow_null=True),
    url=text(),
    request_id=text(help_text="the X-Request-Id of the response"),
)
Errors = shape("Errors", errors=s.ListField(child=Problem))
ERRORS = {
    401: OpenApiResponse(Errors, "no or wrong credentials"),
    402: OpenApiResponse(Errors, "the balance does not cover it"),
    403: OpenApiResponse(Errors, "these credentials do not permit it"),
    404: OpenApiResponse(Errors, "it does not exist in this project"),
    409: OpenApiResponse(Errors, "not allowed in the present state, which the message names"),
    422: OpenApiResponse(Errors, "a field has a wrong value"),
    429: OpenApiResponse(Errors, "too many requests; see Retry-After"),
    503: OpenApiResponse(Errors, "a service is unavailable; see Retry-After"),
}

MediaWish = inline_serializer(
    "MediaWish",
    {name: s.BooleanField(required=False) for name in ("audio", "video", "receive_audio", "receive_video")},
    required=False,
    help_text="what a device with an SDP wants to send and receive; by default what the SDP offers",
)
LegMedia = shape(
    "LegMedia",
    state=s.ChoiceField(["new", "connecting", "connected", "failed", "closed"]),
    audio=text(help_text="sendrecv, sendonly, recvonly or inactive"),
    video=text(),
    codec=text(allow_null=True),
)
Leg = shape(
    "Leg",
    id=s.UUIDField(),
    role=s.ChoiceField(["caller", "callee", "target", "supervisor"]),
    address=text(),
    state=s.ChoiceField(["created", "ringing", "answered", "ended"]),
    held_by=text(allow_null=True, help_text="local, remote or null"),
    muted=s.ListField(child=text()),
    media=LegMedia,
    answer=maybe(allow_null=True, help_text="SDP; shown only to that leg"),
    end_reason=text(allow_null=True),
    end_cause=text(allow_null=True),
    mode=s.ChoiceField(MODES, required=False, help_text="only on a supervisor's leg"),
    supervised_leg_id=s.UUIDField(
        required=False, allow_null=True, help_text="on a supervisor's leg: the party that hears a whisper"
    ),
    supervising_call_id=s.UUIDField(
        required=False, help_text="on a supervisor's leg: the supervisor's own call"
    ),
)
Call = shape(
    "Call",
    id=s.UUIDField(),
    project_id=s.UUIDField(),
    state=s.ChoiceField(["created", "ringing", "answered", "ended"]),
    from_name=text(allow_null=True),
    to=text(),
    to_name=text(allow_null=True),
    kind=s.ChoiceField(["subscriber", "room", "script", "pstn", "sip"]),
    created_at=s.DateTimeField(),
    ringing_at=s.DateTimeField(allow_null=True),
    answered_at=s.DateTimeField(allow_null=True),
    ended_at=s.DateTimeField(allow_null=True),
    duration_ms=s.IntegerField(),
    end_reason=text(allow_null=True),
    end_cause=text(allow_null=True),
    ended_by=text(allow_null=True),
    sip_code=s.IntegerField(allow_null=True),
    sip_headers=s.DictField(child=text()),
    consult_of=s.UUIDField(allow_null=True),
    supervises=s.UUIDField(allow_null=True, help_text="on a supervisor's call: the supervised call"),
    diverted_from=text(allow_null=True),
    metadata=s.JSONField(help_text="an object, or null"),
    legs=s.ListField(child=Leg),
    **{"from": text(allow_null=True)},
)
Calls = listed("Calls", Call)
Event = shape(
    "Event", id=s.UUIDField(), type=text(), timestamp=s.DateTimeField(), data=s.DictField(child=s.JSONField())
)
Events = listed("Events", Event)
LogEntry = shape("LogEntry", cursor=text(), event=Event)
Log = listed("Log", LogEntry)

Dial = shape(
    "Dial",
    to=text(help_text="/public/x, /private/x, an extension, +E.164 or sip:user@host"),
    sdp=maybe(help_text="the device's offer; required with a token"),
    media=MediaWish,
    script=s.DictField(
        required=False, help_text="SWML; an API key sends exactly one of script, script_url and connect"
    ),
    script_url=maybe(),
    connect=maybe(),
    caller_id=maybe(),
    timeout=s.IntegerField(required=False, min_value=1, max_value=600),
    max_duration=s.IntegerField(required=False, min_value=1, max_value=86400),
    sip_headers=s.DictField(child=text(), required=False),
    status_url=maybe(),
    status_events=s.ListField(child=text(), required=False),
    metadata=s.JSONField(required=False),
    caller_name=maybe(max_length=100, help_text="shown if the directory has no name for the caller"),
    user_variables=s.DictField(
        child=text(),
        required=False,
        help_text="at most 20; shown in call.incoming and metadata.user_variables",
    ),
    machine_detection=s.JSONField(
        required=False, help_text="true, detect, detect_message_end, or an object of mode and detect's fields"
    ),
    **{"from": maybe()},
)
LEG_HELP = "a leg's id, caller, callee or target; only from an API key"
OfLeg = shape("OfLeg", leg=maybe(help_text=LEG_HELP))
Answer = shape(
    "Answer",
    leg=maybe(help_text=LEG_HELP),
    sdp=maybe(),
    media=MediaWish,
    script=s.DictField(required=False),
    script_url=maybe(),
)
Reject = shape(
    "Reject", leg=maybe(help_text=LEG_HELP), reason=s.ChoiceField(["rejected", "busy"], required=False)
)
Channels = shape(
    "Channels",
    leg=maybe(help_text=LEG_HELP),
    channels=s.ListField(child=s.ChoiceField(["audio", "video"]), required=False),
)
Digits = shape("Digits", leg=maybe(help_text=LEG_HELP), digits=text(help_text="1 to 64 of 0-9 A-D * # w ,"))
Transfer = shape("Transfer", leg=maybe(help_text=LEG_HELP), to=text())
Consult = shape("Consult", leg=maybe(help_text=LEG_HELP), to=text(), sdp=maybe(), media=MediaWish)
SUPERVISED_HELP = "a leg's id, caller, callee or target: the party that hears a whisper"
Listen = shape(
    "Listen",
    sdp=maybe(help_text="the supervisor's offer; exactly one of sdp and to"),
    to=maybe(help_text="a subscriber, a phone number or sip:user@host to ring"),
    mode=s.ChoiceField(MODES, required=False, help_text="default: listen"),
    leg=maybe(help_text=SUPERVISED_HELP),
    timeout=s.IntegerField(required=False, min_value=1, max_value=600, help_text="seconds to ring"),
)
Supervise = shape("Supervise", mode=s.ChoiceField(MODES), leg=maybe(help_text=SUPERVISED_HELP))
LegStats = shape(
    "LegStats",
    leg_id=s.UUIDField(),
    role=text(),
    codec=text(allow_null=True),
    samples=s.ListField(child=s.DictField(child=s.JSONField())),
)
Stats = shape("Stats", call_id=s.UUIDField(), legs=s.ListField(child=LegStats))


def query(name: str, what: str, kind: type[Any] = str) -> OpenApiParameter:
    return OpenApiParameter(name, kind, OpenApiParameter.QUERY, description=what)


def word(name: str, words: Iterable[str], what: str) -> OpenApiParameter:
    """A part of the path that is one of these words."""
    return OpenApiParameter(name, str, OpenApiParameter.PATH, enum=list(words), description=what)


PAGING = pagination.PARAMETERS
PAGE_SIZE = PAGING[0]
CALL_FILTERS = [
    query("state", "created, ringing, answered, ended; separate several with commas"),
    query("from", "exact match"),
    query("to", "exact match"),
    query("created_after", "RFC 3339 or unix seconds"),
    query("created_before", "RFC 3339 or unix seconds"),
    query("kind", "subscriber, room, script, pstn, sip"),
    query("end_reason", "hangup, cancelled, busy, no-answer, rejected, failed, transferred"),
    *PAGING,
]
