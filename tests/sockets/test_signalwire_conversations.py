"""The event `conversation.message` on the sockets of those who are in a conversation, and on no other."""

from __future__ import annotations

import pytest

from subscribers import provisioning
from subscribers.models import Address
from tests.api.test_conversations import address_of, between, join, write
from tests.sockets.clients import Client, online
from tests.support.people import Cast, guest
from tokens.subjects import Entry

pytestmark = pytest.mark.django_db(transaction=True)


def heard(client: Client) -> list[str]:
    """Wait for an answer, so that everything before it has come too."""
    client.ask("signalwire.ping")
    return [each for each in client.events() if each == "conversation.message"]


def test_a_message_reaches_every_socket_of_both_once(port: int, cast: Cast) -> None:
    alice, _, group = between(cast)
    sockets = [Client(port, cast.alice.token), online(port, cast.bob), Client(port, cast.bob.token)]
    stranger = online(port, cast.carol)
    made = write(cast.alice, alice, group, "Hello").json()
    for socket in sockets:
        assert socket.event("conversation.message") == made
    write(cast.alice, alice, group, "again")
    assert [socket.event("conversation.message")["text"] for socket in sockets] == ["again"] * 3
    assert heard(stranger) == []


def test_a_room_tells_those_who_joined_its_conversation_and_a_guest_too(port: int, cast: Cast) -> None:
    room = provisioning.create_room(cast.project.id, {"name": "standup"})
    there = str(Address.objects.get(resource_id=room.pk).pk)
    gus = guest(cast.project, (Entry("address", there),))
    group = join(gus, "", there).json()["group_id"]
    alice = address_of(cast.alice)
    join(cast.alice, alice, there)
    visitor, outsider = Client(port, gus.token), online(port, cast.bob)
    write(cast.alice, alice, group, "Good morning")
    assert visitor.event("conversation.message")["text"] == "Good morning"
    assert heard(outsider) == []


def test_what_was_said_before_is_no_news_and_a_lost_socket_misses_nothing(port: int, cast: Cast) -> None:
    alice, _, group = between(cast)
    bob = online(port, cast.bob)
    write(cast.alice, alice, group, "one")
    assert bob.event("conversation.message")["text"] == "one"
    bob.socket.close()
    write(cast.alice, alice, group, "two")
    again = Client(port, cast.bob.token, authorization_state=bob.state, protocol=bob.protocol)
    assert again.event("conversation.message")["text"] == "two"
    write(cast.alice, alice, group, "three")
    assert again.event("conversation.message")["text"] == "three"
