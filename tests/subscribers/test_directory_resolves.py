"""`directory.resolve`: who answers to a destination."""

from __future__ import annotations

import pytest

from subscribers import directory, encryption, provisioning
from subscribers.addressing import Target, parse_destination
from subscribers.models import PhoneNumber, Subscriber
from tests.support.people import Cast, address_of


def find(house: Cast, text: str) -> Target | None:
    return directory.resolve(house.id, parse_destination(text))


def test_an_address_an_extension_and_an_own_number_are_the_same_target(house: Cast, bob: Subscriber) -> None:
    PhoneNumber.objects.create(project=house.project, number="+15551230001", address=address_of(bob))
    targets = [find(house, text) for text in ("/private/bob?channel=video", "102", "+15551230001")]
    assert {(t.kind, t.address, t.address_id, t.resource_id) for t in targets if t} == {
        ("subscriber", "/private/bob", address_of(bob).pk, bob.pk)
    }
    assert [t.channel for t in targets if t] == ["video", None, None]
    assert [t.number for t in targets if t] == [None, None, "+15551230001"]
    assert targets[0] and targets[0].display_name == "Bob"


def test_rooms_and_scripts_are_public(house: Cast) -> None:
    room = provisioning.create_room(house.id, {"name": "daily"})
    script = provisioning.create_script(house.id, {"name": "Menu", "contents": "x"})
    found = [find(house, "/public/daily"), find(house, "/public/menu")]
    assert [(t.kind, t.resource_id) for t in found if t] == [("room", room.pk), ("script", script.pk)]


def test_other_numbers_and_sip_are_themselves(house: Cast) -> None:
    number, sip = find(house, "+15559990000"), find(house, "sip:x@Example.com")
    assert number and (number.kind, number.address, number.address_id) == ("pstn", "+15559990000", None)
    assert sip and (sip.kind, sip.address) == ("sip", "sip:x@example.com")


def test_test_destinations_are_there_in_every_project(house: Cast, mallory: Cast) -> None:
    for project in (house, mallory):
        for name in ("echo", "tone", "busy", "no-answer"):
            target = find(project, f"/public/{name}")
            assert target and (target.test, target.address_id) == (name, None)
        announcement = find(project, "+46000000000")
        assert announcement and (announcement.test, announcement.kind) == ("announcement", "pstn")


@pytest.mark.parametrize("text", ["/private/nobody", "/public/bob", "/private/Bob", "999", "/guest/0badcafe"])
def test_what_is_not_there_is_none(house: Cast, bob: Subscriber, text: str) -> None:
    assert find(house, text) is None


def test_another_project_does_not_see_them(bob: Subscriber, mallory: Cast) -> None:
    assert find(mallory, "/private/bob") is None and find(mallory, "102") is None


def test_sealed_values_are_read_with_the_same_key_only(settings: object) -> None:
    sealed = encryption.seal("secret")
    assert encryption.unseal(sealed) == "secret"
    settings.SECRET_KEY = "another key altogether, also long"  # type: ignore[attr-defined]
    with pytest.raises(encryption.Unreadable):
        encryption.unseal(sealed)
