"""Written messages: joining a conversation, writing in it, and permission. Rows only; no protocol.

A conversation is between the addresses of two subscribers, or of a room, in which guests may write too. Who
may dial an address may write to it (docs/contract.md#scope); who is in a conversation may read it.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.db import transaction

import clock
from calling.commands.params import Params, invalid
from calling.models import Conversation, Participation, TextMessage
from calling.runtime import nudge
from calling.runtime.locks import lock_stream
from rest import errors
from subscribers import addressing, directory
from subscribers.models import Address
from tokens import rate_limits, scope
from tokens.subjects import TokenHolder

LONGEST: Final = 4000  # characters of one message
MOST_MESSAGES: Final = 5000  # of one conversation; older ones go
MOST_JOINED: Final = 1000  # conversations of one holder
PER_SECOND, BURST = 5.0, 20.0  # messages of one holder
TALKED_TO: Final = (Address.Kind.SUBSCRIBER, Address.Kind.ROOM)


def join(holder: TokenHolder, own: str, listed: object) -> Conversation:
    """The conversation of the holder with the one other address in `listed`, made where there is none.

    `own`: the id of the holder's own address, empty for a guest. Raises InvalidParams, 403, 422, 429.
    """
    mine = own_address(holder, own)
    if not isinstance(listed, list) or not 1 <= len(listed) <= 10:
        raise invalid("fabric_address_ids", "fabric_address_ids must be a list of 1 to 10 ids.")
    ids = [uuid_of(each) for each in listed if each != ""]
    others = [each for each in dict.fromkeys(ids) if mine is None or each != mine.pk]
    if len(others) > 1:
        raise invalid(
            "fabric_address_ids",
            "A conversation has two participants, or belongs to a room.",
            "not_supported",
        )
    address = reached(holder, others[0]) if others else mine
    if address is None:
        raise invalid("fabric_address_ids", "The address of the other party is missing.")
    if mine is None and address.kind != Address.Kind.ROOM:
        raise errors.Forbidden(
            "not_permitted", "A guest has no address for replies and can write only in rooms."
        )
    between = address if address.kind == Address.Kind.ROOM or mine is None else mine
    pace("join", holder)
    with transaction.atomic():
        lock_stream(f"conversations:{holder.identity}")
        found = conversation_of(holder.project_id, between, address)
        take_part(found, holder)
        if address.kind == Address.Kind.SUBSCRIBER:
            add(found, address.resource_id, address.resource_id)
    return found


def write(holder: TokenHolder, group: object, own: str, text: str) -> TextMessage:
    """A message to everybody in the conversation. Raises InvalidParams, NotFound, 403, 429."""
    conversation = joined(holder, uuid_of(group, "group_id"))
    mine = own_address(holder, own)
    reached(holder, other_of(conversation, mine))
    pace("write", holder)
    now = clock.now()
    with transaction.atomic():
        made = TextMessage.objects.create(
            project_id=holder.project_id,
            conversation=conversation,
            subscriber_id=holder.subscriber_id if mine is not None else None,
            address_id=mine.pk if mine is not None else None,
            name=(mine.display_name or mine.name) if mine is not None else holder.display_name[:200],
            text=text,
            created_at=now,
        )
        Conversation.objects.filter(pk=conversation.pk).update(spoken_at=now)
        forget_beyond(conversation)
        people = conversation.people.exclude(subscriber=None).values_list("subscriber_id", flat=True)
        nudge.on_commit(nudge.EDGE, {"subscribers": [str(each) for each in people]})
    return made


def read_text(form: Params) -> str:
    """Text of several lines. Notes a fault in `form`."""
    text = form.value("text", required=True)
    if not isinstance(text, str) or not text.strip() or len(text) > LONGEST:
        form.fail("text", f"text must be text of 1 to {LONGEST} characters.")
    form.check()
    return str(text)


def joined(holder: TokenHolder, group: UUID) -> Conversation:
    """A conversation that the holder is in; NotFound for any other."""
    rows = Conversation.objects.filter(project_id=holder.project_id, pk=group)
    found = rows.filter(people__identity=UUID(holder.identity)).first()
    if found is None:
        raise errors.NotFound
    return found


def other_of(conversation: Conversation, mine: Address | None) -> UUID:
    """The address at the other end: the room, the other subscriber, or oneself in one's own notes."""
    if mine is not None and conversation.first_id == mine.pk:
        return conversation.second_id
    return conversation.first_id


def own_address(holder: TokenHolder, own: str) -> Address | None:
    """The holder's own address, which `own` must name; None for those who only call out and have none."""
    if holder.subscriber_id is None or not holder.may_receive:
        if own:
            raise errors.Forbidden("not_permitted", "This address is not yours.")
        return None
    found = directory.address_of(holder.project_id, holder.subscriber_id)
    if found is None or str(found.pk) != own:
        raise errors.Forbidden("not_permitted", "This address is not yours.")
    return found


def reached(holder: TokenHolder, address_id: UUID) -> Address:
    """An address that the holder may write to. Forbidden and unknown addresses get the same refusal."""
    found = Address.objects.filter(project_id=holder.project_id, pk=address_id).first()
    if found is not None and found.resource_id == holder.subscriber_id:
        return found
    if found is not None:
        destination = addressing.parse_destination(found.text)
        if scope.refusal(holder, destination, directory.target_of(found)) is not None:
            found = None
    if found is None:
        raise invalid("fabric_address_ids", "There is no such address.", "unrecognized_fabric_addresses")
    if found.kind not in TALKED_TO:
        raise invalid("fabric_address_ids", "That address cannot receive messages.", "not_supported")
    return found


def conversation_of(project_id: UUID, one: Address, other: Address) -> Conversation:
    first, second = sorted((one.pk, other.pk))
    return Conversation.objects.get_or_create(
        project_id=project_id, first_id=first, second_id=second, defaults={"spoken_at": clock.now()}
    )[0]


def take_part(conversation: Conversation, holder: TokenHolder) -> None:
    identity = UUID(holder.identity)
    own = Participation.objects.filter(project_id=holder.project_id, identity=identity)
    if not own.filter(conversation=conversation).exists() and own.count() >= MOST_JOINED:
        raise errors.TooManyRequests(3600.0)
    add(conversation, identity, holder.subscriber_id if holder.may_receive else None)


def add(conversation: Conversation, identity: UUID, subscriber_id: UUID | None) -> None:
    Participation.objects.get_or_create(
        conversation=conversation,
        identity=identity,
        defaults={"project_id": conversation.project_id, "subscriber_id": subscriber_id},
    )


def forget_beyond(conversation: Conversation) -> None:
    """Delete all but the newest messages."""
    rows = conversation.messages.order_by("-created_at", "-id")
    for oldest in rows.values_list("created_at", flat=True)[MOST_MESSAGES : MOST_MESSAGES + 1]:
        rows.filter(created_at__lte=oldest).delete()


def pace(what: str, holder: TokenHolder) -> None:
    wait = rate_limits.take(f"conversations:{what}:{holder.identity}", PER_SECOND, BURST)
    if wait is not None:
        raise errors.TooManyRequests(wait)


def uuid_of(value: object, name: str = "fabric_address_ids") -> UUID:
    try:
        return UUID(str(value))
    except ValueError:
        raise invalid(name, f"{name} must be an id.") from None
