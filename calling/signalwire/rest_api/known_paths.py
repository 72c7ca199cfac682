"""Paths of SignalWire's REST API that this platform does not have: 422 `not_supported`, never 404.

Pure table. A path that stands neither here nor among `calling.signalwire.rest_api.urls` is unknown: 404.
"""

from __future__ import annotations

from typing import Final

_RELAY: Final = "api/relay/rest"
_BRANDS: Final = f"{_RELAY}/registry/beta/brands"
_CAMPAIGNS: Final = f"{_RELAY}/registry/beta/campaigns"
_QUEUES: Final = f"{_RELAY}/queues"
_GROUPS: Final = f"{_RELAY}/number_groups"
_CALLERS: Final = f"{_RELAY}/verified_caller_ids"
_DOCUMENTS: Final = "api/datasphere/documents"

# Path (`{id}` is any segment) -> what it is about, as the refusal says it.
NOT_SUPPORTED: Final[dict[str, str]] = {
    f"{_RELAY}/addresses": "Postal addresses",
    f"{_RELAY}/addresses/{{id}}": "Postal addresses",
    f"{_RELAY}/imported_phone_numbers": "Importing a number",
    f"{_RELAY}/lookup/phone_number/{{id}}": "Number lookup",
    f"{_RELAY}/mfa/call": "Second factors",
    f"{_RELAY}/mfa/sms": "Second factors",
    f"{_RELAY}/mfa/{{id}}/verify": "Second factors",
    _GROUPS: "Number groups",
    f"{_GROUPS}/{{id}}": "Number groups",
    f"{_GROUPS}/{{id}}/number_group_memberships": "Number groups",
    f"{_RELAY}/number_group_memberships/{{id}}": "Number groups",
    f"{_RELAY}/phone_numbers/search": "Buying a number",
    _QUEUES: "Queues",
    f"{_QUEUES}/{{id}}": "Queues",
    f"{_QUEUES}/{{id}}/members": "Queues",
    f"{_QUEUES}/{{id}}/members/{{id}}": "Queues",
    _BRANDS: "Brand registration",
    f"{_BRANDS}/{{id}}": "Brand registration",
    f"{_BRANDS}/{{id}}/campaigns": "Campaigns",
    f"{_CAMPAIGNS}/{{id}}": "Campaigns",
    f"{_CAMPAIGNS}/{{id}}/numbers": "Campaigns",
    f"{_CAMPAIGNS}/{{id}}/orders": "Campaigns",
    f"{_RELAY}/registry/beta/numbers/{{id}}": "Campaigns",
    f"{_RELAY}/registry/beta/orders/{{id}}": "Campaigns",
    f"{_RELAY}/short_codes": "Short codes",
    f"{_RELAY}/short_codes/{{id}}": "Short codes",
    f"{_RELAY}/sip_profile": "A project's SIP profile",
    _CALLERS: "Verified caller ids",
    f"{_CALLERS}/{{id}}": "Verified caller ids",
    f"{_CALLERS}/{{id}}/verification": "Verified caller ids",
    "api/chat/tokens": "Chat tokens",
    "api/pubsub/tokens": "PubSub tokens",
    _DOCUMENTS: "Datasphere",
    f"{_DOCUMENTS}/search": "Datasphere",
    f"{_DOCUMENTS}/{{id}}": "Datasphere",
    f"{_DOCUMENTS}/{{id}}/chunks": "Datasphere",
    f"{_DOCUMENTS}/{{id}}/chunks/{{id}}": "Datasphere",
    "api/fax/logs": "Fax",
    "api/fax/logs/{id}": "Fax",
    "api/messaging/logs": "Messages",
    "api/messaging/logs/{id}": "Messages",
    "api/messaging/messages": "Messages",
    "api/messaging/messages/{id}": "Messages",
    "api/project/tokens": "API tokens made over this API",
    "api/project/tokens/{id}": "API tokens made over this API",
    "api/projects": "Subprojects",
    "api/projects/{id}": "Subprojects",
    "api/projects/{id}/signing-key/rotate": "Rotating a signing key over this API",
    "api/video/conference_tokens/{id}": "Conference tokens",
    "api/video/conference_tokens/{id}/reset": "Conference tokens",
    "api/video/conferences/{id}/conference_tokens": "Conference tokens",
    "api/video/conferences/{id}/streams": "Streams of a room",
    "api/video/rooms/{id}/streams": "Streams of a room",
    "api/video/streams/{id}": "Streams of a room",
    "api/video/room_recordings": "Recordings of rooms over this API",
    "api/video/room_recordings/{id}": "Recordings of rooms over this API",
    "api/video/room_recordings/{id}/events": "Recordings of rooms over this API",
    "api/video/room_sessions/{id}/recordings": "Recordings of rooms over this API",
    "api/video/room_tokens": "Room tokens",
}
