"""What the platform refused, in the language of a page. The platform itself says it in English
(docs/contract.md#errors).

In English a page shows that message. In another language it shows the message's translation where there is
one, else what the error code means, else the English message: a refusal is never without words.
"""

from __future__ import annotations

from django.conf import settings
from django.utils.translation import get_language, gettext, gettext_noop

from rest.errors import Problem

# Messages of the API about one field, as `subscribers.api` words them; DRF has its own catalogues.
MESSAGES = (
    gettext_noop("There is no such thing here."),
    gettext_noop("This form has expired or came from another site: load the page again."),
    gettext_noop("The request cannot be understood."),
    gettext_noop("The body is larger than 256 kB."),
    gettext_noop("Something went wrong here."),
    gettext_noop("A service that the request needs is unavailable; try again later."),
    gettext_noop("Must be a SWML document."),
    gettext_noop("A password has 8 to 72 characters."),
    gettext_noop("Must be an email address."),
    gettext_noop("Must be a string."),
    gettext_noop("Must be true or false."),
    gettext_noop("Must be a whole number."),
    gettext_noop("Must be a UUID."),
    gettext_noop("Must be an http or https URL."),
    gettext_noop("Must be a time zone like Europe/Stockholm."),
    gettext_noop("Must be a list of strings."),
    gettext_noop("Must be IP addresses or networks."),
    gettext_noop("Names have 1 to 64 letters, digits and _.+~!-"),
    gettext_noop("Prefixes are + and up to 15 digits."),
    gettext_noop("Must be a small JSON object."),
    gettext_noop("Too many are signing in at this moment; try again."),
    gettext_noop("Signing in takes too long now; try again."),
)

# Codes whose messages hold details of their own; the others are translated whole, below.
CODES = {
    "not_allowed": gettext_noop("This is not possible now."),
    "not_permitted": gettext_noop("These credentials may not do this."),
    "not_found": gettext_noop("There is no such thing in this project."),
    "invalid_destination": gettext_noop(
        "This cannot be dialled: give an address, digits, + and a number, or sip:user@host."
    ),
    "not_e164": gettext_noop("There is no such phone number: give +, the country code and the number."),
    "number_not_allowed": gettext_noop("The project's policy does not allow numbers like this one."),
    "number_not_assigned": gettext_noop("The number is not the project's: platform staff assigns numbers."),
    "country_not_allowed": gettext_noop("The project does not call that country."),
    "emergency_number": gettext_noop("Emergency numbers cannot be called: use a telephone."),
    "insufficient_balance": gettext_noop("The project's balance does not cover this."),
    "project_suspended": gettext_noop("Phone calls are suspended until an owner resumes them."),
    "price_too_high": gettext_noop("A minute to the destination costs too much."),
    "too_many_calls": gettext_noop("The project has reached its maximum number of live calls."),
    "too_many_phone_calls": gettext_noop("The project has reached its maximum number of live phone calls."),
    "phone_rate_exceeded": gettext_noop("The project has reached its limit of phone calls per minute."),
    "daily_spend_reached": gettext_noop("The project has reached its daily spending limit."),
    "rate_limit_exceeded": gettext_noop("Too many requests. Wait a moment."),
    "too_many_alerts": gettext_noop("The project has reached its maximum number of alerts: delete one."),
    "too_many_keys": gettext_noop("The project has reached its maximum number of API tokens: delete one."),
    "too_many_webhooks": gettext_noop("The project has reached its maximum number of webhooks: delete one."),
    "missing_required_parameter": gettext_noop("This field is required."),
    "already_taken": gettext_noop("Another one of the project has this value."),
    "must_belong_to_project": gettext_noop("This is not one of the project's."),
    "not_an_http_url": gettext_noop("Give an http:// or https:// URL."),
    "url_is_unsafe": gettext_noop("The URL must be https and public."),
    "mail_unavailable": gettext_noop("This installation sends no mail: give a URL."),
    "speech_unavailable": gettext_noop("This installation has no speech worker for this."),
    "unknown_parameter": gettext_noop("There is no field or event type of this name."),
    "unavailable": gettext_noop("A service that this needs is unavailable; try again later."),
    "internal_error": gettext_noop("Something went wrong on the server; its log has the details."),
}


def in_words(problem: Problem) -> str:
    if get_language() == settings.LANGUAGE_CODE:
        return problem.message
    translated = gettext(problem.message)
    if translated != problem.message or problem.code not in CODES:
        return translated
    return gettext(CODES[problem.code])
