"""The one function that says whether a subject may dial a destination (docs/contract.md#scope).

Pure: no rows, no clock.

Dial, transfer, consult, SIP REFER, redirects and scripts that dial what a caller said all ask `refusal`.
"""

from __future__ import annotations

from subscribers.addressing import Destination, Target
from tokens.subjects import ApiKey, Entry, Subject


def refusal(subject: Subject, destination: Destination, target: Target | None) -> str | None:
    """Why `subject` may not dial `destination`, which the directory resolved to `target`; None = allowed.

    Decided on what was resolved: an extension or a number of the project is its address. For a destination
    nothing answers to (`target` None) the answer is the one a known destination outside the list gets, so a
    refusal does not tell known from unknown.
    """
    if isinstance(subject, ApiKey):
        return None
    if destination.test is not None:
        return None
    if any(_covers(entry, destination, target) for entry in subject.entries):
        return None
    return "This token may not dial that destination."


def _covers(entry: Entry, destination: Destination, target: Target | None) -> bool:
    if target is None:
        return _covers_unknown(entry, destination)
    if target.address_id is not None:
        if entry.kind == "address":
            return entry.value == str(target.address_id)
        return entry.kind == "context" and target.address.startswith(f"/{entry.value}/")
    if target.kind == "pstn":
        return _covers_number(entry, target.address)
    if target.kind == "sip":
        return _covers_sip(entry, target.address)
    return False


def _covers_unknown(entry: Entry, destination: Destination) -> bool:
    if destination.kind == "address":
        return entry.kind == "context" and entry.value == destination.context
    # An extension is the private address of a subscriber, whoever has it.
    return destination.kind == "extension" and entry.kind == "context" and entry.value == "private"


def _covers_number(entry: Entry, number: str) -> bool:
    if entry.kind == "number":
        return entry.value == number
    return entry.kind == "prefix" and number.startswith(entry.value)


def _covers_sip(entry: Entry, uri: str) -> bool:
    if entry.kind == "sip":
        return entry.value == uri
    scheme, _, rest = uri.partition(":")
    return entry.kind == "sip_host" and entry.value == f"{scheme}:{rest.rpartition('@')[2]}"
