"""What a call's ladder says of an event or an operation in words; its type, a code, stands beside it.

A new type of `calling.calls.event_types` gets its words here: a test finds one that has none.
"""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext, gettext_noop

EVENTS: Final = {
    "call.created": gettext_noop("The call began"),
    "call.ringing": gettext_noop("It rang"),
    "call.answered": gettext_noop("It was answered"),
    "call.held": gettext_noop("Put on hold"),
    "call.resumed": gettext_noop("Taken off hold"),
    "call.muted": gettext_noop("Muted"),
    "call.unmuted": gettext_noop("No longer muted"),
    "call.dtmf": gettext_noop("A key was pressed"),
    "call.consult_started": gettext_noop("Asked somebody before a transfer"),
    "call.transfer_requested": gettext_noop("A transfer was asked for"),
    "call.transferred": gettext_noop("Transferred"),
    "call.transfer_failed": gettext_noop("The transfer failed"),
    "call.merged": gettext_noop("Another call was merged into it"),
    "call.user_event": gettext_noop("A message from a program"),
    "call.expiring": gettext_noop("Its maximum duration is nearly reached"),
    "call.ended": gettext_noop("The call ended"),
    "leg.ended": gettext_noop("A party left"),
    "leg.connected": gettext_noop("Sound flows"),
    "leg.media_lost": gettext_noop("Sound or picture was lost"),
    "leg.quality": gettext_noop("Sound quality"),
    "leg.supervising": gettext_noop("A supervisor listens"),
    "leg.supervising_ended": gettext_noop("The supervisor left"),
    "room.started": gettext_noop("The room opened"),
    "room.ended": gettext_noop("The room emptied"),
    "participant.joined": gettext_noop("Came into the room"),
    "participant.left": gettext_noop("Left the room"),
    "participant.talking": gettext_noop("Talks in the room"),
    "participant.muted": gettext_noop("Muted in the room"),
    "participant.unmuted": gettext_noop("No longer muted in the room"),
    "webhook.disabled": gettext_noop("A webhook was disabled"),
    "project.suspended": gettext_noop("Phone calls were stopped"),
    "alert.raised": gettext_noop("An alert was raised"),
}
OPERATIONS: Final = {
    "play": gettext_noop("Playback"),
    "say": gettext_noop("Announcement"),
    "record": gettext_noop("Recording"),
    "collect": gettext_noop("Input of digits or speech"),
    "stream": gettext_noop("Audio stream to a program"),
    "transcribe": gettext_noop("Transcript"),
    "detect": gettext_noop("Answering machine detection"),
    "relay": gettext_noop("Conversation with a program"),
    "denoise": gettext_noop("Noise suppression"),
    "digits": gettext_noop("Digits"),
}
STATES: Final = {
    "started": gettext_noop("started"),
    "finished": gettext_noop("finished"),
    "failed": gettext_noop("failed"),
    "paused": gettext_noop("paused"),
    "resumed": gettext_noop("resumed"),
    "partial": gettext_noop("words so far"),
    "final": gettext_noop("words"),
    "result": gettext_noop("result"),
    "beep": gettext_noop("beep"),
}


def event_in_words(type: str) -> str:
    """An event's type in the language of the page; empty where it has no words."""
    if type in EVENTS:
        return gettext(EVENTS[type])
    family, _, state = type.partition(".")
    if family in OPERATIONS and state in STATES:
        return f"{gettext(OPERATIONS[family])}: {gettext(STATES[state])}"
    return ""


def operation_in_words(verb: str) -> str:
    """What was asked of the platform during a call."""
    shown = gettext(OPERATIONS[verb]) if verb in OPERATIONS else verb
    return gettext("{operation}: requested").format(operation=shown)
