"""The words of the staff pages that only makers of telephone systems know, each with its meaning.

Text alone: pages link to a word with `{% help "word" %}`, which `templatetags/navigation.py` draws. The words
of the source are in `docs/architecture.md#glossary`.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext_noop


@dataclass(frozen=True)
class Word:
    """`anchor` is the end of its URL, and stays as it is once published."""

    anchor: str
    word: str
    meaning: str
    also: tuple[str, ...] = ()  # anchors of words that explain more

    @property
    def related(self) -> list[Word]:
        return [WORDS[anchor] for anchor in self.also]


GROUPS: tuple[tuple[str, tuple[Word, ...]], ...] = (
    (
        gettext_noop("Calls"),
        (
            Word(
                "call",
                gettext_noop("Call"),
                gettext_noop(
                    "A connection between a caller and a destination, or a try to make one, from dialling "
                    "to the end. Its states are created, ringing, answered and ended; it never goes back to "
                    "an earlier one."
                ),
                ("leg", "end-reason"),
            ),
            Word(
                "leg",
                gettext_noop("Leg"),
                gettext_noop(
                    "One party's side of a call. A call of two people has two legs: the caller and the "
                    "callee. The one to whom a call is transferred is the target. Each leg has its own "
                    "sound quality, hold and mute."
                ),
                ("call", "transfer"),
            ),
            Word(
                "kind",
                gettext_noop("Kind"),
                gettext_noop(
                    "What is at the other end: a subscriber, a room, a script, a phone number or a "
                    "SIP address."
                ),
            ),
            Word(
                "direction",
                gettext_noop("Direction"),
                gettext_noop(
                    "Inbound: from a phone network or a SIP peer. Outbound: to one. Internal: between "
                    "subscribers, rooms and scripts of the project."
                ),
            ),
            Word(
                "ladder",
                gettext_noop("Ladder"),
                gettext_noop(
                    "The diagram of what happened in a call: one column for each leg, one line for each "
                    "event, from top to bottom. A round dot is an event, a square one an action of staff, a "
                    "grey one a recording, an announcement or a similar operation."
                ),
                ("leg", "event"),
            ),
            Word(
                "hold",
                gettext_noop("Hold"),
                gettext_noop(
                    "Who holds a call pauses it: the other side hears music and is not heard. Only the leg "
                    "that holds can resume."
                ),
            ),
            Word(
                "mute",
                gettext_noop("Mute"),
                gettext_noop(
                    "Nobody hears the muted leg. The platform enforces it, so the device cannot undo it."
                ),
            ),
            Word(
                "transfer",
                gettext_noop("Transfer"),
                gettext_noop(
                    "Puts another destination in the place of one party. Blind: the destination rings, and "
                    "the call continues as before if nobody answers. Attended: a consultation comes first."
                ),
                ("consult",),
            ),
            Word(
                "consult",
                gettext_noop("Consultation"),
                gettext_noop(
                    "A second call during the first one, to ask the target of a transfer. The first call is "
                    "on hold meanwhile."
                ),
                ("transfer",),
            ),
            Word(
                "end-reason",
                gettext_noop("Reason and cause"),
                gettext_noop(
                    "The reason says how a call ended for its users: hung up, cancelled by the caller, "
                    "busy, not answered, declined, failed or transferred. The cause says why, for "
                    "engineers: for instance that no device was online, or SIP 503."
                ),
                ("sip-code",),
            ),
            Word(
                "listen-in",
                gettext_noop("Listen in, whisper, barge"),
                gettext_noop(
                    "A supervisor hears all parties of a live call. While whispering, one party alone hears "
                    "the supervisor; after barging in, everybody does."
                ),
            ),
            Word(
                "recording",
                gettext_noop("Recording"),
                gettext_noop(
                    "The sound of a call as a file. Finished: whole. Partial: it ends early, because the "
                    "media worker was lost. Its control id is the name that was given when it was started."
                ),
                ("media-worker",),
            ),
        ),
    ),
    (
        gettext_noop("Sound and picture"),
        (
            Word(
                "mos",
                gettext_noop("Sound (MOS)"),
                gettext_noop(
                    "Mean opinion score, estimated from loss, jitter and delay: from 1, unusable, to 4.5, "
                    "perfect. Above 3.9 is good, below 3.2 is bad."
                ),
                ("loss", "jitter", "round-trip"),
            ),
            Word(
                "loss",
                gettext_noop("Loss"),
                gettext_noop(
                    "The share of packets that did not arrive. From about 5 percent on, words are hard to "
                    "understand."
                ),
            ),
            Word(
                "jitter",
                gettext_noop("Jitter"),
                gettext_noop("How unevenly packets arrive, in milliseconds. Much of it means gaps or delay."),
            ),
            Word(
                "round-trip",
                gettext_noop("Round trip"),
                gettext_noop(
                    "How long a packet takes to the device and back. Above 300 ms people begin to "
                    "talk at once."
                ),
            ),
            Word(
                "codec",
                gettext_noop("Codec"),
                gettext_noop(
                    "How sound or picture is encoded, for instance opus (wideband) or PCMU "
                    "(telephone quality)."
                ),
            ),
            Word(
                "media",
                gettext_noop("Media"),
                gettext_noop(
                    "Sound and picture themselves. Connected: packets flow. Connecting: device and platform "
                    "still look for a way through the network."
                ),
            ),
            Word(
                "media-worker",
                gettext_noop("Media worker"),
                gettext_noop(
                    "A process that carries the sound and picture of calls. Silent: no heartbeat arrives, "
                    "and its calls move to another worker. Draining: it takes no new call and ends when its "
                    "calls have ended."
                ),
                ("session", "loop-lag"),
            ),
            Word(
                "session",
                gettext_noop("Session"),
                gettext_noop("The media of one call or of one room on a media worker."),
                ("media-worker",),
            ),
            Word(
                "loop-lag",
                gettext_noop("Loop lag"),
                gettext_noop(
                    "How late a media worker does what is due. Below 10 ms is good; above 20 ms "
                    "sound suffers."
                ),
                ("media-worker",),
            ),
        ),
    ),
    (
        gettext_noop("People and places"),
        (
            Word(
                "subscriber",
                gettext_noop("Subscriber"),
                gettext_noop(
                    "A person or system that can be called. The reference is the name that your own "
                    "software has for it, for instance a mail address."
                ),
                ("address", "device"),
            ),
            Word(
                "address",
                gettext_noop("Address"),
                gettext_noop(
                    "What is dialled for a subscriber, a room or a script: /private/alice, /public/standup. "
                    "Whoever has a token may dial public addresses; private ones are for subscribers of the "
                    "project."
                ),
            ),
            Word(
                "extension",
                gettext_noop("Extension"),
                gettext_noop("A short number of a subscriber or a room, for instance 105."),
            ),
            Word(
                "device",
                gettext_noop("Device"),
                gettext_noop(
                    "One online client of a subscriber: a browser, an app or a desk phone. A call rings on "
                    "all devices; the first that accepts gets it."
                ),
            ),
            Word(
                "token",
                gettext_noop("Token"),
                gettext_noop(
                    "What a device or your own software signs in with. Whoever has it acts as its owner, so "
                    "it is shown once. A revoked token is refused at once."
                ),
                ("scope",),
            ),
            Word(
                "scope",
                gettext_noop("Scope"),
                gettext_noop(
                    "What an API token may do: read looks at everything, call dials and controls calls and "
                    "issues tokens for devices, admin does everything."
                ),
            ),
            Word(
                "room",
                gettext_noop("Room"),
                gettext_noop(
                    "Everybody who dials its address meets there. Nobody else can join a locked room."
                ),
            ),
            Word(
                "script",
                gettext_noop("Script (SWML)"),
                gettext_noop(
                    "Answers a call by itself: plays, asks for digits, connects. SWML is the language, "
                    "written as YAML or JSON."
                ),
            ),
        ),
    ),
    (
        gettext_noop("Phone network"),
        (
            Word(
                "gateway",
                gettext_noop("Gateway"),
                gettext_noop(
                    "A SIP peer that leads to phone numbers: a carrier's trunk or a company's "
                    "telephone system."
                ),
                ("prefix", "registration"),
            ),
            Word(
                "prefix",
                gettext_noop("Prefix"),
                gettext_noop(
                    "How a number begins. A gateway carries the numbers that begin with one of its "
                    "prefixes; of several such gateways, the one with the lowest priority is tried first. A "
                    "call costs the rate of the longest prefix that matches its number."
                ),
            ),
            Word(
                "registration",
                gettext_noop("Registration"),
                gettext_noop(
                    "The platform signs in with a gateway, and renews that from time to time. Failed shows "
                    "the code of the gateway's answer: 401 or 403 is a wrong password."
                ),
                ("sip-code",),
            ),
            Word(
                "endpoint",
                gettext_noop("SIP phone (endpoint)"),
                gettext_noop(
                    "A desk phone or softphone of a subscriber, which registers at the platform with a user "
                    "name and a password."
                ),
            ),
            Word(
                "sip-code",
                gettext_noop("SIP code"),
                gettext_noop(
                    "How the other side refused a call. 404: no such number. 480: not reachable. 486: busy. "
                    "503: the carrier has no capacity. 603: declined."
                ),
            ),
            Word(
                "sip-trace",
                gettext_noop("SIP trace"),
                gettext_noop(
                    "The SIP messages of a call between the platform and phones or carriers, as they were "
                    "sent and received. They are kept only while an owner has switched that on for the "
                    "project, and show telephone numbers and addresses, but no passwords and keys."
                ),
                ("sip-code",),
            ),
            Word(
                "phone-call",
                gettext_noop("Phone call"),
                gettext_noop(
                    "A call that goes out to a phone number, through a gateway or to a SIP address. Only "
                    "these calls can cost money, count towards the limits of phone calls, and are refused "
                    "while phone calls are suspended."
                ),
                ("gateway", "prepaid"),
            ),
            Word(
                "set-aside",
                gettext_noop("Set aside"),
                gettext_noop(
                    "Money of the balance that live calls may still use. What they do not use is available "
                    "again after they end."
                ),
            ),
            Word(
                "prepaid",
                gettext_noop("Prepaid"),
                gettext_noop("No phone call begins without funds, and calls end when they are used up."),
            ),
            Word(
                "ledger",
                gettext_noop("Ledger"),
                gettext_noop(
                    "Every change of the balance, numbered. Nothing in it is ever changed; a mistake is "
                    "corrected by a new entry."
                ),
            ),
            Word(
                "risk",
                gettext_noop("Risk"),
                gettext_noop(
                    "How often a kind of number is misused for fraud. Low: ordinary numbers. Special: "
                    "premium, shared-cost and satellite numbers. Fraud: prefixes known from fraud. Calls to "
                    "numbers above the highest permitted risk are refused."
                ),
            ),
        ),
    ),
    (
        gettext_noop("Events and webhooks"),
        (
            Word(
                "event",
                gettext_noop("Event"),
                gettext_noop(
                    "Something that has happened, with a name such as call.answered. The events of a call "
                    "are numbered from 1, without gaps."
                ),
            ),
            Word(
                "webhook",
                gettext_noop("Webhook"),
                gettext_noop("A URL of yours to which the platform sends events."),
                ("delivery",),
            ),
            Word(
                "delivery",
                gettext_noop("Delivery"),
                gettext_noop(
                    "One event on its way to one webhook. Pending: it waits for its turn or for the next "
                    "try. Delivered: the URL answered with 2xx. Cancelled: the webhook or the call was "
                    "deleted first."
                ),
                ("parked",),
            ),
            Word(
                "parked",
                gettext_noop("Parked delivery"),
                gettext_noop(
                    "All tries have failed, so the platform has stopped. It stays in the list; resend it "
                    "when the receiver works again."
                ),
                ("replay",),
            ),
            Word(
                "replay",
                gettext_noop("Replay"),
                gettext_noop("Sends the events since a time again, in their order."),
                ("event",),
            ),
            Word(
                "unpublished",
                gettext_noop("Events not yet published"),
                gettext_noop(
                    "Events that have happened and are not yet in the project's event log, so nothing has "
                    "sent them. A few for a moment are normal; a number that grows means that the "
                    "background process “sweep” is not running."
                ),
            ),
        ),
    ),
)

WORDS = {word.anchor: word for _, words in GROUPS for word in words}
