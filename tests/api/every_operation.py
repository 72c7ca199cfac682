"""One right request for every operation of the OpenAPI document, against rows that are there.

The test beside it writes what it saw to a file, to be kept as config/openapi_examples.json.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from tests.api.tenancy import CANARY
from tests.support import fake_worker
from tests.support.people import Cast

KEPT = Path(__file__).parents[2] / "config" / "openapi_examples.json"
NAMESPACE = UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")
POINT = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"  # RFC 8291
SWML = {"version": "1.0.0", "sections": {"main": [{"play": {"url": "say:Hello"}}, "hangup"]}}
BY_COLLECTION = {
    "conference_rooms": "room", "sip_endpoints": "sip_endpoint", "subscribers": "subscriber",
    "sip_gateways": "gateway", "swml_scripts": "script", "embeds": "embed", "addresses": "address",
    "phone_numbers": "number", "resources": "subscriber", "recordings": "recording", "logs": "call",
    "room_sessions": "meeting", "rooms": "room_name", "conferences": "room_name",
    "conversations": "conversation",
}  # fmt: skip
BY_NAME = {
    "call_id": "call", "leg_id": "leg", "control_id": "control", "webhook_id": "webhook", "key_id": "key",
    "endpoint_id": "sip_endpoint", "delivery_id": "delivery", "recording_id": "recording",
    "alert_id": "alert",
}  # fmt: skip


@dataclass
class Act:
    """What an operation is asked with: a body, who asks, and what must have happened before."""

    body: dict[str, Any] | None = None
    by: str = "key"
    before: Callable[[Cast, dict[str, str]], dict[str, str] | None] = lambda cast, ids: None
    words: dict[str, str] = field(default_factory=dict)


def ringing(cast: Cast, ids: dict[str, str]) -> dict[str, str]:
    return {"call": fake_worker.ringing(cast, to="carol")}


def ended(cast: Cast, ids: dict[str, str]) -> None:
    cast.rest.post(f"/api/calls/{ids['call']}/hangup", {})


def held(cast: Cast, ids: dict[str, str]) -> None:
    cast.alice.rest.post(f"/api/calls/{ids['call']}/hold", {})


def muted(cast: Cast, ids: dict[str, str]) -> None:
    cast.alice.rest.post(f"/api/calls/{ids['call']}/mute", {})


def carol_online(cast: Cast, ids: dict[str, str]) -> None:
    fake_worker.online(cast.carol)


def consulting(cast: Cast, ids: dict[str, str]) -> None:
    fake_worker.online(cast.carol)
    body = {"to": "/private/carol", "sdp": fake_worker.SDP}
    second = cast.alice.rest.post(f"/api/calls/{ids['call']}/consult", body).json()["id"]
    fake_worker.carry(second)
    assert cast.carol.rest.post(f"/api/calls/{second}/answer", {"sdp": fake_worker.SDP}).status_code == 200


def supervised(cast: Cast, ids: dict[str, str]) -> dict[str, str]:
    made = cast.rest.post(f"/api/calls/{ids['call']}/listen", {"sdp": fake_worker.SDP}).json()
    fake_worker.answer_offers(made["supervising_call_id"])
    return {"leg": made["id"]}


def refreshable(cast: Cast, ids: dict[str, str]) -> dict[str, str]:
    made = cast.rest.post("/api/fabric/subscribers/tokens", {"reference": "dave@example.com"})
    return {"refresh": made.json()["refresh_token"]}


def in_room(cast: Cast, ids: dict[str, str]) -> dict[str, str]:
    answer = cast.carol.rest.post("/api/calls", {"to": f"/public/{ids['room_name']}", "sdp": fake_worker.SDP})
    call_id = answer.json()["id"]
    fake_worker.carry(call_id)
    fake_worker.connect_media(call_id)
    return {"leg": fake_worker.leg_of(call_id, "caller").id}


def flowing(cast: Cast, ids: dict[str, str]) -> None:
    from calling.models import Event

    for position, row in enumerate(Event.objects.order_by("id"), 1):
        Event.objects.filter(pk=row.pk).update(position=position)


# Operations with a body or a need; `$name` in a body is an id of the stage.
ACTS: dict[str, Act] = {
    "calling_command": Act(
        {"command": "calling.play", "id": "$call",
         "params": {"play": [{"type": "tts", "params": {"text": "Hello"}}]}}
    ),
    "calls_dial": Act({"to": "/private/carol", "script": SWML}, before=carol_online),
    "calls_delete": Act(before=ended),
    "calls_answer": Act({"sdp": fake_worker.SDP}, by="carol", before=ringing),
    "calls_reject": Act({"reason": "busy"}, by="carol", before=ringing),
    "calls_hold": Act({}, by="alice"),
    "calls_resume": Act({}, by="alice", before=held),
    "calls_mute": Act({"channels": ["audio"]}, by="alice"),
    "calls_unmute": Act({"channels": ["audio"]}, by="alice", before=muted),
    "calls_dtmf": Act({"digits": "12#"}, by="alice"),
    "calls_transfer": Act({"to": "/private/carol"}, by="alice", before=carol_online),
    "calls_consult": Act({"to": "/private/carol", "sdp": fake_worker.SDP}, by="alice", before=carol_online),
    "calls_listen": Act({"sdp": fake_worker.SDP, "mode": "whisper", "leg": "callee"}),
    "calls_leg": Act(before=supervised),
    "calls_leg_change": Act({"mode": "barge"}, before=supervised),
    "calls_transfer_complete": Act({}, by="alice", before=consulting),
    "calls_transfer_cancel": Act({}, by="alice", before=consulting),
    "calls_hangup": Act({"leg": "callee"}),
    "calls_play": Act({"leg": "callee", "control_id": "greeting", "url": "say:Welcome"}),
    "calls_say": Act({"leg": "callee", "text": "Hello, this is Acme."}),
    "calls_record": Act({"format": "wav", "stereo": True}),
    "calls_collect": Act({"leg": "callee", "max": 4, "terminators": "#"}),
    "calls_stream": Act({"leg": "callee", "url": "wss://bot.example.com/media"}),
    "calls_transcribe": Act({"leg": "callee", "language": "en-US"}),
    "calls_detect": Act({"leg": "callee", "wait_for_beep": True}),
    "calls_relay": Act({"leg": "callee", "url": "wss://bot.example.com/talk", "welcome_greeting": "Hello"}),
    "calls_denoise": Act({"leg": "caller"}),
    "recordings_transcribe": Act({"language": "en-US"}),
    "calls_operation_control": Act({}),
    "history_list": Act(by="alice"),
    "history_seen": Act({}, by="alice"),
    "push_key": Act(by="alice"),
    "push_subscribe": Act(
        {"endpoint": "https://push.example.com/send/1", "expirationTime": None,
         "keys": {"p256dh": POINT, "auth": "BTBZMqHH6r4Tts7J_aSIgg"}},
        by="alice",
    ),
    "push_unsubscribe": Act({"endpoint": "https://push.example.com/send/1"}, by="alice"),
    "alerts_create": Act({"kind": "webhook_failing", "to": "https://app.example.com/alerts"}),
    "events_list": Act(before=flowing),
    "create_embed": Act({"address_id": "$address", "name": "Shop"}),
    "trade_embed_token": Act({"token": "$embed_token"}, by="nobody"),
    "create_guest_token": Act({"allowed_addresses": ["$address"], "display_name": "Gus"}),
    "create_invite": Act({"address_id": "$address"}, by="alice"),
    "subscriber_info": Act(by="alice"),
    "create_subscriber_token": Act({"reference": "dave@example.com", "display_name": "Dave"}),
    "refresh_token": Act({"refresh_token": "$refresh"}, before=refreshable),
    "revoke_token": Act({"jti": "$jti"}),
    "assign_phone_route": Act({"phone_route_id": "$number", "handler": "calling"}),
    "create_conference_room": Act({"name": "standup", "max_members": 10}),
    "change_conference_room": Act({"locked": True}),
    "create_sip_endpoint": Act({"username": "dave-desk", "password": "long enough", "codecs": ["OPUS"]}),
    "change_sip_endpoint": Act({"caller_id": "Dave"}),
    "create_sip_gateway": Act({"name": "Carrier", "uri": "sip:trunk.example.com"}),
    "change_sip_gateway": Act({"enabled": False}),
    "create_subscriber": Act({"email": "dave@example.com", "display_name": "Dave"}),
    "change_subscriber": Act({"do_not_disturb": True}),
    "create_subscriber_sip_endpoint": Act({"username": "dave-desk", "password": "long enough"}),
    "change_subscriber_sip_endpoint": Act({"caller_id": "Dave"}),
    "create_swml_script": Act({"name": "Menu", "contents": SWML}),
    "change_swml_script": Act({"name": "Night menu"}),
    "keys_create": Act({"name": "reports", "scopes": ["read"]}),
    "create_phone_number": Act({"number": "+12125550123", "address_id": "$address"}),
    "change_phone_number": Act({"name": "Front desk"}),
    "relay_phone_numbers_create": Act({"number": "+12125550123"}),
    "relay_phone_numbers_update": Act({"call_relay_script_url": "https://example.com/menu.swml"}),
    "rooms_verb": Act({}, words={"verb": "lock"}),
    "rooms_member_verb": Act({}, before=in_room, words={"verb": "mute"}),
    "video_rooms_create": Act({"name": "standup", "max_members": 10}),
    "video_rooms_update": Act({"description": "Every day at nine"}),
    "video_conferences_create": Act({"name": "weekly", "size": "small"}),
    "video_conferences_update": Act({"size": "medium"}),
    "conversation_join": Act(
        {"from_fabric_address_id": "$address", "fabric_address_ids": ["$address"]}, by="alice"
    ),
    "conversation_write": Act(
        {"from_fabric_address_id": "$address", "group_id": "$conversation", "text": "Hello"}, by="alice"
    ),
    "conversation_messages": Act(by="alice"),
    "webhooks_create": Act({"url": "https://app.example.com/hooks", "events": ["call.*"]}),
    "webhooks_change": Act({"enabled": True}),
    "webhooks_replay": Act({"since": "2026-01-01T00:00:00Z"}, before=flowing),
}  # fmt: skip
SAME = {"replace_": "change_"}


def act_of(operation_id: str) -> Act:
    for verb, like in SAME.items():
        if operation_id.startswith(verb):
            operation_id = like + operation_id.removeprefix(verb)
    return ACTS.get(operation_id, Act())


def filled(template: str, ids: dict[str, str], words: dict[str, str]) -> str:
    """The path with ids of the stage in its places."""

    def value(place: re.Match[str]) -> str:
        name = place[1]
        if name in words:
            return words[name]
        if name in BY_NAME:
            return ids[BY_NAME[name]]
        before = template[: place.start()].rstrip("/").rpartition("/")[2]
        return ids[BY_COLLECTION[before]]

    return re.sub(r"{(\w+)}", value, template)


def with_ids(body: Any, ids: dict[str, str]) -> Any:
    if isinstance(body, dict):
        return {name: with_ids(value, ids) for name, value in body.items()}
    if isinstance(body, list):
        return [with_ids(value, ids) for value in body]
    return ids[body[1:]] if isinstance(body, str) and body.startswith("$") else body


STABLE: tuple[tuple[str, Any], ...] = (
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", None),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)", "2026-11-28T09:30:00.000Z"),
    (r"eyJ[\w-]+\.[\w-]*\.[\w.-]+", "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl"),
    (r"whsec_[\w+/=]+", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"),
    (r"c2c_[0-9a-f]{32}", "c2c_0123456789abcdef0123456789abcdef"),
    (
        r'"B[\w-]{86}"',
        '"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"',
    ),
    (r"PT[0-9a-f]{16,}", "PT0123456789abcdef"),
    (r"(signature|page_token)=[\w:%+-]+", r"\1=abc"),
    (rf"http://127\.0\.0\.1:9/{CANARY}", "https://app.example.com/hooks"),
    (CANARY, "acme"),
    (r"http://testserver|https?://[\w.:-]*localhost[:\d]*", "https://calls.example.com"),
)


def stable(seen: Any) -> Any:
    """The example without what differs from run to run."""
    text = json.dumps(seen, ensure_ascii=False)
    for pattern, instead in STABLE:
        if instead is None:
            order: dict[str, str] = {}
            text = re.sub(
                pattern,
                lambda m, order=order: order.setdefault(m[0], str(uuid5(NAMESPACE, str(len(order))))),
                text,
            )
        else:
            text = re.sub(pattern, instead, text)
    return json.loads(text)
