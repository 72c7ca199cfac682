"""Shapes of requests and answers, as the OpenAPI document has them.

Made by `python -m clients.generate`: do not edit.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

EventType: TypeAlias = Literal[
    "alert.raised",
    "call.answered",
    "call.consult_started",
    "call.created",
    "call.dtmf",
    "call.ended",
    "call.expiring",
    "call.held",
    "call.merged",
    "call.muted",
    "call.resumed",
    "call.ringing",
    "call.transfer_failed",
    "call.transfer_requested",
    "call.transferred",
    "call.unmuted",
    "call.user_event",
    "collect.failed",
    "collect.finished",
    "collect.paused",
    "collect.resumed",
    "collect.started",
    "denoise.failed",
    "denoise.finished",
    "denoise.started",
    "detect.beep",
    "detect.failed",
    "detect.finished",
    "detect.result",
    "detect.started",
    "leg.connected",
    "leg.ended",
    "leg.media_lost",
    "leg.quality",
    "leg.supervising",
    "leg.supervising_ended",
    "participant.joined",
    "participant.left",
    "participant.muted",
    "participant.talking",
    "participant.unmuted",
    "play.failed",
    "play.finished",
    "play.paused",
    "play.resumed",
    "play.started",
    "project.suspended",
    "record.failed",
    "record.finished",
    "record.paused",
    "record.resumed",
    "record.started",
    "relay.failed",
    "relay.finished",
    "relay.started",
    "room.ended",
    "room.started",
    "say.failed",
    "say.finished",
    "say.paused",
    "say.resumed",
    "say.started",
    "stream.failed",
    "stream.finished",
    "stream.paused",
    "stream.resumed",
    "stream.started",
    "transcribe.failed",
    "transcribe.final",
    "transcribe.finished",
    "transcribe.partial",
    "transcribe.started",
    "webhook.disabled",
]


class Address(TypedDict):
    id: str
    # the subscriber, room or script that it leads to
    resource_id: str
    name: str
    display_name: str
    type: AddressTypeEnum
    cover_url: str | None
    preview_url: str | None
    locked: bool
    channels: AddressChannels
    created_at: str
    # available, busy, dnd or offline; null if the address is not a subscriber's
    presence: NotRequired[str | None]


class AddressChannels(TypedDict):
    # what to dial
    audio: str
    video: str
    messaging: NotRequired[str]


AddressTypeEnum: TypeAlias = Literal[
    "subscriber",
    "room",
    "app",
]


class Addresses(TypedDict):
    links: Links
    data: list[Address]


class Alert(TypedDict):
    id: str
    kind: AlertKindEnum
    # a mail address or a URL
    to: str
    # quality: MOS (default 3); balance: amount (default 0)
    threshold: str | None
    created_at: str
    # since when its condition has held
    raised_at: str | None


AlertKindEnum: TypeAlias = Literal[
    "webhook_failing",
    "worker_lost",
    "quality",
    "balance",
]


class Alerts(TypedDict):
    links: Links
    data: list[Alert]


class Answer(TypedDict):
    # what a device with an SDP wants to send and receive; by default what the SDP offers
    media: NotRequired[MediaWish]
    # a leg's id, caller, callee or target; only from an API key
    leg: NotRequired[str]
    sdp: NotRequired[str]
    script: NotRequired[dict[str, Any]]
    script_url: NotRequired[str]


class Balance(TypedDict):
    limits: BalanceLimits
    project_id: str
    # whether a phone call needs a sufficient balance
    prepaid: bool
    currency: str
    # with six decimals
    balance: str
    # reserved for live calls
    reserved: str
    available: str
    spent_today: str
    live_phone_calls: int
    suspended_at: str | None
    suspended_reason: str | None


class BalanceLimits(TypedDict):
    concurrent: int | None
    per_minute: int | None
    per_day: str | None


Call = TypedDict(
    "Call",
    {
        "id": str,
        "project_id": str,
        "state": "CallStateEnum",
        "from_name": str | None,
        "to": str,
        "to_name": str | None,
        "kind": "CallKindEnum",
        "created_at": str,
        "ringing_at": str | None,
        "answered_at": str | None,
        "ended_at": str | None,
        "duration_ms": int,
        "end_reason": str | None,
        "end_cause": str | None,
        "ended_by": str | None,
        "sip_code": int | None,
        "sip_headers": dict[str, str],
        "consult_of": str | None,
        # on a supervisor's call: the supervised call
        "supervises": str | None,
        "diverted_from": str | None,
        # an object, or null
        "metadata": Any,
        "legs": "list[Leg]",
        "from": str | None,
    },
)

CallHandlerEnum: TypeAlias = Literal[
    "default",
    "block-pstn",
    "resource",
]

CallKindEnum: TypeAlias = Literal[
    "subscriber",
    "room",
    "script",
    "pstn",
    "sip",
]

CallStateEnum: TypeAlias = Literal[
    "created",
    "ringing",
    "answered",
    "ended",
]


class Calls(TypedDict):
    links: Links
    data: list[Call]


class Channels(TypedDict):
    # a leg's id, caller, callee or target; only from an API key
    leg: NotRequired[str]
    channels: NotRequired[list[ChannelsEnum]]


ChannelsEnum: TypeAlias = Literal[
    "audio",
    "video",
]


class Collect(TypedDict):
    # a leg's id, caller, callee or target; only from an API key
    leg: NotRequired[str]
    # your own name for the operation; generated if omitted
    control_id: NotRequired[str]
    max: NotRequired[int]
    terminators: NotRequired[str]
    digit_timeout: NotRequired[float]
    digits: NotRequired[CollectDigits]
    # the first words also end the operation; needs a speech worker
    speech: NotRequired[CollectSpeech]
    initial_timeout: NotRequired[float]
    # only false: collect reports nothing before its end
    partial_results: NotRequired[bool]
    start_input_timers: NotRequired[bool]


class CollectDigits(TypedDict):
    max: NotRequired[int]
    terminators: NotRequired[str]
    digit_timeout: NotRequired[float]


class CollectSpeech(TypedDict):
    model: NotRequired[ModelEnum]
    # such as en-US
    language: NotRequired[str]
    hints: NotRequired[list[str]]
    end_silence_timeout: NotRequired[float]
    speech_timeout: NotRequired[float]


class ConferenceRoom(TypedDict):
    created_at: str
    updated_at: str
    id: str
    project_id: str
    display_name: str
    type: str
    conference_room: ConferenceRoomBody


class ConferenceRoomBody(TypedDict):
    id: str
    name: str
    display_name: str
    description: str
    max_members: int
    video: bool
    locked: bool
    join_muted: bool
    entry_tone: bool
    record_on_start: bool
    # seconds until an empty room ends
    empty_timeout: int
    moderator: ModeratorEnum
    join_from: str | None
    join_until: str | None
    meta: Any
    tone_on_entry_and_exit: bool
    room_join_video_off: bool
    user_join_video_off: bool
    enable_room_previews: bool
    sync_audio_video: bool
    quality: str
    layout: str
    remove_at: str | None
    remove_after_seconds_elapsed: int | None


class ConferenceRoomOfResource(TypedDict):
    id: str
    name: str
    display_name: str
    description: str
    max_members: int
    video: bool
    locked: bool
    join_muted: bool
    entry_tone: bool
    record_on_start: bool
    # seconds until an empty room ends
    empty_timeout: int
    moderator: ModeratorEnum
    join_from: str | None
    join_until: str | None
    meta: Any
    tone_on_entry_and_exit: bool
    room_join_video_off: bool
    user_join_video_off: bool
    enable_room_previews: bool
    sync_audio_video: bool
    quality: str
    layout: str
    remove_at: str | None
    remove_after_seconds_elapsed: int | None


class ConferenceRooms(TypedDict):
    links: Links
    data: list[ConferenceRoom]


class Consult(TypedDict):
    # what a device with an SDP wants to send and receive; by default what the SDP offers
    media: NotRequired[MediaWish]
    # a leg's id, caller, callee or target; only from an API key
    leg: NotRequired[str]
    to: str
    sdp: NotRequired[str]


ContextEnum: TypeAlias = Literal[
    "public",
    "private",
]

DebugEnum: TypeAlias = Literal[
    "speaker-events",
    "tokens-played",
]


class Deliveries(TypedDict):
    links: Links
    data: list[Delivery]


class Delivery(TypedDict):
    id: str
    webhook_id: str
    event_id: str
    event_type: str
    call_id: str | None
    status: DeliveryStatusEnum
    trigger: str
    tries: int
    next_at: str | None
    created_at: str
    finished_at: str | None
    attempts: list[DeliveryAttempt]


class DeliveryAttempt(TypedDict):
    at: str
    # HTTP status of the receiver's response
    status: int | None
    error: str | None
    duration_ms: int
    # the beginning of the receiver's response body
    answer: str | None


DeliveryStatusEnum: TypeAlias = Literal[
    "pending",
    "delivered",
    "parked",
    "cancelled",
]


class Denoise(TypedDict):
    # a leg's id, caller, callee or target; only from an API key
    leg: NotRequired[str]
    # your own name for the operation; generated if omitted
    control_id: NotRequired[str]


class Detect(TypedDict):
    # a leg's id, caller, callee or target; only from an API key
    leg: NotRequired[str]
    # your own name for the operation; generated if omitted
    control_id: NotRequired[str]
    # seconds
    timeout: NotRequired[float]
    initial_timeout: NotRequired[float]
    end_silence_timeout: NotRequired[float]
    machine_voice_threshold: NotRequired[float]
    machine_words_threshold: NotRequired[int]
    machine_ready_timeout: NotRequired[float]
    # continue until the machine is ready to record a message
    wait_for_beep: NotRequired[bool]


Dial = TypedDict(
    "Dial",
    {
        # what a device with an SDP wants to send and receive; by default what the SDP offers
        "media": NotRequired["MediaWish"],
        # /public/x, /private/x, an extension, +E.164 or sip:user@host
        "to": str,
        # the device's offer; required with a token
        "sdp": NotRequired[str],
        # SWML; an API key sends exactly one of script, script_url and connect
        "script": NotRequired[dict[str, Any]],
        "script_url": NotRequired[str],
        "connect": NotRequired[str],
        "caller_id": NotRequired[str],
        "timeout": NotRequired[int],
        "max_duration": NotRequired[int],
        "sip_headers": NotRequired[dict[str, str]],
        "status_url": NotRequired[str],
        "status_events": NotRequired[list[str]],
        "metadata": NotRequired[Any],
        # shown if the directory has no name for the caller
        "caller_name": NotRequired[str],
        # at most 20; shown in call.incoming and metadata.user_variables
        "user_variables": NotRequired[dict[str, str]],
        # true, detect, detect_message_end, or an object of mode and detect's fields
        "machine_detection": NotRequired[Any],
        "from": NotRequired[str],
    },
)


class Digits(TypedDict):
    # a leg's id, caller, callee or target; only from an API key
    leg: NotRequired[str]
    # 1 to 64 of 0-9 A-D * # w ,
    digits: str


class Embed(TypedDict):
    id: str
    # public; whoever opens the page exchanges it for a guest token
    token: str
    name: str
    address_id: str
    address: str
    created_at: str


class EmbedFields(TypedDict):
    address_id: NotRequired[str | None]
    address: NotRequired[str]
    name: NotRequired[str]


class Embeds(TypedDict):
    links: Links
    data: list[Embed]


EncryptionEnum: TypeAlias = Literal[
    "default",
    "optional",
    "required",
    "disabled",
]


class EndpointFields(TypedDict):
    username: str
    password: NotRequired[str]
    caller_id: NotRequired[str]
    send_as: NotRequired[str]
    codecs: NotRequired[list[str]]
    ciphers: NotRequired[list[str]]
    encryption: NotRequired[EncryptionEnum]
    call_handler: NotRequired[CallHandlerEnum]
    calling_handler_resource_id: NotRequired[str | None]
    nat: NotRequired[bool]
    subscriber_id: NotRequired[str | None]


class Erasure(TypedDict):
    subscriber_id: str
    state: ErasureStateEnum


ErasureStateEnum: TypeAlias = Literal["erasing",]


class Errors(TypedDict):
    errors: list[Problem]


class Event(TypedDict):
    id: str
    type: str
    timestamp: str
    data: dict[str, Any]


class Events(TypedDict):
    links: Links
    data: list[Event]


FormatEnum: TypeAlias = Literal[
    "wav",
    "mp3",
    "ogg",
]


class GatewayFields(TypedDict):
    name: str
    uri: NotRequired[str]
    host: NotRequired[str]
    port: NotRequired[int]
    transport: NotRequired[TransportEnum]
    username: NotRequired[str]
    password: NotRequired[str]
    realm: NotRequired[str]
    register: NotRequired[bool]
    enabled: NotRequired[bool]
    prefixes: NotRequired[list[str]]
    priority: NotRequired[int]
    ip_addresses: NotRequired[list[str]]
    names: NotRequired[list[str]]
    codecs: NotRequired[list[str]]
    ciphers: NotRequired[list[str]]
    encryption: NotRequired[EncryptionEnum]
    caller_id: NotRequired[str]
    number_policy: NotRequired[NumberPolicyEnum]
    headers: NotRequired[dict[str, Any]]
    nat: NotRequired[bool]
    trust_identity: NotRequired[bool]


class GuestFields(TypedDict):
    allowed_addresses: list[str]
    expire_at: NotRequired[int | str | None]
    display_name: NotRequired[str]


HandlerEnum: TypeAlias = Literal[
    "calling",
    "messaging",
]


class History(TypedDict):
    links: Links
    data: list[HistoryEntry]


HistoryEntry = TypedDict(
    "HistoryEntry",
    {
        "id": str,
        "direction": "HistoryEntryDirectionEnum",
        # the call rang here and was not answered
        "missed": bool,
        # false for a missed call until POST /api/history/seen
        "seen": bool,
        "state": str,
        "kind": str,
        "from": str | None,
        "from_name": str | None,
        "to": str,
        "to_name": str | None,
        "created_at": str,
        "answered_at": str | None,
        "ended_at": str | None,
        "duration_ms": int,
        "end_reason": str | None,
        "end_cause": str | None,
    },
)

HistoryEntryDirectionEnum: TypeAlias = Literal[
    "inbound",
    "outbound",
]


class HistorySeen(TypedDict):
    seen_at: str


class InviteFields(TypedDict):
    address_id: str
    expires_at: NotRequired[int | str | None]
    expire_at: NotRequired[int | str | None]


class Key(TypedDict):
    id: str
    name: str
    scopes: list[ScopesEnum]
    # the key's first characters
    hint: str
    created_at: str
    # to the minute
    last_used_at: str | None


class KeyFields(TypedDict):
    name: str
    scopes: list[ScopesEnum]


class Keys(TypedDict):
    links: Links
    data: list[Key]


class Leg(TypedDict):
    media: LegMedia
    id: str
    role: RoleEnum
    address: str
    state: CallStateEnum
    # local, remote or null
    held_by: str | None
    muted: list[str]
    # SDP; shown only to that leg
    answer: NotRequired[str | None]
    end_reason: str | None
    end_cause: str | None
    # only on a supervisor's leg * `listen` - listen * `whisper` - whisper * `barge` - barge
    mode: NotRequired[ModeEnum]
    # on a supervisor's leg: the party that hears a whisper
    supervised_leg_id: NotRequired[str | None]
    # on a supervisor's leg: the supervisor's own call
    supervising_call_id: NotRequired[str]


class LegMedia(TypedDict):
    state: LegMediaStateEnum
    # sendrecv, sendonly, recvonly or inactive
    audio: str
    video: str
    codec: str | None


LegMediaStateEnum: TypeAlias = Literal[
    "new",
    "connecting",
    "connected",
    "failed",
    "closed",
]


class LegStats(TypedDict):
    leg_id: str
    role: str
    codec: str | None
    samples: list[dict[str, Any]]


class Links(TypedDict):
    self: str
    first: str | None
    next: str | None
    prev: str | None


class Listen(TypedDict):
    # the supervisor's offer; exactly one of sdp and to
    sdp: NotRequired[str]
    # a subscriber, a phone number or sip:user@host to ring
    to: NotRequired[str]
    # default: listen * `listen` - listen * `whisper` - whisper * `barge` - barge
    mode: NotRequired[ModeEnum]
    # a leg's id, caller, callee or target: the party that hears a whisper
    leg: NotRequired[str]
    # seconds to ring
    timeout: NotRequired[int]


class Log(TypedDict):
    links: Links
    data: list[LogEntry]


class LogEntry(TypedDict):
    event: Event
    cursor: str


class MediaWish(TypedDict):
    audio: NotRequired[bool]
    video: NotRequired[bool]
    receive_audio: NotRequired[bool]
    receive_video: NotRequired[bool]


class Member(TypedDict):
    leg_id: str
    call_id: str
    address: str
    muted: bool
    talking: bool
    joined_at: str
    deaf: bool
    # dB; how loud the other members hear this one
    volume: float


class MemberVerb(TypedDict):
    # dB, for the verb volume
    volume: NotRequired[float]


ModeEnum: TypeAlias = Literal[
    "listen",
    "whisper",
    "barge",
]

ModelEnum: TypeAlias = Literal[
    "accurate",
    "quick",
]

ModeratorEnum: TypeAlias = Literal[
    "project",
    "subscribers",
    "everyone",
]


class NewAlert(TypedDict):
    kind: AlertKindEnum
    # a mail address or a URL
    to: str
    # only for quality and balance; a number, or a string with a number
    threshold: NotRequired[str]


class NewKey(TypedDict):
    id: str
    name: str
    scopes: list[ScopesEnum]
    # the key's first characters
    hint: str
    created_at: str
    # to the minute
    last_used_at: str | None
    # the password of HTTP Basic; shown once
    key: str


class NewPushSubscription(TypedDict):
    keys: PushKeys
    # the URL that the browser's push service gave
    endpoint: str
    # accepted and ignored
    expirationTime: NotRequired[int | None]


class NewWebhook(TypedDict):
    url: str
    # types like call.ended, or patterns like call.* and *
    events: list[str]
    description: NotRequired[str]


class NumberFields(TypedDict):
    number: str
    name: NotRequired[str]
    address: NotRequired[str | None]
    address_id: NotRequired[str | None]
    subscriber_id: NotRequired[str | None]


NumberPolicyEnum: TypeAlias = Literal[
    "own",
    "any",
]


class OfLeg(TypedDict):
    # a leg's id, caller, callee or target; only from an API key
    leg: NotRequired[str]


class Operation(TypedDict):
    id: str
    call_id: str
    leg_id: str | None
    control_id: str
    verb: str
    state: OperationStateEnum
    result: dict[str, Any]


OperationStateEnum: TypeAlias = Literal[
    "wanted",
    "running",
    "finished",
    "failed",
]


class PatchedEndpointFields(TypedDict):
    username: NotRequired[str]
    password: NotRequired[str]
    caller_id: NotRequired[str]
    send_as: NotRequired[str]
    codecs: NotRequired[list[str]]
    ciphers: NotRequired[list[str]]
    encryption: NotRequired[EncryptionEnum]
    call_handler: NotRequired[CallHandlerEnum]
    calling_handler_resource_id: NotRequired[str | None]
    nat: NotRequired[bool]
    subscriber_id: NotRequired[str | None]


class PatchedGatewayFields(TypedDict):
    name: NotRequired[str]
    uri: NotRequired[str]
    host: NotRequired[str]
    port: NotRequired[int]
    transport: NotRequired[TransportEnum]
    username: NotRequired[str]
    password: NotRequired[str]
    realm: NotRequired[str]
    register: NotRequired[bool]
    enabled: NotRequired[bool]
    prefixes: NotRequired[list[str]]
    priority: NotRequired[int]
    ip_addresses: NotRequired[list[str]]
    names: NotRequired[list[str]]
    codecs: NotRequired[list[str]]
    ciphers: NotRequired[list[str]]
    encryption: NotRequired[EncryptionEnum]
    caller_id: NotRequired[str]
    number_policy: NotRequired[NumberPolicyEnum]
    headers: NotRequired[dict[str, Any]]
    nat: NotRequired[bool]
    trust_identity: NotRequired[bool]


class PatchedNumberFields(TypedDict):
    number: NotRequired[str]
    name: NotRequired[str]
    address: NotRequired[str | None]
    address_id: NotRequired[str | None]
    subscriber_id: NotRequired[str | None]


class PatchedRoomFields(TypedDict):
    name: NotRequired[str]
    display_name: NotRequired[str]
    description: NotRequired[str]
    max_members: NotRequired[int]
    video: NotRequired[bool]
    locked: NotRequired[bool]
    join_muted: NotRequired[bool]
    entry_tone: NotRequired[bool]
    record_on_start: NotRequired[bool]
    empty_timeout: NotRequired[int]
    moderator: NotRequired[ModeratorEnum]
    join_from: NotRequired[str | None]
    join_until: NotRequired[str | None]
    meta: NotRequired[dict[str, Any]]
    context: NotRequired[ContextEnum]
    tone_on_entry_and_exit: NotRequired[bool]
    room_join_video_off: NotRequired[bool]
    user_join_video_off: NotRequired[bool]
    enable_room_previews: NotRequired[bool]
    sync_audio_video: NotRequired[bool]
    quality: NotRequired[QualityEnum]
    layout: NotRequired[str]
    remove_at: NotRequired[str]
    remove_after_seconds_elapsed: NotRequired[int | None]


class PatchedScriptFields(TypedDict):
    name: NotRequired[str]
    display_name: NotRequired[str]
    contents: NotRequired[str | dict[str, Any]]
    status_callback_url: NotRequired[str]
    context: NotRequired[ContextEnum]


class PatchedSubscriberFields(TypedDict):
    password: NotRequired[str]
    first_name: NotRequired[str]
    last_name: NotRequired[str]
    display_name: NotRequired[str]
    job_title: NotRequired[str]
    timezone: NotRequired[str]
    time_zone: NotRequired[str]
    country: NotRequired[str]
    region: NotRequired[str]
    company_name: NotRequired[str]
    email: NotRequired[str]
    reference: NotRequired[str]
    extension: NotRequired[str]
    max_calls: NotRequired[int | None]
    do_not_disturb: NotRequired[bool]


class PatchedSupervise(TypedDict):
    mode: NotRequired[ModeEnum]
    # a leg's id, caller, callee or target: the party that hears a whisper
    leg: NotRequired[str]


class PatchedWebhookChange(TypedDict):
    url: NotRequired[str]
    # types like call.ended, or patterns like call.* and *
    events: NotRequired[list[str]]
    description: NotRequired[str]
    enabled: NotRequired[bool]


class PhoneNumber(TypedDict):
    created_at: str
    updated_at: str
    id: str
    project_id: str
    # E.164
    number: str
    name: str
    # where inbound calls go
    address: str | None
    address_id: str | None
    # who may show it as caller id
    subscriber_id: str | None


class PhoneNumbers(TypedDict):
    links: Links
    data: list[PhoneNumber]


class Play(TypedDict):
    # a leg's id, caller, callee or target; only from an API key
    leg: NotRequired[str]
    # your own name for the operation; generated if omitted
    control_id: NotRequired[str]
    # dB
    volume: NotRequired[float]
    # 0: forever
    loop: NotRequired[int]
    direction: NotRequired[PlayDirectionEnum]
    play: NotRequired[list[PlayItem]]
    # instead of play: an http URL, say:text, silence:seconds or ring:[seconds:]cc
    url: NotRequired[str]
    urls: NotRequired[list[str]]


PlayDirectionEnum: TypeAlias = Literal[
    "listen",
    "speak",
    "both",
]


class PlayItem(TypedDict):
    type: PlayItemTypeEnum
    params: NotRequired[PlayItemParams]


class PlayItemParams(TypedDict):
    # such as en-US; the instance must be able to speak it
    language: NotRequired[str]
    # female or male
    gender: NotRequired[str]
    # f1 to f5 or m1 to m8; by default, the gender decides
    voice: NotRequired[str]
    # audio: an http or https URL of an audio or video file
    url: NotRequired[str]
    # tts
    text: NotRequired[str]
    # silence, ringtone: seconds
    duration: NotRequired[float]
    # ringtone: a country, such as us
    name: NotRequired[str]


PlayItemTypeEnum: TypeAlias = Literal[
    "audio",
    "tts",
    "silence",
    "ringtone",
]


class Problem(TypedDict):
    type: str
    # One of: address_not_allowed, allowed_address_limit_exceeded, already_taken, bad_request,
    # binary_frame, body_too_large, call_id_required, caller_id_not_allowed, control_id_in_use,
    # country_not_allowed, cursor_expired, daily_spend_reached, device_not_yours, emergency_number,
    # frame_too_large, gone, idempotency_key_reused, inline_swml_or_swml_webhook_required,
    # insufficient_balance, insufficient_scope, internal_error, invalid_characters, invalid_codecs_format,
    # invalid_command_attempted, invalid_cursor, invalid_destination, invalid_digits, invalid_frame,
    # invalid_from_number, invalid_json, invalid_parameter, invalid_script, invalid_sdp,
    # invalid_sip_destination, json_too_deep, leg_required, link_expired, mail_unavailable,
    # method_not_allowed, missing_required_parameter, must_belong_to_project, needs_platform_staff,
    # no_fabric_addresses, no_way_for_digits, not_a_refresh_token, not_allowed, not_an_http_url,
    # not_authenticated, not_e164, not_found, not_permitted, not_supported, number_not_allowed,
    # number_not_assigned, page_token_is_invalid, phone_rate_exceeded, price_too_high, project_suspended,
    # rate_limit_exceeded, request_header_fields_too_large, request_in_progress, request_timeout,
    # reserved_custom_variable_name, speech_unavailable, token_expired, token_invalid, token_revoked,
    # too_many_alerts, too_many_calls, too_many_candidates, too_many_custom_variables, too_many_keys,
    # too_many_phone_calls, too_many_webhooks, unauthorized, unavailable, unknown_parameter, unknown_type,
    # unrecognized_fabric_addresses, unsupported_media_type, url_is_unsafe. New ones may be added.
    code: str
    message: str
    attribute: str | None
    url: str
    # the X-Request-Id of the response
    request_id: str


class PushKey(TypedDict):
    # base64url: an uncompressed point of P-256
    key: str


class PushKeys(TypedDict):
    # base64url: 65 bytes, an uncompressed point of P-256
    p256dh: str
    # base64url: 16 bytes
    auth: str


class PushSubscription(TypedDict):
    endpoint: str
    created_at: str


QualityEnum: TypeAlias = Literal[
    "1080p",
    "720p",
]

ReasonEnum: TypeAlias = Literal[
    "rejected",
    "busy",
]


class Record(TypedDict):
    # a leg's id, caller, callee or target; only from an API key
    leg: NotRequired[str]
    # your own name for the operation; generated if omitted
    control_id: NotRequired[str]
    direction: NotRequired[PlayDirectionEnum]
    format: NotRequired[FormatEnum]
    stereo: NotRequired[bool]
    beep: NotRequired[bool]
    initial_timeout: NotRequired[float]
    end_silence_timeout: NotRequired[float]
    # seconds
    max_length: NotRequired[float]
    terminators: NotRequired[str]
    # default: 44; with a higher value, quieter sounds count as speech
    input_sensitivity: NotRequired[float]
    # the same fields, nested as SignalWire has them
    record: NotRequired[RecordOptions]


class RecordAudio(TypedDict):
    direction: NotRequired[PlayDirectionEnum]
    format: NotRequired[FormatEnum]
    stereo: NotRequired[bool]
    beep: NotRequired[bool]
    initial_timeout: NotRequired[float]
    end_silence_timeout: NotRequired[float]
    # seconds
    max_length: NotRequired[float]
    terminators: NotRequired[str]
    # default: 44; with a higher value, quieter sounds count as speech
    input_sensitivity: NotRequired[float]


class RecordOptions(TypedDict):
    audio: NotRequired[RecordAudio]


class Recording(TypedDict):
    id: str
    call_id: str
    leg_id: str | None
    control_id: str
    state: RecordingStateEnum
    format: str
    channels: int
    duration_ms: int
    size: int
    # signed download, valid for 5 minutes
    url: str | None
    transcript: RecordingTranscript | None


RecordingStateEnum: TypeAlias = Literal[
    "recording",
    "finished",
    "partial",
    "failed",
]


class RecordingTranscript(TypedDict):
    state: OperationStateEnum
    control_id: str
    model: str
    language: str
    # why it failed
    reason: str | None
    # the whole text; not in lists
    text: NotRequired[str]
    # not in lists
    segments: NotRequired[list[TranscriptSegment]]


class Recordings(TypedDict):
    links: Links
    data: list[Recording]


RedactEnum: TypeAlias = Literal[
    "digits",
    "card_numbers",
]


class RefreshFields(TypedDict):
    refresh_token: str


class Reject(TypedDict):
    # a leg's id, caller, callee or target; only from an API key
    leg: NotRequired[str]
    reason: NotRequired[ReasonEnum]


class Relay(TypedDict):
    # a leg's id, caller, callee or target; only from an API key
    leg: NotRequired[str]
    # your own name for the operation; generated if omitted
    control_id: NotRequired[str]
    # a wss or ws URL of the program
    url: str
    # `customParameters` of `setup`
    parameters: NotRequired[dict[str, str]]
    # for speech in both directions, such as en-US
    language: NotRequired[str]
    tts_language: NotRequired[str]
    transcription_language: NotRequired[str]
    # f1 to f5 or m1 to m8; by default, the gender decides
    voice: NotRequired[str]
    gender: NotRequired[str]
    # default: the best installed model * `accurate` - accurate * `quick` - quick
    model: NotRequired[ModelEnum]
    hints: NotRequired[list[str]]
    # seconds
    end_silence_timeout: NotRequired[float]
    welcome_greeting: NotRequired[str]
    # default: any * `none` - none * `dtmf` - dtmf * `speech` - speech * `any` - any
    welcome_greeting_interruptible: NotRequired[RelayInputEnum]
    # default: any * `none` - none * `dtmf` - dtmf * `speech` - speech * `any` - any
    interruptible: NotRequired[RelayInputEnum]
    # default: none * `none` - none * `dtmf` - dtmf * `speech` - speech * `any` - any
    report_input_during_agent_speech: NotRequired[RelayInputEnum]
    preemptible: NotRequired[bool]
    dtmf_detection: NotRequired[bool]
    partial_prompts: NotRequired[bool]
    redact: NotRequired[list[RedactEnum]]
    debug: NotRequired[list[DebugEnum]]


RelayInputEnum: TypeAlias = Literal[
    "none",
    "dtmf",
    "speech",
    "any",
]


class Replay(TypedDict):
    # a cursor of the event log; an alternative to `since`
    after: NotRequired[str]
    since: NotRequired[str]


class Replayed(TypedDict):
    replayed: int


class Resource(TypedDict):
    created_at: str
    updated_at: str
    id: str
    project_id: str
    display_name: str
    type: ResourceTypeEnum
    subscriber: NotRequired[SubscriberOfResource]
    conference_room: NotRequired[ConferenceRoomOfResource]
    swml_script: NotRequired[SwmlScriptOfResource]
    sip_endpoint: NotRequired[SipEndpointOfResource]
    sip_gateway: NotRequired[SipGatewayOfResource]


ResourceTypeEnum: TypeAlias = Literal[
    "subscriber",
    "video_room",
    "swml_script",
    "sip_endpoint",
    "sip_gateway",
]


class Resources(TypedDict):
    links: Links
    data: list[Resource]


class RevokeFields(TypedDict):
    jti: NotRequired[str | None]
    token: NotRequired[str]
    subscriber_id: NotRequired[str | None]


class Revoked(TypedDict):
    revoked: bool


RoleEnum: TypeAlias = Literal[
    "caller",
    "callee",
    "target",
    "supervisor",
]

RoomAnswer: TypeAlias = "RoomState | Operation"


class RoomFields(TypedDict):
    name: str
    display_name: NotRequired[str]
    description: NotRequired[str]
    max_members: NotRequired[int]
    video: NotRequired[bool]
    locked: NotRequired[bool]
    join_muted: NotRequired[bool]
    entry_tone: NotRequired[bool]
    record_on_start: NotRequired[bool]
    empty_timeout: NotRequired[int]
    moderator: NotRequired[ModeratorEnum]
    join_from: NotRequired[str | None]
    join_until: NotRequired[str | None]
    meta: NotRequired[dict[str, Any]]
    context: NotRequired[ContextEnum]
    tone_on_entry_and_exit: NotRequired[bool]
    room_join_video_off: NotRequired[bool]
    user_join_video_off: NotRequired[bool]
    enable_room_previews: NotRequired[bool]
    sync_audio_video: NotRequired[bool]
    quality: NotRequired[QualityEnum]
    layout: NotRequired[str]
    remove_at: NotRequired[str]
    remove_after_seconds_elapsed: NotRequired[int | None]


class RoomState(TypedDict):
    name: str
    state: str
    locked: bool
    members: list[Member]


class RoomVerb(TypedDict):
    # a leg's id, caller, callee or target; only from an API key
    leg: NotRequired[str]
    # your own name for the operation; generated if omitted
    control_id: NotRequired[str]
    # dB
    volume: NotRequired[float]
    # 0: forever
    loop: NotRequired[int]
    direction: NotRequired[PlayDirectionEnum]
    # such as en-US; the instance must be able to speak it
    language: NotRequired[str]
    # female or male
    gender: NotRequired[str]
    # f1 to f5 or m1 to m8; by default, the gender decides
    voice: NotRequired[str]
    play: NotRequired[list[PlayItem]]
    # instead of play: an http URL, say:text, silence:seconds or ring:[seconds:]cc
    url: NotRequired[str]
    urls: NotRequired[list[str]]
    format: NotRequired[FormatEnum]
    stereo: NotRequired[bool]
    beep: NotRequired[bool]
    initial_timeout: NotRequired[float]
    end_silence_timeout: NotRequired[float]
    # seconds
    max_length: NotRequired[float]
    terminators: NotRequired[str]
    # default: 44; with a higher value, quieter sounds count as speech
    input_sensitivity: NotRequired[float]
    # the same fields, nested as SignalWire has them
    record: NotRequired[RecordOptions]
    # for say
    text: NotRequired[str]


class RouteFields(TypedDict):
    phone_route_id: str
    handler: HandlerEnum


class Say(TypedDict):
    # a leg's id, caller, callee or target; only from an API key
    leg: NotRequired[str]
    # your own name for the operation; generated if omitted
    control_id: NotRequired[str]
    # dB
    volume: NotRequired[float]
    # 0: forever
    loop: NotRequired[int]
    # such as en-US; the instance must be able to speak it
    language: NotRequired[str]
    # female or male
    gender: NotRequired[str]
    # f1 to f5 or m1 to m8; by default, the gender decides
    voice: NotRequired[str]
    text: str


ScopesEnum: TypeAlias = Literal[
    "read",
    "call",
    "admin",
]


class ScriptFields(TypedDict):
    name: str
    display_name: NotRequired[str]
    contents: str | dict[str, Any]
    status_callback_url: NotRequired[str]
    context: NotRequired[ContextEnum]


class SipEndpoint(TypedDict):
    created_at: str
    updated_at: str
    id: str
    project_id: str
    display_name: str
    type: str
    sip_endpoint: SipEndpointBody


class SipEndpointBody(TypedDict):
    id: str
    username: str
    caller_id: str
    send_as: str
    ciphers: list[str]
    codecs: list[str]
    encryption: str
    call_handler: str
    calling_handler_resource_id: str | None
    nat: bool
    subscriber_id: str
    # only in the response that creates it
    password: NotRequired[str]


class SipEndpointOfResource(TypedDict):
    id: str
    username: str
    caller_id: str
    send_as: str
    ciphers: list[str]
    codecs: list[str]
    encryption: str
    call_handler: str
    calling_handler_resource_id: str | None
    nat: bool
    subscriber_id: str
    # only in the response that creates it
    password: NotRequired[str]


class SipEndpoints(TypedDict):
    links: Links
    data: list[SipEndpoint]


class SipGateway(TypedDict):
    created_at: str
    updated_at: str
    id: str
    project_id: str
    display_name: str
    type: str
    sip_gateway: SipGatewayBody


class SipGatewayBody(TypedDict):
    id: str
    uri: str
    name: str
    user: str
    host: str
    port: int
    transport: str
    username: str
    realm: str
    register: bool
    enabled: bool
    prefixes: list[str]
    priority: int
    ip_addresses: list[str]
    names: list[str]
    codecs: list[str]
    ciphers: list[str]
    encryption: str
    caller_id: str
    number_policy: str
    headers: Any
    nat: bool
    trust_identity: bool
    has_password: bool
    # the state of the registration; null if it does not register
    registration: Any


class SipGatewayOfResource(TypedDict):
    id: str
    uri: str
    name: str
    user: str
    host: str
    port: int
    transport: str
    username: str
    realm: str
    register: bool
    enabled: bool
    prefixes: list[str]
    priority: int
    ip_addresses: list[str]
    names: list[str]
    codecs: list[str]
    ciphers: list[str]
    encryption: str
    caller_id: str
    number_policy: str
    headers: Any
    nat: bool
    trust_identity: bool
    has_password: bool
    # the state of the registration; null if it does not register
    registration: Any


class SipGateways(TypedDict):
    links: Links
    data: list[SipGateway]


class Stats(TypedDict):
    call_id: str
    legs: list[LegStats]


class Stream(TypedDict):
    # a leg's id, caller, callee or target; only from an API key
    leg: NotRequired[str]
    # your own name for the operation; generated if omitted
    control_id: NotRequired[str]
    # a wss or ws URL
    url: str
    track: NotRequired[StreamTrackEnum]
    name: NotRequired[str]
    # PCMU (8 kHz) or L16 (16 kHz)
    codec: NotRequired[str]
    custom_parameters: NotRequired[dict[str, str]]
    authorization_bearer_token: NotRequired[str]
    bidirectional: NotRequired[bool]


StreamTrackEnum: TypeAlias = Literal[
    "inbound_track",
    "outbound_track",
    "both_tracks",
]


class Subscriber(TypedDict):
    created_at: str
    updated_at: str
    id: str
    project_id: str
    display_name: str
    type: str
    subscriber: SubscriberBody


class SubscriberBody(TypedDict):
    email: str
    first_name: str
    last_name: str
    display_name: str
    job_title: str
    country: str
    region: str
    company_name: str
    id: str
    timezone: str
    reference: str
    # what to dial, such as /private/alice
    address: str
    extension: str | None
    max_calls: int | None
    do_not_disturb: bool


class SubscriberFields(TypedDict):
    password: NotRequired[str]
    first_name: NotRequired[str]
    last_name: NotRequired[str]
    display_name: NotRequired[str]
    job_title: NotRequired[str]
    timezone: NotRequired[str]
    time_zone: NotRequired[str]
    country: NotRequired[str]
    region: NotRequired[str]
    company_name: NotRequired[str]
    email: NotRequired[str]
    reference: NotRequired[str]
    extension: NotRequired[str]
    max_calls: NotRequired[int | None]
    do_not_disturb: NotRequired[bool]


class SubscriberInfo(TypedDict):
    first_name: NotRequired[str]
    last_name: NotRequired[str]
    job_title: NotRequired[str]
    country: NotRequired[str]
    region: NotRequired[str]
    company_name: NotRequired[str]
    email: str
    display_name: str
    id: str
    time_zone: NotRequired[str]
    extension: NotRequired[str | None]
    push_notification_key: str
    fabric_addresses: list[Address]


class SubscriberOfResource(TypedDict):
    email: str
    first_name: str
    last_name: str
    display_name: str
    job_title: str
    country: str
    region: str
    company_name: str
    id: str
    timezone: str
    reference: str
    # what to dial, such as /private/alice
    address: str
    extension: str | None
    max_calls: int | None
    do_not_disturb: bool


class SubscriberSipEndpoint(TypedDict):
    created_at: str
    updated_at: str
    id: str
    username: str
    caller_id: str
    send_as: str
    ciphers: list[str]
    codecs: list[str]
    encryption: str
    call_handler: str
    calling_handler_resource_id: str | None
    nat: bool
    subscriber_id: str
    # only in the response that creates it
    password: NotRequired[str]


class SubscriberSipEndpoints(TypedDict):
    links: Links
    data: list[SubscriberSipEndpoint]


class SubscriberToken(TypedDict):
    subscriber_id: str
    # a Bearer token for REST, sockets and the browser SDKs
    token: str
    # gives a new pair of tokens once, until shortly after the token expires
    refresh_token: str


class Subscribers(TypedDict):
    links: Links
    data: list[Subscriber]


class SwmlScript(TypedDict):
    created_at: str
    updated_at: str
    id: str
    project_id: str
    display_name: str
    type: str
    swml_script: SwmlScriptBody


class SwmlScriptBody(TypedDict):
    id: str
    name: str
    display_name: str
    # the SWML document, in JSON or YAML
    contents: str
    request_url: str | None
    status_callback_url: str | None
    status_callback_method: str


class SwmlScriptOfResource(TypedDict):
    id: str
    name: str
    display_name: str
    # the SWML document, in JSON or YAML
    contents: str
    request_url: str | None
    status_callback_url: str | None
    status_callback_method: str


class SwmlScripts(TypedDict):
    links: Links
    data: list[SwmlScript]


class Token(TypedDict):
    # a Bearer token for REST, sockets and the browser SDKs
    token: str


class TokenFields(TypedDict):
    password: NotRequired[str]
    first_name: NotRequired[str]
    last_name: NotRequired[str]
    display_name: NotRequired[str]
    job_title: NotRequired[str]
    timezone: NotRequired[str]
    time_zone: NotRequired[str]
    country: NotRequired[str]
    region: NotRequired[str]
    company_name: NotRequired[str]
    reference: str
    expire_at: NotRequired[int | str | None]
    allowed_addresses: NotRequired[list[str] | None]
    application_id: NotRequired[str | None]
    fingerprint: NotRequired[str]
    scope: NotRequired[str]


class TokenPair(TypedDict):
    # a Bearer token for REST, sockets and the browser SDKs
    token: str
    # gives a new pair of tokens once, until shortly after the token expires
    refresh_token: str


class TradeFields(TypedDict):
    token: str


class Transcribe(TypedDict):
    # a leg's id, caller, callee or target; only from an API key
    leg: NotRequired[str]
    # your own name for the operation; generated if omitted
    control_id: NotRequired[str]
    # default: the best installed model * `accurate` - accurate * `quick` - quick
    model: NotRequired[ModelEnum]
    # such as en-US
    language: NotRequired[str]
    hints: NotRequired[list[str]]
    # default: true
    partial_results: NotRequired[bool]
    # seconds
    end_silence_timeout: NotRequired[float]
    redact: NotRequired[list[RedactEnum]]
    # send captions to the devices in the call
    captions: NotRequired[bool]


class TranscribeRecording(TypedDict):
    # default: the best installed model * `accurate` - accurate * `quick` - quick
    model: NotRequired[ModelEnum]
    # such as en-US
    language: NotRequired[str]
    hints: NotRequired[list[str]]
    # seconds
    end_silence_timeout: NotRequired[float]
    redact: NotRequired[list[RedactEnum]]
    control_id: NotRequired[str]


class TranscriptSegment(TypedDict):
    text: str
    confidence: float
    # since the beginning of the recording
    start_ms: int
    end_ms: int
    # in a stereo recording: 0 caller, 1 callee
    channel: NotRequired[int]


class Transfer(TypedDict):
    # a leg's id, caller, callee or target; only from an API key
    leg: NotRequired[str]
    to: str


TransportEnum: TypeAlias = Literal[
    "udp",
    "tcp",
    "tls",
]


class Webhook(TypedDict):
    id: str
    url: str
    events: list[str]
    description: str
    status: WebhookStatusEnum
    enabled: bool
    disabled_at: str | None
    disabled_reason: str | None
    failing_since: str | None
    created_at: str


WebhookStatusEnum: TypeAlias = Literal[
    "enabled",
    "disabled",
]


class WebhookWithSecret(TypedDict):
    id: str
    url: str
    events: list[str]
    description: str
    status: WebhookStatusEnum
    enabled: bool
    disabled_at: str | None
    disabled_reason: str | None
    failing_since: str | None
    created_at: str
    # whsec_…; shown only in this response
    secret: str


class Webhooks(TypedDict):
    links: Links
    data: list[Webhook]


class Wish(TypedDict):
    volume: NotRequired[float]
    behavior: NotRequired[str]
