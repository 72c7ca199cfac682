"""What the audit log and a call's ladder say of an action in words; the stored code and details stay English.

A new action gets its line here: a test finds one that has none.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext, gettext_noop

from calling.dashboard.code_words import in_words

ACTIONS: Final = {
    "alert.create": gettext_noop("Added an alert"),
    "alert.delete": gettext_noop("Deleted an alert"),
    "api_token.issue": gettext_noop("Made an API token"),
    "api_token.revoke": gettext_noop("Revoked an API token"),
    "balance.account": gettext_noop("Changed how phone calls are paid"),
    "balance.adjust": gettext_noop("Corrected the balance"),
    "balance.top_up": gettext_noop("Topped up the balance"),
    "call.delete": gettext_noop("Deleted a call"),
    "call.hangup": gettext_noop("Ended a call"),
    "call.hold": gettext_noop("Put a call on hold"),
    "call.mute": gettext_noop("Muted somebody in a call"),
    "call.resume": gettext_noop("Took a call off hold"),
    "call.sip_trace": gettext_noop("Read the SIP messages of a call"),
    "call.supervising": gettext_noop("Listened to a call"),
    "call.supervising_ended": gettext_noop("Stopped listening to a call"),
    "call.transfer": gettext_noop("Transferred a call"),
    "call.unmute": gettext_noop("Unmuted somebody in a call"),
    "delivery.resend": gettext_noop("Sent a webhook delivery again"),
    "endpoint.change": gettext_noop("Changed a SIP phone"),
    "endpoint.create": gettext_noop("Added a SIP phone"),
    "endpoint.delete": gettext_noop("Deleted a SIP phone"),
    "export.calls": gettext_noop("Exported calls"),
    "export.events": gettext_noop("Exported events"),
    "gateway.change": gettext_noop("Changed a gateway"),
    "gateway.create": gettext_noop("Added a gateway"),
    "gateway.delete": gettext_noop("Deleted a gateway"),
    "identity.link": gettext_noop("Linked an identity to sign in with"),
    "identity.unlink": gettext_noop("Unlinked an identity"),
    "login": gettext_noop("Signed in"),
    "login.failed": gettext_noop("Failed to sign in"),
    "logout": gettext_noop("Signed out"),
    "number.assign": gettext_noop("Assigned a phone number"),
    "number.change": gettext_noop("Changed a phone number"),
    "number.create": gettext_noop("Added a phone number"),
    "number.delete": gettext_noop("Deleted a phone number"),
    "number.route": gettext_noop("Changed where a phone number leads"),
    "number.unassign": gettext_noop("Took a phone number back"),
    "passkey.add": gettext_noop("Added a passkey"),
    "passkey.remove": gettext_noop("Removed a passkey"),
    "passkey.rename": gettext_noop("Renamed a passkey"),
    "phone.open_as": gettext_noop("Opened a subscriber's phone"),
    "phone_calls.lift": gettext_noop("Allowed phone calls again"),
    "phone_calls.suspend": gettext_noop("Stopped phone calls"),
    "phone_policy.set": gettext_noop("Changed the limits of phone calls"),
    "project.create": gettext_noop("Made a project"),
    "rate.drop": gettext_noop("Removed a price"),
    "rate.set": gettext_noop("Set a price"),
    "recording.listen": gettext_noop("Played a recording"),
    "redaction.set": gettext_noop("Changed what is left out of transcripts"),
    "room.change": gettext_noop("Changed a room"),
    "room.create": gettext_noop("Added a room"),
    "room.delete": gettext_noop("Deleted a room"),
    "room.lock": gettext_noop("Locked a room"),
    "room.remove": gettext_noop("Removed somebody from a room"),
    "room.unlock": gettext_noop("Unlocked a room"),
    "script.change": gettext_noop("Changed a script"),
    "script.create": gettext_noop("Added a script"),
    "script.delete": gettext_noop("Deleted a script"),
    "search.change": gettext_noop("Changed a saved search"),
    "search.delete": gettext_noop("Deleted a saved search"),
    "second_factor.off": gettext_noop("Switched the second factor off"),
    "second_factor.on": gettext_noop("Switched the second factor on"),
    "sip_trace.delete": gettext_noop("Deleted kept SIP messages"),
    "sip_trace.set": gettext_noop("Changed how long SIP messages are kept"),
    "staff.invite": gettext_noop("Invited somebody"),
    "staff.invite_withdraw": gettext_noop("Withdrew an invitation"),
    "staff.join": gettext_noop("Joined by an invitation"),
    "staff.remove": gettext_noop("Removed somebody from the staff"),
    "staff.role": gettext_noop("Changed somebody's role"),
    "subscriber.change": gettext_noop("Changed a subscriber"),
    "subscriber.create": gettext_noop("Added a subscriber"),
    "subscriber.delete": gettext_noop("Deleted a subscriber"),
    "subscriber.erase": gettext_noop("Asked for a subscriber to be erased"),
    "subscriber.erased": gettext_noop("A subscriber was erased"),
    "token.issue": gettext_noop("Made a sign-in link or token"),
    "token.revoke": gettext_noop("Signed a subscriber's devices out"),
    "webhook.change": gettext_noop("Changed a webhook"),
    "webhook.create": gettext_noop("Added a webhook"),
    "webhook.delete": gettext_noop("Deleted a webhook"),
    "webhook.disable": gettext_noop("Disabled a webhook"),
    "webhook.enable": gettext_noop("Enabled a webhook"),
    "webhook.replay": gettext_noop("Sent past events to a webhook again"),
    "webhook.rotate": gettext_noop("Gave a webhook a new secret"),
    "webhook.test": gettext_noop("Sent a test to a webhook"),
}
# Names of details and of facts of events; one that is not here is shown as it is, with spaces for `_`.
DETAILS: Final = {
    "amount": gettext_noop("amount"),
    "by": gettext_noop("by"),
    "cause": gettext_noop("cause"),
    "control_id": gettext_noop("name"),
    "currency": gettext_noop("currency"),
    "downloaded": gettext_noop("downloaded as"),
    "events": gettext_noop("events"),
    "fields": gettext_noop("changed"),
    "hours": gettext_noop("valid for hours"),
    "invited_by": gettext_noop("invited by"),
    "kind": gettext_noop("kind"),
    "messages": gettext_noop("messages"),
    "mode": gettext_noop("mode"),
    "name": gettext_noop("name"),
    "note": gettext_noop("note"),
    "now": gettext_noop("state"),
    "period": gettext_noop("period"),
    "prepaid": gettext_noop("prepaid"),
    "role": gettext_noop("role"),
    "room": gettext_noop("room"),
    "reason": gettext_noop("reason"),
    "rows": gettext_noop("rows"),
    "scopes": gettext_noop("scopes"),
    "size": gettext_noop("size"),
    "duration": gettext_noop("length"),
    "text": gettext_noop("text"),
    "digit": gettext_noop("key"),
    "digits": gettext_noop("keys"),
    "to": gettext_noop("to"),
    "way": gettext_noop("with"),
}
CODED: Final = ("kind", "mode", "period", "reason", "role", "way")
UNSAID: Final = ("supervisor", "normal")  # values that say nothing beside the action's words


def action_in_words(action: str) -> str:
    """An action in the language of the page; its code if it has no text."""
    return gettext(ACTIONS[action]) if action in ACTIONS else action


def actions_like(text: str) -> list[str]:
    """The actions whose words, as the page shows them, contain a text."""
    wanted = text.casefold()
    return [action for action in ACTIONS if wanted in action_in_words(action).casefold()]


def details_in_words(detail: dict[str, Any]) -> str:
    """The details of an action: `name: Office laptop · role: owner`. Ids are left out: what the line is about
    has a link."""
    parts = []
    for name, value in detail.items():
        if value in (None, "", [], {}, *UNSAID) or is_id(str(value)):
            continue
        if name == "said":  # one of our own sentences, kept in English
            parts.append(gettext(str(value)))
            continue
        parts.append(f"{name_in_words(name)}: {_value(name, value)}")
    return " · ".join(parts)


def is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def name_in_words(name: str) -> str:
    return gettext(DETAILS[name]) if name in DETAILS else name.replace("_", " ")


def _value(name: str, value: object) -> str:
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, list):
        return ", ".join(_value(name, each) for each in value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if name == "fields":
        return str(value).replace("_", " ")
    return in_words(value) if name in CODED else str(value)
