"""The forms of resources: which fields a page shows, and a posted form as the JSON that the API takes.

What a value may be is decided by the API's own serializers (`subscribers.api`), never here.
Texts are marked here, and translated where they are shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Any, Final

from django.utils.translation import gettext_noop as _  # translated where a page shows it

Choices = tuple[tuple[str, str], ...]

# Fields whose empty value means "none", and goes to the API as null.
NULLABLE: Final = ("number", "moment", "address", "subscriber", "resource")
MAX_AREA: Final = 250_000


@dataclass(frozen=True)
class Field:
    """One field of a form. `kind`: how it is shown and read. `more`: it is among the further settings.
    `help_new`: what a form of a new row says instead of `help`, which speaks of what a row has already."""

    name: str
    label: str
    kind: str = "text"
    help: str = ""
    help_new: str = ""
    choices: Choices = ()
    required: bool = False
    only_new: bool = False
    more: bool = False
    default: str = ""
    value: str = ""
    error: str = ""

    @property
    def checked(self) -> bool:
        return self.value == "on"


def choices(*pairs: tuple[str, str]) -> Choices:
    return pairs


ENCRYPTION: Final = choices(
    ("default", _("default")),
    ("optional", _("optional")),
    ("required", _("required")),
    ("disabled", _("disabled")),
)

SUBSCRIBER: Final = (
    Field("display_name", _("Name"), help=_("What others see when this person calls.")),
    Field("email", _("Email"), "email"),
    Field(
        "reference",
        _("Reference"),
        help=_("How your own systems name this person. Leave empty to keep the present one."),
        help_new=_("How your own systems name this person. Where it is empty, the email address is used."),
    ),
    Field("extension", _("Extension"), help=_("2 to 10 digits that colleagues can dial.")),
    Field("do_not_disturb", _("Do not disturb"), "flag", _("Calls to this person do not ring.")),
    Field("first_name", _("First name"), more=True),
    Field("last_name", _("Last name"), more=True),
    Field("company_name", _("Company"), more=True),
    Field("job_title", _("Job title"), more=True),
    Field("timezone", _("Time zone"), help=_("Such as Europe/Stockholm."), more=True),
    Field("country", _("Country"), more=True),
    Field("region", _("Region"), more=True),
    Field("max_calls", _("Calls at once"), "number", _("Empty: the platform's limit."), more=True),
)

ROOM: Final = (
    Field("name", _("Name in its address"), required=True, help=_("Letters, digits, '-' and '_'.")),
    Field("display_name", _("Title")),
    Field("description", _("Description")),
    Field(
        "context", _("Who can dial it"), "choice", only_new=True, default="public",
        choices=choices(("public", _("anyone with its address (/public/…)")),
                        ("private", _("people of this project (/private/…)"))),
    ),
    Field("max_members", _("Maximum members"), "number", default="20"),
    Field("video", _("Video"), "flag", default="on"),
    Field("locked", _("Locked"), "flag", _("Nobody else can join.")),
    Field("join_muted", _("Members join muted"), "flag", more=True),
    Field("entry_tone", _("Tone when somebody joins or leaves"), "flag", more=True),
    Field("record_on_start", _("Record from the first member on"), "flag", more=True),
    Field(
        "moderator", _("Who can mute and remove others"), "choice", more=True, default="project",
        choices=choices(("project", _("the project's own software and staff")),
                        ("subscribers", _("subscribers")), ("everyone", _("everyone in the room"))),
    ),
    Field("empty_timeout", _("Seconds an empty room stays open"), "number", more=True, default="0"),
    Field("join_from", _("Open from"), "moment", more=True),
    Field("join_until", _("Open until"), "moment", more=True),
)  # fmt: skip

NUMBER: Final = (
    Field(
        "number", _("Phone number"), required=True, help=_("With + and country code, such as +15551234567."),
    ),
    Field("name", _("Name")),
    Field("address_id", _("Leads to"), "address"),
    Field(
        "subscriber_id", _("Caller ID of"), "subscriber",
        help=_("This subscriber's calls to phones show this number."),
    ),
)  # fmt: skip

GATEWAY: Final = (
    Field("name", _("Name"), required=True),
    Field(
        "uri", _("SIP address"), required=True, help=_("sip:host, sips:host or sip:host:5080;transport=tcp"),
    ),
    Field(
        "prefixes", _("Numbers it carries"),
        "list", _("Beginnings of numbers, such as +1 +44; + is every one."),
    ),
    Field(
        "register", _("Register there"), "flag", _("The platform signs in with the user name and password."),
    ),
    Field("username", _("User name")),
    Field(
        "password", _("Password"), "password", _("Leave empty to keep the present one."),
        help_new=_("What the carrier or the other telephone system gave you."),
    ),
    Field("enabled", _("Enabled"), "flag", default="on"),
    Field("caller_id", _("Number shown as caller"), help=_("Where a call has no other."), more=True),
    Field(
        "ip_addresses", _("Accepts calls from"), "list",
        _("IP addresses or networks of the carrier."), more=True,
    ),
    Field("priority", _("Priority"), "number", _("The lowest is tried first."), more=True, default="10"),
    Field(
        "encryption", _("Encryption of media"), "choice", choices=ENCRYPTION, more=True, default="default",
        help=_("For “required”, the SIP address must end in ;transport=tls."),
    ),
    Field("codecs", _("Codecs"), "list", _("Such as OPUS PCMU; empty: all."), more=True),
    Field("realm", _("Realm"), help=_("Only if the carrier names one. Empty: its host."), more=True),
    Field(
        "names", _("Names it accepts"), "list",
        _("What can be dialled there besides numbers, such as sales."), more=True,
    ),
    Field(
        "number_policy", _("Allowed caller IDs"), "choice", more=True, default="own",
        choices=choices(("own", _("only numbers of this project")), ("any", _("any number"))),
    ),
    Field(
        "nat", _("Behind a NAT"), "flag",
        _("Sound is sent back to the address that its sound comes from."), more=True,
    ),
    Field(
        "trust_identity", _("Trust its caller identity"), "flag",
        _("Callers are shown as it names them (P-Asserted-Identity)."), more=True,
    ),
)  # fmt: skip

ENDPOINT: Final = (
    Field("username", _("User name"), required=True, help=_("The phone registers with it.")),
    Field(
        "password", _("Password"), "password",
        _("8 to 72 characters. Leave empty to keep the present one."),
        help_new=_("8 to 72 characters. Empty: one is made, and shown once."),
    ),
    Field(
        "subscriber_id", _("Belongs to"), "subscriber", only_new=True,
        help=_("Calls to this subscriber ring the phone. Empty: a subscriber with its user name is made."),
    ),
    Field(
        "send_as", _("Number shown as caller"),
        help=_("A number of this project, or the word random for any of them."),
    ),
    Field("caller_id", _("Name shown as caller"), more=True),
    Field("encryption", _("Encryption of media"), "choice", choices=ENCRYPTION, more=True, default="default"),
    Field("codecs", _("Codecs"), "list", _("Such as OPUS PCMU; empty: all."), more=True),
    Field(
        "call_handler", _("Calls from it"), "choice", more=True, default="default",
        choices=choices(("default", _("go where they are dialled")),
                        ("block-pstn", _("reach no phone numbers")),
                        ("resource", _("all go to one destination"))),
    ),
    Field("calling_handler_resource_id", _("Destination of all calls from it"), "resource", more=True),
    Field(
        "nat", _("Behind a NAT"), "flag",
        _("Sound is sent back to the address that its sound comes from."), more=True,
    ),
)  # fmt: skip

SCRIPT: Final = (
    Field("name", _("Name"), required=True),
    Field(
        "context", _("Who can dial it"), "choice", only_new=True, default="public",
        choices=choices(("public", _("anyone with its address (/public/…)")),
                        ("private", _("people of this project (/private/…)"))),
    ),
    Field(
        "contents", "SWML", "code", required=True,
        help=_("YAML or JSON. It is checked when you save; a script with a mistake is not saved."),
        default="version: 1.0.0\nsections:\n  main:\n    - answer\n    - play: say:Hello\n    - hangup\n",
    ),
    Field(
        "status_callback_url", _("Status URL"), help=_("The states of its calls are sent there."), more=True,
    ),
)  # fmt: skip


def read(fields: tuple[Field, ...], post: Mapping[str, str], new: bool, zone: tzinfo) -> dict[str, Any]:
    """The posted form as JSON. A new row leaves empty fields out, so that the API's defaults apply."""
    found: dict[str, Any] = {}
    for field in fields:
        if field.only_new and not new:
            continue
        if field.kind == "flag":
            found[field.name] = post.get(field.name) == "on"
            continue
        text = post.get(field.name, "")[:MAX_AREA].replace("\r\n", "\n")
        text = text if field.kind in ("code", "password") else text.strip()
        if not text.strip():
            if field.kind in NULLABLE and not new:
                found[field.name] = None
            elif field.kind == "list" and not new:
                found[field.name] = []
            elif field.required or (field.kind in ("text", "email") and not new):
                found[field.name] = ""
            continue
        found[field.name] = _value(field.kind, text, zone)
    return found


def _value(kind: str, text: str, zone: tzinfo) -> object:
    if kind == "number":
        return int(text) if re.fullmatch(r"-?[0-9]{1,9}", text, re.ASCII) else text
    if kind == "list":
        return [each for each in re.split(r"[\s,]+", text) if each]
    if kind == "moment":
        try:
            given = datetime.fromisoformat(text)
        except ValueError:
            return text
        return (given if given.tzinfo else given.replace(tzinfo=zone)).isoformat()
    return text


def shown(
    fields: tuple[Field, ...], values: Mapping[str, Any], errors: Mapping[str, str], new: bool, zone: tzinfo
) -> list[Field]:
    """The fields with what they hold: of a row, or of the form that was refused."""
    return [
        replace(
            field,
            help=(field.help_new if new else "") or field.help,
            value=_text(field, values, zone),
            error=errors.get(field.name, ""),
        )
        for field in fields
        if new or not field.only_new
    ]


def _text(field: Field, values: Mapping[str, Any], zone: tzinfo) -> str:
    if field.name not in values:
        return field.default
    value = values[field.name]
    if value is None or field.kind == "password":
        return ""
    if field.kind == "flag":
        return "on" if value else ""
    if field.kind == "list" and isinstance(value, list):
        return " ".join(str(each) for each in value)
    if field.kind == "moment":
        try:
            return datetime.fromisoformat(str(value)).astimezone(zone).strftime("%Y-%m-%dT%H:%M")
        except ValueError:
            return str(value)
    return str(value)
