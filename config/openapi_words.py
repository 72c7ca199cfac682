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
EITHER: Final = "With a token it is about the calls that its holder has or had a leg in."
LIST: Final = "Newest first, in pages: follow `links.next` until it is null."
LEG: Final = "`leg` names the leg that is meant; a token acts on its own leg and needs none."

# operation id -> (summary, description); an empty summary leaves the view's own.
WORDS: Final[dict[str, tuple[str, str]]] = {
    "balance": ("", f"Amounts are text with six decimals, so that none is rounded. {KEY}"),
    "calls_dial": (
        "",
        (
            "A device's token sends `sdp` and `to`. An API key sends `to` and one of `script`, `script_url` "
            "and `connect`: what the answered party is joined with. The answer is the new call; what becomes "
            "of it comes as events."
        ),
    ),
    "calls_list": ("", f"{LIST} {EITHER} An unknown filter is refused with `unknown_parameter`."),
    "calls_get": ("", f"A call with its legs. {EITHER}"),
    "calls_delete": ("", f"Only an ended call; what it cost stays in the ledger. {KEY}"),
    "calls_events": (
        "",
        "By `sequence`, which counts from 1 without gaps. `after` goes on after one of them.",
    ),
    "calls_stats": ("", "One sample every few seconds per leg: packets, loss, jitter, round trip and MOS."),
    "calls_answer": ("", f"Send exactly one of `sdp`, `script` and `script_url`. {LEG}"),
    "calls_reject": (
        "",
        f"`reason` is `rejected` or `busy`; the caller sees it as the reason of the end. {LEG}",
    ),
    "calls_hold": ("", f"Nothing is forwarded until `resume`. {LEG}"),
    "calls_resume": ("", f"Takes back `hold`. {LEG}"),
    "calls_mute": ("", f"`channels` is `audio`, `video` or both; by default `audio`. {LEG}"),
    "calls_unmute": ("", f"Takes back `mute`. {LEG}"),
    "calls_dtmf": ("", f"`w` waits half a second. {LEG}"),
    "calls_transfer": ("", f"The leg that asks leaves; the other party rings `to`. {LEG}"),
    "calls_transfer_complete": ("", f"Joins the held party with the one that was asked. {LEG}"),
    "calls_transfer_cancel": ("", f"Ends the second call and takes the first up again. {LEG}"),
    "calls_hangup": ("", f"Without `leg`, an API key ends the whole call. {LEG}"),
    "calls_consult": ("", "The answer is the second call; `consult_of` in it names the first."),
    "calls_play": ("", f"Ends by itself, by hang-up or by `stop`; `play.*` events tell of it. {KEY}"),
    "calls_say": ("", f"The text is spoken by the instance's own speech engine. {KEY}"),
    "calls_record": (
        "",
        f"Without `leg` the whole call is recorded. `record.finished` names the file. {KEY}",
    ),
    "calls_collect": ("", f"`collect.finished` has the digits. {KEY}"),
    "calls_transcribe": ("", f"What is said comes as `transcribe.partial` and `transcribe.final`. {KEY}"),
    "calls_detect": ("", f"`detect.result` says whether a person, a machine or a fax is there. {KEY}"),
    "calls_stream": ("", f"Twilio's Media Streams protocol, both ways. {KEY}"),
    "calls_operation_control": ("", f"`control_id` is the one that the operation was given. {KEY}"),
    "history_list": ("", f"{LIST} For the holder of a token."),
    "conversation_join": (
        "",
        "With one other subscriber, or of a room; a guest joins those of rooms. For the holder of a token.",
    ),
    "conversation_write": ("", "For a participant who may dial the other side. For the holder of a token."),
    "conversation_messages": (
        "",
        f"{LIST} `subtype` is `chat` for messages and `log` for calls. For the holder of a token.",
    ),
    "history_seen": ("", "From now on the missed calls so far count as seen. For the holder of a token."),
    "push_key": ("", "What `pushManager.subscribe` takes as `applicationServerKey`."),
    "push_subscribe": ("", "The body is a browser's `PushSubscription` as JSON. For a subscriber's token."),
    "push_unsubscribe": (
        "",
        "With `endpoint` that browser alone, without all of the subscriber's. For a subscriber's token.",
    ),
    "alerts_list": ("", f"{LIST} {KEY}"),
    "alerts_create": ("", f"`to` is a URL, or a mail address where the instance sends mail. {KEY}"),
    "alerts_delete": ("", f"Nothing more is sent for it. {KEY}"),
    "events_list": ("", f"`links.next` is always there: a poller goes on from it. {KEY}"),
    "recordings_list": ("", f"{LIST} {KEY}"),
    "recordings_get": ("", f"`url` works without credentials for five minutes. {KEY}"),
    "recordings_delete": ("", f"Not while it is going on: 409. {KEY}"),
    "recordings_download": ("", "Either an API key, or the `signature` of the recording's `url`."),
    "rooms_get": ("", "Who is in the room now. For API keys, and for members where the room allows it."),
    "rooms_verb": ("", "`play`, `say` and `record` answer with the operation, the others with the room."),
    "rooms_member_verb": ("", "`leg_id` is the member's. `volume` is in dB."),
    "webhooks_list": ("", f"{LIST} Secrets are not shown. {KEY}"),
    "webhooks_create": ("", f"`secret` is shown in this answer alone; requests are signed with it. {KEY}"),
    "webhooks_get": ("", f"With how it is doing: `failing_since`, `disabled_reason`. {KEY}"),
    "webhooks_change": (
        "",
        f"Only the fields that are sent change. `enabled: true` tries again at once. {KEY}",
    ),
    "webhooks_delete": ("", f"What was not delivered yet is dropped. {KEY}"),
    "webhooks_rotate": ("", f"Both secrets sign for 24 hours. {KEY}"),
    "webhooks_test": ("", f"A `webhook.test` event is delivered; the answer is its delivery. {KEY}"),
    "webhooks_deliveries": ("", f"{LIST} With each attempt and what the receiver said. {KEY}"),
    "webhooks_resend": ("", f"The same event, id and body once more. {KEY}"),
    "webhooks_replay": ("", f"Send either `after`, a cursor, or `since`, a time. {KEY}"),
    "keys_list": ("", f"The keys themselves are not shown. {KEY}"),
    "keys_create": ("", f"`key` is the password of HTTP Basic, with the project's id as user name. {KEY}"),
    "keys_delete": ("", f"From now on the key is refused everywhere. {KEY}"),
    "create_subscriber_token": (
        "A token for a subscriber",
        (
            "The subscriber with this `reference`, who is made where unknown. `allowed_addresses` narrows "
            f"what the token may dial. {KEY}"
        ),
    ),
    "refresh_token": ("A new pair of tokens", f"The refresh token is used up by this. {KEY}"),
    "create_guest_token": (
        "A token for a guest",
        f"A guest calls the `allowed_addresses`, and is not called. {KEY}",
    ),
    "trade_embed_token": (
        "A guest's token for an embed token",
        "Open to all: the embed token, which stands in a public page, is the credential.",
    ),
    "create_invite": ("A token that may call one address", "Needs a subscriber's own token."),
    "revoke_token": (
        "Revoke tokens",
        f"By `jti`, by the token itself, or all of a subscriber's. Sockets close within two seconds. {KEY}",
    ),
    "subscriber_info": ("Who the token's holder is", "With the addresses that lead to them."),
    "assign_phone_route": ("Lead a phone number to a resource", f"`handler` is `calling`. {KEY}"),
    "erase_subscriber": ("", f"Goes on after the answer; calls that are going on end first. {KEY}"),
    "calling_command": (
        "",
        (
            "`command` says what. An unknown one is `invalid_command_attempted`, one without a counterpart "
            f"here `not_supported`. {KEY}"
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
        "create": (f"Make {one}", KEY),
        "get": (f"Read {one}", "404 where it is another project's, too."),
        "replace": (f"Change {one}", f"Only the fields that are sent change, with PUT as with PATCH. {KEY}"),
        "change": (f"Change {one}", f"Only the fields that are sent change. {KEY}"),
        "delete": (f"Delete {one}", f"Its addresses go with it. {KEY}"),
    }
    return said.get(verb) if one else None


def _noun(word: str) -> tuple[str, str]:
    return NOUNS.get(word, ("", ""))


def words_of(operation_id: str, tags: list[str]) -> tuple[str, str]:
    """(summary, description); empty where there is nothing to say."""
    if (found := WORDS.get(operation_id)) is not None:
        return found
    if "SignalWire" in tags:
        return "", f"As `signalwire-sdk` asks for it; docs/signalwire-rest-client.md has what differs. {KEY}"
    return directory(operation_id) or ("", "")
