"""What the OpenAPI document says of each operation in words: a summary of a line, and a description. Pure.

A view may give its own summary; descriptions are here, so that the public is shown no docstring of the code.
"""

from __future__ import annotations

from typing import Final

NOUNS: Final = {
    "conference_room": ("a conference room", "conference rooms"),
    "sip_endpoint": ("a SIP endpoint", "SIP endpoints"),
    "sip_gateway": ("a SIP gateway", "SIP gateways"),
    "subscriber": ("a subscriber", "subscribers"),
    "subscriber_sip_endpoint": ("a subscriber's SIP endpoint", "a subscriber's SIP endpoints"),
    "swml_script": ("a SWML script", "SWML scripts"),
    "phone_number": ("a phone number", "phone numbers"),
    "embed": ("an embed token", "embed tokens"),
    "resource": ("a resource", "resources of every kind"),
    "address": ("an address", "addresses"),
}
KEY: Final = "Needs the project's API key."
EITHER: Final = "With a token: only calls in which its holder has or had a leg."
LIST: Final = "Newest first, in pages: follow `links.next` until it is null."
LEG: Final = "`leg` selects the leg. A token always acts on its own leg and does not need it."

# operation id -> (summary, description); an empty summary leaves the view's own.
WORDS: Final[dict[str, tuple[str, str]]] = {
    "balance": ("", f"Amounts are strings with six decimals, so that they are not rounded. {KEY}"),
    "calls_dial": (
        "",
        (
            "A device's token sends `sdp` and `to`. An API key sends `to` and exactly one of `script`, "
            "`script_url` and `connect`, which says what happens after the callee answers. The answer is the "
            "new call; events report its progress."
        ),
    ),
    "calls_list": ("", f"{LIST} {EITHER} An unknown filter is refused with `unknown_parameter`."),
    "calls_get": ("", f"A call with its legs. {EITHER}"),
    "calls_delete": ("", f"The call must have ended. Its charges stay in the ledger. {KEY}"),
    "calls_events": (
        "",
        "Ordered by `sequence`, which counts from 1 without gaps. `after` starts after that number.",
    ),
    "calls_stats": ("", "One sample every few seconds per leg: packets, loss, jitter, round trip and MOS."),
    "calls_answer": ("", f"Send exactly one of `sdp`, `script` and `script_url`. {LEG}"),
    "calls_reject": (
        "",
        f"`reason` is `rejected` or `busy`; it becomes the leg's `end_reason`. {LEG}",
    ),
    "calls_hold": ("", f"No media is forwarded until `resume`. {LEG}"),
    "calls_resume": ("", f"Ends a hold. {LEG}"),
    "calls_mute": ("", f"`channels` is `audio`, `video` or both; by default `audio`. {LEG}"),
    "calls_unmute": ("", f"Ends a mute. {LEG}"),
    "calls_dtmf": ("", f"`w` waits half a second. {LEG}"),
    "calls_transfer": (
        "",
        f"The other party is connected to `to`; the transferring leg ends when `to` answers. {LEG}",
    ),
    "calls_transfer_complete": ("", f"Connects the held party with the consulted party. {LEG}"),
    "calls_transfer_cancel": ("", f"Ends the second call and resumes the first. {LEG}"),
    "calls_hangup": ("", f"Without `leg`, an API key ends the whole call. {LEG}"),
    "calls_consult": ("", "The response is the second call; its `consult_of` is the id of the first."),
    "calls_play": (
        "",
        f"Ends by itself, with the call or by `stop`; `play.*` events report it. {KEY}",
    ),
    "calls_say": ("", f"The instance synthesizes the speech. {KEY}"),
    "calls_record": (
        "",
        f"Without `leg` the whole call is recorded. `record.finished` contains the result. {KEY}",
    ),
    "calls_collect": ("", f"`collect.finished` contains the digits or the words. {KEY}"),
    "calls_transcribe": (
        "",
        f"The events `transcribe.partial` and `transcribe.final` contain the text. {KEY}",
    ),
    "calls_detect": ("", f"The event `detect.result` contains the result. {KEY}"),
    "calls_relay": ("", f"Uses Twilio's ConversationRelay protocol. {KEY}"),
    "calls_denoise": ("", f"For everybody who hears the leg. `denoise.*` events report it. {KEY}"),
    "calls_stream": ("", f"Uses Twilio's Media Streams protocol in both directions. {KEY}"),
    "calls_operation_control": ("", f"`control_id` is the one given when the operation was started. {KEY}"),
    "history_list": ("", f"{LIST} Needs the token of a subscriber or guest."),
    "conversation_join": (
        "",
        "With a subscriber or of a room; guests: rooms only. Needs the token of a subscriber or guest.",
    ),
    "conversation_write": (
        "",
        "For participants who may dial the other party. Needs the token of a subscriber or guest.",
    ),
    "conversation_messages": (
        "",
        f"{LIST} `subtype` is `chat` (message) or `log` (call). Needs the token of a subscriber or guest.",
    ),
    "history_seen": (
        "",
        "Marks all missed calls up to now as seen. Needs the token of a subscriber or guest.",
    ),
    "push_key": ("", "Pass it to `pushManager.subscribe` as `applicationServerKey`."),
    "push_subscribe": ("", "The body is a browser's `PushSubscription` as JSON. Needs a subscriber's token."),
    "push_unsubscribe": (
        "",
        "With `endpoint` for that browser, without it for all of the subscriber. Needs a subscriber's token.",
    ),
    "alerts_list": ("", f"{LIST} {KEY}"),
    "alerts_create": ("", f"`to` is a URL, or a mail address if the instance can send mail. {KEY}"),
    "alerts_delete": ("", f"Stops its notifications. {KEY}"),
    "events_list": ("", f"`links.next` is always present, so that you can poll with it. {KEY}"),
    "recordings_list": ("", f"{LIST} {KEY}"),
    "recordings_get": ("", f"`url` works without credentials for five minutes. {KEY}"),
    "recordings_transcribe": (
        "",
        f"`GET` of the recording then contains the transcript; `transcribe.*` events report it. {KEY}",
    ),
    "recordings_delete": ("", f"409 while the recording is running. {KEY}"),
    "recordings_download": ("", "Needs an API key, or the `signature` in the recording's `url`."),
    "rooms_get": (
        "",
        "The current members. For API keys, and for members who may moderate.",
    ),
    "rooms_verb": ("", "`play`, `say` and `record` return the operation, the others the room."),
    "rooms_member_verb": ("", "`leg_id` is the leg of the member. `volume` is in dB."),
    "webhooks_list": ("", f"{LIST} Secrets are not shown. {KEY}"),
    "webhooks_create": (
        "",
        f"Deliveries are signed with `secret`, which is shown only in this response. {KEY}",
    ),
    "webhooks_get": ("", f"Includes its health: `failing_since`, `disabled_reason`. {KEY}"),
    "webhooks_change": (
        "",
        f"Only the fields that are sent change. `enabled: true` resumes deliveries at once. {KEY}",
    ),
    "webhooks_delete": ("", f"Pending deliveries are discarded. {KEY}"),
    "webhooks_rotate": ("", f"For 24 hours, deliveries are signed with both secrets. {KEY}"),
    "webhooks_test": ("", f"Delivers a `webhook.test` event; the response is the delivery. {KEY}"),
    "webhooks_deliveries": (
        "",
        f"{LIST} Includes each attempt and the beginning of the receiver's response. {KEY}",
    ),
    "webhooks_resend": ("", f"Sends the same event again, with the same id and body. {KEY}"),
    "webhooks_replay": ("", f"Send either `after` (a cursor) or `since` (a time). {KEY}"),
    "keys_list": ("", f"The keys themselves are not shown. {KEY}"),
    "keys_create": ("", f"`key` is the password of HTTP Basic, with the project's id as user name. {KEY}"),
    "keys_delete": ("", f"Within 2 seconds the key is refused everywhere. {KEY}"),
    "create_subscriber_token": (
        "Create a subscriber token",
        (
            "For the subscriber with this `reference`, which is created if it does not exist. "
            f"`allowed_addresses` restricts what the token may dial. {KEY}"
        ),
    ),
    "refresh_token": ("Refresh a token", f"The refresh token is then no longer valid. {KEY}"),
    "create_guest_token": (
        "Create a guest token",
        f"A guest can call the `allowed_addresses`, and cannot be called. {KEY}",
    ),
    "trade_embed_token": (
        "Exchange an embed token for a guest token",
        "Needs no credentials: the embed token, which is part of a public page, is enough.",
    ),
    "create_invite": ("Create an invite token for one address", "Needs a subscriber's own token."),
    "revoke_token": (
        "Revoke tokens",
        f"By `jti`, by `token`, or all tokens of a subscriber. Sockets close within two seconds. {KEY}",
    ),
    "subscriber_info": ("Read the subscriber of the token", "Includes the subscriber's addresses."),
    "assign_phone_route": ("Route a phone number to a resource", f"`handler` is `calling`. {KEY}"),
    "erase_subscriber": ("", f"Continues after the response. Live calls are ended first. {KEY}"),
    "calling_command": (
        "",
        (
            "`command` selects the action. An unknown one is refused with `invalid_command_attempted`, an "
            f"unsupported one with `not_supported`. {KEY}"
        ),
    ),
}


def directory(operation_id: str) -> tuple[str, str] | None:
    """The words of an operation on a resource, made of its verb and its noun."""
    verb, _, rest = operation_id.partition("_")
    if rest.endswith("_addresses") and verb == "list":
        return "The addresses of " + _noun(rest.removesuffix("_addresses"))[0], f"{LIST} {KEY}"
    one, many = _noun(rest if rest in NOUNS else rest.removesuffix("es" if rest == "addresses" else "s"))
    said = {
        "list": (f"List {many}", LIST),
        "create": (f"Create {one}", KEY),
        "get": (f"Read {one}", "404 if it does not exist or belongs to another project."),
        "replace": (f"Change {one}", f"Only the fields that are sent change, with PUT as with PATCH. {KEY}"),
        "change": (f"Change {one}", f"Only the fields that are sent change. {KEY}"),
        "delete": (f"Delete {one}", f"Also deletes its addresses. {KEY}"),
    }
    return said.get(verb) if one else None


def _noun(word: str) -> tuple[str, str]:
    return NOUNS.get(word, ("", ""))


def words_of(operation_id: str, tags: list[str]) -> tuple[str, str]:
    """(summary, description); empty where there is nothing to say."""
    if (found := WORDS.get(operation_id)) is not None:
        return found
    if "SignalWire" in tags:
        return (
            "",
            f"As `signalwire-sdk` requests it; `docs/signalwire-rest-client.md` lists the differences. {KEY}",
        )
    return directory(operation_id) or ("", "")
