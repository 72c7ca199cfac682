"""`allowed_addresses` as written, bound to what it means now (docs/contract.md#scope).

An exact address becomes the id of its row, so that a token follows a renamed address and not a new one
under an old name; wildcards and numbers that are not the project's stay what they are.
"""

from __future__ import annotations

import re
from uuid import UUID

from rest import errors
from subscribers import addressing, directory
from subscribers.addressing import CONTEXTS, MalformedDestination
from subscribers.models import Address
from tokens.subjects import Entry

ATTRIBUTE = "allowed_addresses"
MOST_FOR_GUESTS = 10
MOST = 100
_PREFIX = re.compile(r"(\+[1-9][0-9]{0,13})\*")
_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def parse_allowed_addresses(
    project_id: UUID, listed: object, least: int = 0, most: int = MOST
) -> tuple[Entry, ...]:
    """The entries of a list of strings; 422 for wrong counts, malformed entries and unknown addresses."""
    if not isinstance(listed, list):
        raise _wrong("Must be a list.")
    if len(listed) > most:
        raise _wrong(f"At most {most} entries are allowed.", "allowed_address_limit_exceeded")
    if len(listed) < least:
        raise _wrong("At least one address is needed.")
    return tuple(dict.fromkeys(_entry(project_id, text) for text in listed))


def _entry(project_id: UUID, text: object) -> Entry:
    if not isinstance(text, str) or len(text) > addressing.MAX_DESTINATION:
        raise _wrong("Every entry must be a string.")
    if _ID.fullmatch(text):
        return _by_id(project_id, UUID(text))
    return _wildcard(text) or _exact(project_id, text)


def _by_id(project_id: UUID, id: UUID) -> Entry:
    if not Address.objects.filter(project_id=project_id, pk=id).exists():
        raise _unknown()
    return Entry("address", str(id))


def _wildcard(text: str) -> Entry | None:
    """`/private/*`, `+1*` or `sip:*@host`."""
    if text in {f"/{context}/*" for context in CONTEXTS}:
        return Entry("context", text.split("/")[1])
    if (match := _PREFIX.fullmatch(text)) is not None:
        return Entry("prefix", match[1])
    scheme, mark, host = text.partition(":*@")
    if not mark:
        return None
    try:
        uri = addressing.sip_uri(f"{scheme}:x@{host}")
    except MalformedDestination as error:
        raise _wrong(str(error)) from error
    return Entry("sip_host", uri.replace("x@", "", 1))


def _exact(project_id: UUID, text: str) -> Entry:
    try:
        wanted = addressing.parse_destination(text)
    except MalformedDestination as error:
        raise _wrong(str(error)) from error
    if wanted.test is not None:
        return Entry("test", wanted.text)
    target = directory.resolve(project_id, wanted)
    if target is None:
        raise _unknown()
    if target.address_id is not None:
        return Entry("address", str(target.address_id))
    return Entry("number" if target.kind == "pstn" else "sip", target.address)


def _wrong(message: str, code: str = "invalid_parameter") -> errors.Unprocessable:
    return errors.Unprocessable(code, message, ATTRIBUTE)


def _unknown() -> errors.Unprocessable:
    return _wrong("The project has no such address.", "unrecognized_fabric_addresses")
