"""What a page works with is changed or removed by another one at the same moment: never a fault of ours."""

from __future__ import annotations

import pytest
from django.test import Client

from calling.models import SavedSearch
from subscribers import provisioning
from subscribers.models import Address, Room, SipEndpoint, Subscriber
from tests.dashboard.sample_data import World
from tests.dashboard.test_staff_pages_open import signed_in
from tests.support.meanwhile import open_for_a_while

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def olga(world: World) -> Client:
    client = signed_in(world, "olga")
    client.raise_request_exception = False
    return client


@pytest.fixture
def bob(world: World) -> Subscriber:
    return world.subscribers["bob"]


def test_a_phone_is_made_for_whoever_goes(olga: Client, bob: Subscriber) -> None:
    form = {"username": "desk-7", "password": "a long password", "subscriber_id": str(bob.pk)}
    with open_for_a_while(lambda: provisioning.remove(bob)):
        answer = olga.post("/dashboard/new/endpoints", form)
    assert answer.status_code in (302, 404, 422)
    assert not SipEndpoint.objects.filter(username="desk-7").exists()


def test_a_token_is_issued_for_whoever_goes(olga: Client, bob: Subscriber) -> None:
    with open_for_a_while(lambda: provisioning.remove(bob)):
        answer = olga.post(f"/dashboard/subscribers/{bob.pk}/token", {"hours": "1"})
    assert answer.status_code < 500


@pytest.mark.parametrize("what", ["lock", "edit", "delete"])
def test_a_room_goes_while_a_page_changes_it(olga: Client, world: World, what: str) -> None:
    room = Room.objects.filter(project=world.project).first()
    assert room is not None
    path = f"/dashboard/rooms/{room.pk}/lock" if what == "lock" else f"/dashboard/edit/rooms/{room.pk}"
    page = olga.get(f"/dashboard/edit/rooms/{room.pk}")
    form = {field.name: field.value for field in [*page.context["fields"], *page.context["more"]]}
    with open_for_a_while(lambda: provisioning.remove(room)):
        answer = olga.post(f"{path}/delete" if what == "delete" else path, form | {"display_name": "Board"})
    assert answer.status_code in (302, 404)
    assert not Room.objects.filter(pk=room.pk).exists()


def test_a_number_is_led_to_what_goes(olga: Client, world: World, bob: Subscriber) -> None:
    number = world.project.phonenumbers.first()
    address = Address.objects.get(resource_id=bob.pk)
    with open_for_a_while(lambda: provisioning.remove(bob)):
        answer = olga.post(f"/dashboard/lines/{number.pk}/route", {"address": str(address.pk)})
    assert answer.status_code == 404


def test_a_search_goes_while_it_is_saved_anew(olga: Client, world: World) -> None:
    kept = SavedSearch.objects.create(
        project=world.project, user=world.people["olga"], name="mine", query="state=live"
    )
    with open_for_a_while(SavedSearch.objects.filter(pk=kept.pk).delete):
        answer = olga.post(
            "/dashboard/searches", {"id": str(kept.pk), "name": "ours", "filters": "state=ended"}
        )
    assert answer.status_code in (302, 404)
