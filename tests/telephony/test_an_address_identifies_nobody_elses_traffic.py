"""A call from a gateway's address is that gateway's only for numbers of its project, and never a phone's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from calling.models import Device
from calling.sip.edge.routes import gateway_of, inbound
from calling.sip.stack.transaction import Hop
from subscribers.models import PhoneNumber, SipEndpoint, SipGateway
from tests.support.people import Cast, Person
from tests.telephony.conftest import OWN

OFFICE = Hop("UDP", "198.51.100.7", 5062)
EVERYWHERE = ["0.0.0.0/0", "::/0"]
EVIL = "+15550002222"  # mallory's number


@pytest.fixture
def mallory(mallory: Cast) -> Cast:
    """Her gateway claims every address there is, as one could be stored before."""
    SipGateway.objects.filter(project=mallory.project).update(ip_addresses=EVERYWHERE)
    return mallory


def came_by(users: list[str], caller: str = "+15559990000", source: Hop = OFFICE) -> UUID | None:
    found = gateway_of(source, users, [], caller)
    return SipGateway.objects.get(pk=found).project_id if found else None


def phone(person: Person, username: str, hop: Hop | None = None, online: bool = True) -> None:
    row = SipEndpoint(project=person.project, subscriber=person.subscriber, username=username)
    row.set_password("long-enough")
    row.save()
    if hop is not None:
        Device.objects.create(
            project=person.project, subscriber_id=row.subscriber_id, kind="sip",
            online_until=timezone.now() + timedelta(minutes=5 if online else -5),
            contact={"endpoint": str(row.pk), "hop": [hop.transport, hop.host, hop.port, ""]},
        )  # fmt: skip


@pytest.mark.parametrize("users", [["bob"], ["101"], ["+15557770000"], [OWN], [OWN, EVIL], []])
def test_a_wide_gateway_takes_nothing_but_calls_to_its_projects_numbers(
    cast: Cast, mallory: Cast, users: list[str]
) -> None:
    assert came_by(users) is None
    assert came_by([EVIL]) == mallory.project.id
    assert came_by(users, source=Hop("TCP", "2001:db8::7", 5060)) is None


def test_a_gateway_is_known_for_its_own_numbers(cast: Cast, mallory: Cast) -> None:
    assert came_by([OWN], source=Hop("UDP", "203.0.113.9", 5060)) == cast.project.id
    assert came_by(["callwright", OWN], source=Hop("TCP", "::ffff:203.0.113.9", 40000)) == cast.project.id
    found = SipGateway.objects.get(project=cast.project)
    registered = gateway_of(OFFICE, [OWN], [str(found.pk)])
    assert registered == str(found.pk)
    assert gateway_of(OFFICE, ["bob"], [str(found.pk)]) is None
    assert inbound(str(found.pk), [EVIL]) is None


def test_a_phones_name_is_asked_for_its_password(cast: Cast, mallory: Cast) -> None:
    phone(cast.alice, "alicephone")
    assert came_by([EVIL], "alicephone") is None
    assert came_by([EVIL], "somebody") == mallory.project.id
    phone(mallory.mallory, "+15553334444")
    assert came_by([EVIL], "+15553334444") is None


def test_a_call_from_where_another_projects_phone_is_registered_is_no_trunks(
    cast: Cast, mallory: Cast
) -> None:
    phone(cast.alice, "alicephone", OFFICE)
    assert came_by([EVIL], "101") is None
    assert came_by([EVIL], "101", Hop("TCP", OFFICE.host, 40000)) is None
    assert came_by([EVIL], "101", Hop("UDP", "198.51.100.8", 5062)) == mallory.project.id
    Device.objects.update(online_until=timezone.now() - timedelta(seconds=1))
    assert came_by([EVIL], "101") == mallory.project.id


def test_a_projects_own_phones_and_exchange_share_an_address_by_ports(cast: Cast) -> None:
    SipGateway.objects.filter(project=cast.project).update(ip_addresses=[OFFICE.host])
    phone(cast.alice, "alicephone", OFFICE)
    assert came_by([OWN]) is None
    assert came_by([OWN], source=Hop("UDP", OFFICE.host, 5060)) == cast.project.id


@pytest.mark.parametrize(
    "name",
    ["anonymous", "Anonymous", "unknown", "+15553334444", "5553334", "15559990000", "1000", ""],
)
def test_nobody_stops_a_trunks_callers_by_naming_a_phone_like_them(
    cast: Cast, mallory: Cast, name: str
) -> None:
    if name:
        phone(mallory.mallory, name)
    assert came_by([OWN], name, Hop("UDP", "203.0.113.9", 5060)) == cast.project.id


def test_numbers_that_lead_nowhere_are_still_the_gateways_to_refuse(cast: Cast) -> None:
    row = SipGateway.objects.get(project=cast.project)
    assert came_by([OWN], source=Hop("UDP", "203.0.113.9", 5060)) == cast.project.id
    assert inbound(str(row.pk), [OWN]) is None
    PhoneNumber.objects.filter(project=cast.project).delete()
    assert came_by([OWN], source=Hop("UDP", "203.0.113.9", 5060)) is None


def test_a_gateway_that_is_off_takes_nothing(cast: Cast) -> None:
    SipGateway.objects.update(enabled=False)
    assert came_by([OWN], source=Hop("UDP", "203.0.113.9", 5060)) is None


def test_stored_nonsense_matches_nothing(cast: Cast) -> None:
    nonsense: list[Any] = ["", "x", None, 7, "203.0.113.9/99"]
    SipGateway.objects.update(ip_addresses=nonsense)
    assert came_by([OWN], source=Hop("UDP", "203.0.113.9", 5060)) is None
