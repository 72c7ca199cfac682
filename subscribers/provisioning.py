"""Making what can be reached, together with its address. Each function is one transaction.

A subscriber's address is `/private/<slug>`; rooms and scripts are `/public/<name>` unless made private.
"""

from __future__ import annotations

import secrets
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from rest import errors
from subscribers import addressing
from subscribers.models import Address, Room, Script, Subscriber
from subscribers.unique_constraints import constraint_of, unique

_NUMBERED = 20


def provision_subscriber(project_id: UUID, reference: str, fields: dict[str, Any]) -> Subscriber:
    """The subscriber with this reference, made where unknown, with `fields` (names as in the model) set.

    An empty `password` changes nothing. Two enrolments at once meet in the same subscriber.
    """
    subscriber = Subscriber.objects.filter(project_id=project_id, reference=reference).first()
    if subscriber is None:
        try:
            return create_subscriber(project_id, reference, fields)
        except errors.Unprocessable as error:
            subscriber = Subscriber.objects.filter(project_id=project_id, reference=reference).first()
            if subscriber is None:
                raise error
    return change_subscriber(subscriber, fields)


def create_subscriber(project_id: UUID, reference: str, fields: dict[str, Any]) -> Subscriber:
    """A new subscriber; 422 `already_taken` for a reference or extension that is there."""
    wanted = addressing.slugify_reference(reference)
    email = fields.get("email") or (reference if "@" in reference else "")
    subscriber = Subscriber(project_id=project_id, reference=reference, email=email)
    _assign(subscriber, fields)
    for slug in _candidates(wanted):
        subscriber.slug = slug
        try:
            with unique():
                subscriber.save(force_insert=True)
                claim_address(subscriber, Address.Context.PRIVATE, slug, subscriber.shown_name)
            return subscriber
        except errors.Unprocessable as error:
            if error.attribute != "name":
                raise
        except IntegrityError as error:
            if constraint_of(error) != "subscriber_slug":
                raise
    raise errors.Conflict("not_allowed", "No free address was found.")


def change_subscriber(subscriber: Subscriber, fields: dict[str, Any]) -> Subscriber:
    """Sets `fields`; the address shows the new name."""
    if not fields:
        return subscriber
    with unique():
        _assign(subscriber, fields)
        subscriber.save()
        Address.objects.filter(project_id=subscriber.project_id, resource_id=subscriber.pk).update(
            display_name=subscriber.shown_name
        )
    return subscriber


def create_room(project_id: UUID, fields: dict[str, Any], context: str = "public") -> Room:
    """A new room at `/context/<name>`; 422 `already_taken` for a name that is there."""
    room = Room(project_id=project_id, **fields)
    with unique():
        room.save(force_insert=True)
        claim_address(room, context, room.name, room.display_name or room.name)
    return room


def change_room(room: Room, fields: dict[str, Any]) -> Room:
    """Sets `fields`; a renamed room keeps the id of its address."""
    for name, value in fields.items():
        setattr(room, name, value)
    with unique():
        room.save()
        for address in Address.objects.filter(project_id=room.project_id, resource_id=room.pk):
            refuse_reserved(address.context, room.name)
            address.name = room.name
            address.display_name = room.display_name or room.name
            address.save()
    return room


def create_script(project_id: UUID, fields: dict[str, Any], context: str = "public") -> Script:
    """A new script at `/context/<slug of its name>`; a taken slug gets a suffix."""
    script = Script(project_id=project_id, **fields)
    for slug in _candidates(addressing.slug(script.name) or "script"):
        if addressing.reserved(context, slug):
            continue
        try:
            with unique():
                script.save(force_insert=True)
                claim_address(script, context, slug, script.name)
            return script
        except errors.Unprocessable as error:
            if error.attribute != "name":
                raise
    raise errors.Conflict("not_allowed", "No free address was found.")


def change_script(script: Script, fields: dict[str, Any]) -> Script:
    """Sets `fields`; the address keeps its name, so that what dials it goes on working."""
    for name, value in fields.items():
        setattr(script, name, value)
    with unique():
        script.save()
        Address.objects.filter(project_id=script.project_id, resource_id=script.pk).update(
            display_name=script.name
        )
    return script


@transaction.atomic
def remove(row: Subscriber | Room | Script) -> None:
    """Deletes a resource and its addresses; numbers that led there lead nowhere."""
    Address.objects.filter(project_id=row.project_id, resource_id=row.pk).delete()
    row.delete()


def claim_address(row: Subscriber | Room | Script, context: str, name: str, display_name: str) -> Address:
    """The address of a new resource; to be called within `unique()`."""
    refuse_reserved(context, name)
    kind = {Subscriber: "subscriber", Room: "room", Script: "script"}[type(row)]
    return Address.objects.create(
        project_id=row.project_id,
        context=context,
        name=name,
        kind=kind,
        resource_id=row.pk,
        display_name=display_name,
    )


def refuse_reserved(context: str, name: str) -> None:
    """422 for the names of the always-there test destinations."""
    if addressing.reserved(context, name):
        raise errors.Unprocessable("already_taken", "This name is a test destination.", "name")


def _candidates(slug: str) -> list[str]:
    """The slug, the slug with a number, and at last one nobody has."""
    numbered = [f"{slug}-{count}" for count in range(2, _NUMBERED)]
    return [slug, *numbered, f"{slug}-{secrets.token_hex(4)}"]


def _assign(subscriber: Subscriber, fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        if name != "password":
            setattr(subscriber, name, value)
        elif value:
            subscriber.set_password(value)
