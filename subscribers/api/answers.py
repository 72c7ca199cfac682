"""What the OpenAPI document says of the directory's answers, which `render` of each Resource makes."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from drf_spectacular.utils import inline_serializer
from rest_framework import serializers as s

from rest.openapi import listed, shape
from subscribers.models import Room


def text(*, required: bool = True, help_text: str | None = None) -> s.CharField:
    return s.CharField(required=required, help_text=help_text)


def nullable(*, required: bool = True, help_text: str | None = None) -> s.CharField:
    return s.CharField(allow_null=True, required=required, help_text=help_text)


def texts() -> s.ListField:
    return s.ListField(child=s.CharField())


TIMES: dict[str, Any] = {"created_at": s.DateTimeField(), "updated_at": s.DateTimeField()}

Address = shape(
    "Address",
    id=s.UUIDField(),
    resource_id=s.UUIDField(help_text="the subscriber, room or script that it leads to"),
    name=text(),
    display_name=text(),
    type=s.ChoiceField(["subscriber", "room", "app"]),
    cover_url=nullable(),
    preview_url=nullable(),
    locked=s.BooleanField(),
    channels=shape(
        "AddressChannels", audio=text(help_text="what to dial"), video=text(), messaging=text(required=False)
    ),
    created_at=s.DateTimeField(),
    presence=nullable(
        required=False, help_text="available, busy, dnd or offline; null if the address is not a subscriber's"
    ),
)
Addresses = listed("Addresses", Address)

_PROFILE: dict[str, Any] = {
    "email": text(),
    "first_name": text(),
    "last_name": text(),
    "display_name": text(),
    "job_title": text(),
    "country": text(),
    "region": text(),
    "company_name": text(),
}
SubscriberInfo = shape(
    "SubscriberInfo",
    **{**{name: text(required=False) for name in _PROFILE}, "email": text(), "display_name": text()},
    id=s.UUIDField(),
    time_zone=text(required=False),
    extension=nullable(required=False),
    push_notification_key=text(),
    fabric_addresses=s.ListField(child=deepcopy(Address)),
)
_BODIES: dict[str, dict[str, Any]] = {
    "subscriber": {
        **_PROFILE,
        "id": s.UUIDField(),
        "timezone": text(),
        "reference": text(),
        "address": text(help_text="what to dial, such as /private/alice"),
        "extension": nullable(),
        "max_calls": s.IntegerField(allow_null=True),
        "do_not_disturb": s.BooleanField(),
    },
    "conference_room": {
        "id": s.UUIDField(),
        "name": text(),
        "display_name": text(),
        "description": text(),
        "max_members": s.IntegerField(),
        "video": s.BooleanField(),
        "locked": s.BooleanField(),
        "join_muted": s.BooleanField(),
        "entry_tone": s.BooleanField(),
        "record_on_start": s.BooleanField(),
        "empty_timeout": s.IntegerField(help_text="seconds until an empty room ends"),
        "moderator": s.ChoiceField(Room.Moderator.choices),
        "join_from": s.DateTimeField(allow_null=True),
        "join_until": s.DateTimeField(allow_null=True),
        "meta": s.JSONField(),
        "tone_on_entry_and_exit": s.BooleanField(),
        "room_join_video_off": s.BooleanField(),
        "user_join_video_off": s.BooleanField(),
        "enable_room_previews": s.BooleanField(),
        "sync_audio_video": s.BooleanField(),
        "quality": text(),
        "layout": text(),
        "remove_at": nullable(),
        "remove_after_seconds_elapsed": s.IntegerField(allow_null=True),
    },
    "swml_script": {
        "id": s.UUIDField(),
        "name": text(),
        "display_name": text(),
        "contents": text(help_text="the SWML document, in JSON or YAML"),
        "request_url": nullable(),
        "status_callback_url": nullable(),
        "status_callback_method": text(),
    },
    "sip_endpoint": {
        "id": s.UUIDField(),
        "username": text(),
        "caller_id": text(),
        "send_as": text(),
        "ciphers": texts(),
        "codecs": texts(),
        "encryption": text(),
        "call_handler": text(),
        "calling_handler_resource_id": s.UUIDField(allow_null=True),
        "nat": s.BooleanField(),
        "subscriber_id": s.UUIDField(),
        "password": text(required=False, help_text="only in the response that creates it"),
    },
    "sip_gateway": {
        "id": s.UUIDField(),
        "uri": text(),
        "name": text(),
        "user": text(),
        "host": text(),
        "port": s.IntegerField(),
        "transport": text(),
        "username": text(),
        "realm": text(),
        "register": s.BooleanField(),
        "enabled": s.BooleanField(),
        "prefixes": texts(),
        "priority": s.IntegerField(),
        "ip_addresses": texts(),
        "names": texts(),
        "codecs": texts(),
        "ciphers": texts(),
        "encryption": text(),
        "caller_id": text(),
        "number_policy": text(),
        "headers": s.JSONField(),
        "nat": s.BooleanField(),
        "trust_identity": s.BooleanField(),
        "has_password": s.BooleanField(),
        "registration": s.JSONField(help_text="the state of the registration; null if it does not register"),
    },
}
TITLES = {
    "subscriber": "Subscriber",
    "conference_room": "ConferenceRoom",
    "swml_script": "SwmlScript",
    "sip_endpoint": "SipEndpoint",
    "sip_gateway": "SipGateway",
    "phone_number": "PhoneNumber",
}


def _envelope(word: str) -> s.Serializer[Any]:
    """SignalWire's envelope around the resource's own object."""
    return shape(
        TITLES[word],
        id=s.UUIDField(),
        project_id=s.UUIDField(),
        display_name=text(),
        type=text(),
        **TIMES,
        **{word: shape(f"{TITLES[word]}Body", **_BODIES[word])},
    )


RESOURCES: dict[str, Any] = {word: _envelope(word) for word in _BODIES}
RESOURCES["phone_number"] = shape(
    "PhoneNumber",
    id=s.UUIDField(),
    project_id=s.UUIDField(),
    number=text(help_text="E.164"),
    name=text(),
    address=nullable(help_text="where inbound calls go"),
    address_id=s.UUIDField(allow_null=True),
    subscriber_id=s.UUIDField(allow_null=True, help_text="who may show it as caller id"),
    **TIMES,
)
LISTS: dict[str, Any] = {word: listed(f"{TITLES[word]}s", one) for word, one in RESOURCES.items()}
AnyResource = shape(
    "Resource",
    id=s.UUIDField(),
    project_id=s.UUIDField(),
    display_name=text(),
    type=s.ChoiceField(["subscriber", "video_room", "swml_script", "sip_endpoint", "sip_gateway"]),
    **TIMES,
    **{
        word: inline_serializer(f"{TITLES[word]}OfResource", dict(fields), required=False)
        for word, fields in _BODIES.items()
    },
)
AnyResources = listed("Resources", AnyResource)
NestedEndpoint = shape("SubscriberSipEndpoint", **_BODIES["sip_endpoint"], **TIMES)
NestedEndpoints = listed("SubscriberSipEndpoints", NestedEndpoint)
