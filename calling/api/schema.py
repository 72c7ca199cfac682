"""What the OpenAPI document says about bodies and answers. Only told: `calling.fields` does the checks."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, inline_serializer
from rest_framework import serializers as s


def shape(title: str, /, **fields: Any) -> Any:
    return inline_serializer(title, fields)


def text(**options: Any) -> s.CharField:
    return s.CharField(**options)


def maybe(**options: Any) -> s.CharField:
    return s.CharField(required=False, **options)


Problem = shape(
    "Problem",
    type=text(),
    code=text(),
    message=text(),
    attribute=text(allow_null=True),
    url=text(),
)
Errors = shape("Errors", errors=s.ListField(child=Problem))
ERRORS = {
    401: OpenApiResponse(Errors, "no or wrong credentials"),
    402: OpenApiResponse(Errors, "the balance does not cover it"),
    403: OpenApiResponse(Errors, "not with these credentials"),
    404: OpenApiResponse(Errors, "no such thing in this project"),
    409: OpenApiResponse(Errors, "not allowed in the present state, which is named"),
    422: OpenApiResponse(Errors, "a field is wrong"),
    429: OpenApiResponse(Errors, "too many requests; see Retry-After"),
    503: OpenApiResponse(Errors, "a part is away; see Retry-After"),
}

MediaWish = shape(
    "MediaWish",
    audio=s.BooleanField(required=False),
    video=s.BooleanField(required=False),
    receive_audio=s.BooleanField(required=False),
    receive_video=s.BooleanField(required=False),
)
LegMedia = shape(
    "LegMedia",
    state=s.ChoiceField(["new", "connecting", "connected", "failed"]),
    audio=text(help_text="sendrecv, sendonly, recvonly or inactive"),
    video=text(),
    codec=text(allow_null=True),
)
Leg = shape(
    "Leg",
    id=s.UUIDField(),
    role=s.ChoiceField(["caller", "callee", "target"]),
    address=text(),
    state=s.ChoiceField(["created", "ringing", "answered", "ended"]),
    held_by=s.ChoiceField(["local", "remote"], allow_null=True),
    muted=s.ListField(child=text()),
    media=LegMedia,
    answer=maybe(help_text="SDP, only to that leg"),
    end_reason=text(allow_null=True),
    end_cause=text(allow_null=True),
)
Call = shape(
    "Call",
    id=s.UUIDField(),
    project_id=s.UUIDField(),
    state=s.ChoiceField(["created", "ringing", "answered", "ended"]),
    to=text(),
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
    metadata=s.JSONField(allow_null=True),
    legs=s.ListField(child=Leg),
    **{"from": text(allow_null=True)},
)
Links = shape(
    "Links",
    self=text(),
    first=text(allow_null=True),
    next=text(allow_null=True),
    prev=text(allow_null=True),
)
Calls = shape("Calls", data=s.ListField(child=Call), links=Links)
Event = shape(
    "Event", id=s.UUIDField(), type=text(), timestamp=s.DateTimeField(), data=s.DictField(child=s.JSONField())
)
Events = shape("Events", data=s.ListField(child=Event), links=Links)
LogEntry = shape("LogEntry", cursor=text(), event=Event)
Log = shape("Log", data=s.ListField(child=LogEntry), links=Links)

Dial = shape(
    "Dial",
    to=text(help_text="/public/x, /private/x, an extension, +E.164 or sip:user@host"),
    sdp=maybe(help_text="the device's offer; required with a token"),
    media=MediaWish,
    script=s.DictField(required=False, help_text="SWML; from an API key one of script, script_url, connect"),
    script_url=maybe(),
    connect=maybe(),
    caller_id=maybe(),
    timeout=s.IntegerField(required=False, min_value=1, max_value=600),
    max_duration=s.IntegerField(required=False, min_value=1, max_value=86400),
    sip_headers=s.DictField(child=text(), required=False),
    status_url=maybe(),
    status_events=s.ListField(child=text(), required=False),
    metadata=s.JSONField(required=False),
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
OperationBody = shape("OperationBody", leg=maybe(help_text=LEG_HELP), control_id=maybe())
Operation = shape(
    "Operation",
    id=s.UUIDField(),
    call_id=s.UUIDField(),
    leg_id=s.UUIDField(allow_null=True),
    control_id=text(),
    verb=text(),
    state=s.ChoiceField(["wanted", "running", "finished", "failed"]),
    result=s.DictField(child=s.JSONField()),
)
Wish = shape("Wish", volume=s.FloatField(required=False), behavior=maybe())
LegStats = shape(
    "LegStats",
    leg_id=s.UUIDField(),
    role=text(),
    codec=text(allow_null=True),
    samples=s.ListField(child=s.DictField(child=s.JSONField())),
)
Stats = shape("Stats", call_id=s.UUIDField(), legs=s.ListField(child=LegStats))
Recording = shape(
    "Recording",
    id=s.UUIDField(),
    call_id=s.UUIDField(),
    leg_id=s.UUIDField(allow_null=True),
    control_id=text(),
    state=s.ChoiceField(["recording", "finished", "partial", "failed"]),
    format=text(),
    channels=s.IntegerField(),
    duration_ms=s.IntegerField(),
    size=s.IntegerField(),
    url=text(allow_null=True, help_text="signed download, valid for 5 minutes"),
)
Recordings = shape("Recordings", data=s.ListField(child=Recording), links=Links)
Member = shape(
    "Member",
    leg_id=s.UUIDField(),
    call_id=s.UUIDField(),
    address=text(),
    muted=s.BooleanField(),
    talking=s.BooleanField(),
    joined_at=s.DateTimeField(),
    deaf=s.BooleanField(),
    volume=s.FloatField(help_text="dB, how loud the others hear it"),
)
Room = shape(
    "RoomState",
    name=text(),
    state=text(),
    locked=s.BooleanField(),
    members=s.ListField(child=Member),
)


def query(name: str, what: str) -> OpenApiParameter:
    return OpenApiParameter(name, str, OpenApiParameter.QUERY, description=what)


PAGING = [query("page_size", "at most 200"), query("page_token", "from links.next")]
CALL_FILTERS = [
    query("state", "created, ringing, answered, ended; several with commas"),
    query("from", "exact"),
    query("to", "exact"),
    query("created_after", "RFC 3339 or unix seconds"),
    query("created_before", "RFC 3339 or unix seconds"),
    query("kind", "subscriber, room, script, pstn, sip"),
    query("end_reason", "hangup, cancelled, busy, no-answer, rejected, failed, transferred"),
    *PAGING,
]
