"""The forms of resources: which fields a page shows, and a posted form as the JSON that the API takes.

What a value may be is decided by the API's own serializers (`subscribers.api`), never here. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Any, Final

Choices = tuple[tuple[str, str], ...]

# Fields whose empty value means "none", and goes to the API as null.
NULLABLE: Final = ("number", "moment", "address", "subscriber", "resource")
MAX_AREA: Final = 250_000


@dataclass(frozen=True)
class Field:
    """One field of a form. `kind`: how it is shown and read. `more`: it is among the further settings."""

    name: str
    label: str
    kind: str = "text"
    help: str = ""
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
    ("default", "default"), ("optional", "optional"), ("required", "required"), ("disabled", "disabled")
)

SUBSCRIBER: Final = (
    Field("display_name", "Name", help="What others see when this person calls."),
    Field("email", "Email", "email"),
    Field(
        "reference", "Reference",
        help="How your own systems name this person. Where it is empty, the email address is used.",
    ),
    Field("extension", "Extension", help="2 to 10 digits that colleagues can dial."),
    Field("do_not_disturb", "Do not disturb", "flag", "Calls to this person do not ring."),
    Field("first_name", "First name", more=True),
    Field("last_name", "Last name", more=True),
    Field("company_name", "Company", more=True),
    Field("job_title", "Job title", more=True),
    Field("timezone", "Time zone", help="Such as Europe/Stockholm.", more=True),
    Field("country", "Country", more=True),
    Field("region", "Region", more=True),
    Field("max_calls", "Calls at once", "number", "Empty: the platform's limit.", more=True),
    Field(
        "password", "New password", "password", "8 to 72 characters. Empty: as before.", more=True,
    ),
)  # fmt: skip

ROOM: Final = (
    Field("name", "Name in its address", required=True, help="Letters, digits, '-' and '_'."),
    Field("display_name", "Title"),
    Field("description", "Description"),
    Field(
        "context", "Who can dial it", "choice", only_new=True, default="public",
        choices=choices(("public", "anyone with its address (/public/…)"),
                        ("private", "people of this project (/private/…)")),
    ),
    Field("max_members", "Most members", "number", default="20"),
    Field("video", "Video", "flag", default="on"),
    Field("locked", "Locked", "flag", "Nobody else can join."),
    Field("join_muted", "Members join muted", "flag", more=True),
    Field("entry_tone", "Tone when somebody joins or leaves", "flag", more=True),
    Field("record_on_start", "Record from the first member on", "flag", more=True),
    Field(
        "moderator", "Who can mute and remove others", "choice", more=True, default="project",
        choices=choices(("project", "the project's back end and staff"), ("subscribers", "subscribers"),
                        ("everyone", "everyone in the room")),
    ),
    Field("empty_timeout", "Seconds an empty room stays open", "number", more=True, default="0"),
    Field("join_from", "Open from", "moment", more=True),
    Field("join_until", "Open until", "moment", more=True),
)  # fmt: skip

NUMBER: Final = (
    Field("number", "Phone number", required=True, help="With + and country code, such as +15551234567."),
    Field("name", "Name"),
    Field("address_id", "Calls to it ring", "address"),
    Field(
        "subscriber_id", "Shown as caller by", "subscriber",
        help="This subscriber's calls to phones show this number.",
    ),
)  # fmt: skip

GATEWAY: Final = (
    Field("name", "Name", required=True),
    Field("uri", "SIP address", required=True, help="sip:host, sips:host or sip:host:5080;transport=tcp"),
    Field("prefixes", "Numbers it carries", "list", "Beginnings of numbers, such as +1 +44; + is every one."),
    Field("register", "Register there", "flag", "The platform signs in with the user name and password."),
    Field("username", "User name"),
    Field("password", "Password", "password", "Empty: as before."),
    Field("enabled", "Enabled", "flag", default="on"),
    Field("caller_id", "Number shown as caller", help="Where a call has no other.", more=True),
    Field("ip_addresses", "Calls come from", "list", "IP addresses or networks of the carrier.", more=True),
    Field("priority", "Priority", "number", "The lowest is tried first.", more=True, default="10"),
    Field(
        "encryption", "Encryption of media", "choice", choices=ENCRYPTION, more=True, default="default",
        help="required needs the transport tls.",
    ),
    Field("codecs", "Codecs", "list", "Such as OPUS PCMU; empty: all.", more=True),
    Field("realm", "Realm", help="Of its sign-in challenges; empty: its host.", more=True),
    Field("names", "Names it can be sent", "list", "User parts besides numbers, such as sales.", more=True),
    Field(
        "number_policy", "Numbers that calls may show", "choice", more=True, default="own",
        choices=choices(("own", "only numbers of this project"), ("any", "any number")),
    ),
    Field("nat", "Behind a NAT", "flag", "Send media where its media comes from.", more=True),
    Field("trust_identity", "Trust its caller identity", "flag", "P-Asserted-Identity.", more=True),
)  # fmt: skip

ENDPOINT: Final = (
    Field("username", "User name", required=True, help="The phone registers with it."),
    Field(
        "password", "Password", "password",
        "8 to 72 characters. Empty: one is made for a new phone, and kept for an old one.",
    ),
    Field(
        "subscriber_id", "Belongs to", "subscriber", only_new=True,
        help="Calls to this subscriber ring the phone. Empty: a subscriber with its user name is made.",
    ),
    Field("send_as", "Number shown as caller", help="A number of this project, or random."),
    Field("caller_id", "Name shown as caller", more=True),
    Field("encryption", "Encryption of media", "choice", choices=ENCRYPTION, more=True, default="default"),
    Field("codecs", "Codecs", "list", "Such as OPUS PCMU; empty: all.", more=True),
    Field(
        "call_handler", "Calls from it", "choice", more=True, default="default",
        choices=choices(("default", "go where they are dialled"), ("block-pstn", "reach no phone numbers"),
                        ("resource", "go to one resource")),
    ),
    Field("calling_handler_resource_id", "That resource", "resource", more=True),
    Field("nat", "Behind a NAT", "flag", "Send media where its media comes from.", more=True),
)  # fmt: skip

SCRIPT: Final = (
    Field("name", "Name", required=True),
    Field(
        "context", "Who can dial it", "choice", only_new=True, default="public",
        choices=choices(("public", "anyone with its address (/public/…)"),
                        ("private", "people of this project (/private/…)")),
    ),
    Field(
        "contents", "SWML", "code", required=True,
        help="YAML or JSON. It is checked when you save; a script with a mistake is not saved.",
        default="version: 1.0.0\nsections:\n  main:\n    - answer\n    - play: say:Hello\n    - hangup\n",
    ),
    Field("status_callback_url", "Status URL", help="Is sent the progress of its calls.", more=True),
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
        replace(field, value=_text(field, values, zone), error=errors.get(field.name, ""))
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
