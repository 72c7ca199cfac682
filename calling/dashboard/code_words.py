"""Words that are stored or sent as codes, as a page shows them: states, kinds, roles, reasons of failures.

The code stays what the API says; a page translates it. English shows the code itself, with spaces for `_`,
unless only engineers would know it. A new code that pages show gets its line here; one that has none is shown
as it is.
"""

from __future__ import annotations

from django.utils.translation import gettext, gettext_noop

WORDS = (
    {
        word.replace(" ", "_"): word
        for word in (
            # Calls, legs, attempts, media.
            gettext_noop("live"),
            gettext_noop("created"),
            gettext_noop("ringing"),
            gettext_noop("answered"),
            gettext_noop("ended"),
            gettext_noop("preparing"),
            gettext_noop("accepted"),
            gettext_noop("rejected"),
            gettext_noop("answered elsewhere"),
            gettext_noop("cancelled"),
            gettext_noop("new"),
            gettext_noop("connecting"),
            gettext_noop("connected"),
            gettext_noop("failed"),
            gettext_noop("caller"),
            gettext_noop("callee"),
            gettext_noop("target"),
            gettext_noop("inbound"),
            gettext_noop("outbound"),
            gettext_noop("internal"),
            gettext_noop("subscriber"),
            gettext_noop("room"),
            gettext_noop("script"),
            gettext_noop("guest"),
            gettext_noop("invite"),
            gettext_noop("phone"),
            gettext_noop("browser"),
            gettext_noop("audio"),
            gettext_noop("video"),
            gettext_noop("listen"),
            gettext_noop("whisper"),
            gettext_noop("barge"),
            gettext_noop("busy"),
            gettext_noop("hangup"),
            gettext_noop("no-answer"),
            gettext_noop("transferred"),
            gettext_noop("timeout"),
            # Recordings, transcripts and other operations.
            gettext_noop("running"),
            gettext_noop("finished"),
            gettext_noop("partial"),
            gettext_noop("recording"),
            gettext_noop("paused"),
            # Webhooks and deliveries.
            gettext_noop("pending"),
            gettext_noop("delivered"),
            gettext_noop("parked"),
            gettext_noop("replay"),
            gettext_noop("resend"),
            gettext_noop("test"),
            # Roles, risks, encryption, money, periods.
            gettext_noop("viewer"),
            gettext_noop("operator"),
            gettext_noop("owner"),
            gettext_noop("low"),
            gettext_noop("special"),
            gettext_noop("fraud"),
            gettext_noop("default"),
            gettext_noop("optional"),
            gettext_noop("required"),
            gettext_noop("disabled"),
            gettext_noop("random"),
            gettext_noop("top up"),
            gettext_noop("hour"),
            gettext_noop("day"),
            gettext_noop("week"),
            gettext_noop("month"),
            gettext_noop("stopped by staff"),
        )
    }
    | {
        "embed": gettext_noop("page with a call button"),
        "refresh": gettext_noop("renewal"),
        "Refresh": gettext_noop("renewal"),
        "SAT": gettext_noop("access"),
        "fabric": gettext_noop("SignalWire client"),
        "pstn": gettext_noop("phone number"),
        "sip": "SIP",
        "gone": gettext_noop("went offline"),
        "wanted": gettext_noop("requested"),
        "adjust": gettext_noop("correction"),
        "charge": gettext_noop("price of a call"),
        "reserve": gettext_noop("set aside"),
        "release": gettext_noop("no longer set aside"),
    }
    | {
        # Sentences that are stored: why a webhook is disabled, phone calls are suspended, an attempt failed.
        sentence.replace(" ", "_"): words
        for sentence, words in (
            (
                "answered 410 Gone",
                gettext_noop("The receiver answered 410 Gone, so nothing more is sent there."),
            ),
            ("disabled by its owner", gettext_noop("Disabled by staff.")),
            (
                "no secret key of this instance opens its secret: rotate the secret, then enable it",
                gettext_noop("Its secret cannot be read any more: make a new secret, then enable it."),
            ),
            (
                "too many refused phone calls in a short time",
                gettext_noop("too many refused phone calls in a short time"),
            ),
            ("timeout: no answer in time", gettext_noop("no answer in time")),
            ("connect: the connection failed", gettext_noop("the connection failed")),
            ("redirect: too many redirects", gettext_noop("too many redirects")),
            (
                "protocol: the answer was cut off or was not HTTP",
                gettext_noop("the answer was cut off or was not HTTP"),
            ),
        )
    }
)


def in_words(code: object) -> str:
    """A code in the language of the page; anything else as it is."""
    text = str(code)
    word = WORDS.get(text.replace(" ", "_"))
    return gettext(word) if word else text
