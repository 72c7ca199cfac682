"""From a destination to who answers it: the one lookup every edge uses.

Reads rows of one project; decides nothing about permission.
"""

from __future__ import annotations

from uuid import UUID

from subscribers.addressing import Destination, Target
from subscribers.models import Address, PhoneNumber, Subscriber


def resolve(project_id: UUID | str, destination: Destination) -> Target | None:
    """The Target of `destination` within the project, None where nothing has that name.

    An extension and a number of the project resolve to the address they stand for; other numbers and SIP
    URIs resolve to themselves (kinds pstn and sip): whether a route leads there is the SIP edge's question.
    """
    if destination.test is not None:
        return _test(destination)
    if destination.kind == "address":
        return _address(project_id, destination)
    if destination.kind == "extension":
        return _extension(project_id, destination)
    if destination.kind == "number":
        return _number(project_id, destination)
    return Target("sip", destination.text, display_name=destination.text)


def target_of(address: Address, channel: str | None = None, number: str | None = None) -> Target:
    """The Target of an address row."""
    return Target(
        kind=address.kind,  # type: ignore[arg-type]
        address=address.text,
        address_id=address.pk,
        resource_id=address.resource_id,
        display_name=address.display_name or address.name,
        number=number,
        channel=channel,
    )


def address_of(project_id: UUID | str, resource_id: UUID | str) -> Address | None:
    """The address of a resource."""
    return Address.objects.filter(project_id=project_id, resource_id=resource_id).first()


def _test(destination: Destination) -> Target:
    if destination.kind == "number":
        return Target(
            "pstn",
            destination.text,
            test="announcement",
            number=destination.text,
            display_name="Announcement",
        )
    return Target(
        "script",
        destination.text,
        test=destination.test,
        display_name=destination.name,
        channel=destination.channel,
    )


def _address(project_id: UUID | str, destination: Destination) -> Target | None:
    address = Address.objects.filter(
        project_id=project_id, context=destination.context, name=destination.name
    ).first()
    return target_of(address, destination.channel) if address is not None else None


def _extension(project_id: UUID | str, destination: Destination) -> Target | None:
    subscriber = Subscriber.objects.filter(project_id=project_id, extension=destination.text).first()
    if subscriber is None:
        return None
    address = address_of(project_id, subscriber.pk)
    return target_of(address) if address is not None else None


def _number(project_id: UUID | str, destination: Destination) -> Target:
    own = (
        PhoneNumber.objects.filter(project_id=project_id, number=destination.text, address__isnull=False)
        .select_related("address")
        .first()
    )
    if own is not None and own.address is not None:
        return target_of(own.address, number=destination.text)
    return Target("pstn", destination.text, number=destination.text, display_name=destination.text)
