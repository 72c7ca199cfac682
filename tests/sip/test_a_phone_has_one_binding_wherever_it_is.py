"""A phone that comes back at a new place takes its old binding's (RFC 5626 6); many phones stand together."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.utils import timezone

from calling import models
from calling.sip.edge import rows
from calling.sip.edge.routes import routes_to
from calling.sip.edge.rows import OutboundAttempt
from calling.sip.stack.dialog import exact_uri
from calling.sip.stack.messages import make_request, unsupported
from calling.sip.stack.registrar import Binding, Change, Registered, answer, told_path, wanted
from calling.sip.stack.transaction import Hop
from tests.e2e.desk import endpoint
from tests.support.people import Cast, make_cast

pytestmark = pytest.mark.django_db

ONE = '+sip.instance="<urn:uuid:00000000-0000-1000-8000-000B82566BBB>"'
TWO = '+sip.instance="<urn:uuid:00000000-0000-1000-8000-000B82566BBC>"'
EDGE = uuid4()


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def register(username: str, *contacts: str, port: int = 5060) -> list[Binding]:
    request = make_request(
        "REGISTER", exact_uri("sip:h"), from_="<sip:bob@h>;tag=1", to="<sip:bob@h>", call_id="1", sequence=1,
        extra=[("Contact", ", ".join(contacts))],
    )  # fmt: skip
    change = wanted(request, Hop("UDP", "192.0.2.7", port))
    assert isinstance(change, Change)
    return rows.bind(username, change, EDGE)


def online() -> int:
    return models.Device.objects.filter(online_until__gt=timezone.now()).count()


@pytest.mark.parametrize(
    "parameters",
    [f";reg-id=1;{ONE}", f";{ONE};reg-id=1", f";{ONE}", f";{ONE.replace('B82566', 'b82566')};reg-id=1"],
)
def test_the_same_phone_at_a_new_port_replaces_what_it_had(cast: Cast, parameters: str) -> None:
    name = endpoint(cast.bob)
    for port in range(5060, 5100):
        (only,) = register(name, f"<sip:bob@192.0.2.7:{port}>{parameters}", port=port)
        assert only.contact == f"sip:bob@192.0.2.7:{port}" and only.hop.port == port
    assert online() == 1
    ((_, said),) = answer([only]).headers
    assert said.startswith(f"<sip:bob@192.0.2.7:5099>{parameters};expires="), "its own parameters"


def test_other_flows_phones_and_accounts_are_left_alone(cast: Cast) -> None:
    bob, carol = endpoint(cast.bob), endpoint(cast.carol)
    register(carol, f"<sip:c@192.0.2.9>;reg-id=1;{ONE}")
    register(bob, f"<sip:b@192.0.2.1>;reg-id=1;{ONE}", f"<sip:b@192.0.2.2>;reg-id=2;{ONE}")
    register(bob, f"<sip:b@192.0.2.3>;reg-id=1;{TWO}")
    register(bob, "<sip:b@192.0.2.4>;reg-id=1")
    register(bob, "<sip:b@192.0.2.5>;reg-id=1")
    assert {each.contact[-1] for each in register(bob, f"<sip:b@192.0.2.6>;reg-id=2;{ONE}")} == set("13456")
    assert online() == 6
    (dropped,) = register(carol, f"<sip:c@192.0.2.8>;reg-id=1;{ONE}")
    assert dropped.contact == "sip:c@192.0.2.8"


def test_two_contacts_of_one_phone_in_one_register_both_stand(cast: Cast) -> None:
    name = endpoint(cast.bob)
    both = [f"<sip:b@192.0.2.1>;{ONE}", f"<sip:b@[2001:db8::1]>;{ONE}"]
    assert len(register(name, *both)) == 2 and len(register(name, *both)) == 2


def test_twenty_phones_of_one_account_stand_and_one_more_is_refused(cast: Cast) -> None:
    name = endpoint(cast.bob)
    for number in range(20):
        assert len(register(name, f"<sip:bob@192.0.2.{number}>")) == number + 1
    with pytest.raises(PermissionError):
        register(name, "<sip:bob@192.0.2.200>")
    assert len(register(name, "<sip:bob@192.0.2.3>")) == 20, "one that stands is renewed"


def through_proxies(*path: str) -> Change | Registered:
    request = make_request(
        "REGISTER", exact_uri("sip:h"), from_="<sip:bob@h>;tag=1", to="<sip:bob@h>", call_id="1", sequence=1,
        extra=[("Contact", "<sip:bob@10.0.0.9:5060>"), *(("Path", each) for each in path)],
    )  # fmt: skip
    return wanted(request, Hop("UDP", "192.0.2.7", 5060))


def test_a_phone_behind_proxies_is_called_through_them(cast: Cast) -> None:
    """RFC 3327: what the proxies on the way wrote is the Route of what is sent to it."""
    name = endpoint(cast.bob)
    path = (
        "<sip:abc@192.0.2.7;lr;received=sip:198.51.100.1>",
        '<sip:p2.example;lr>, "x, y" <sip:p3.example;lr>',
    )
    change = through_proxies(*path)
    assert isinstance(change, Change)
    rows.bind(name, change, EDGE)
    device = models.Device.objects.get(kind="sip")
    attempt = OutboundAttempt("", "", "", "", "", "device", "", "", {}, device.contact, "alice", "", ())
    (way,) = routes_to(attempt, "h")
    assert way.hops == (Hop("UDP", "192.0.2.7", 5060),) and way.uri == "sip:bob@10.0.0.9:5060"
    assert way.headers == (
        ("Route", path[0]), ("Route", "<sip:p2.example;lr>"), ("Route", '"x, y" <sip:p3.example;lr>')
    )  # fmt: skip


@pytest.mark.parametrize("extra", [(("Supported", "outbound, path"),), (("Require", "path"),), ()])
def test_a_phone_that_knows_of_its_path_is_told_it(extra: tuple[tuple[str, str], ...]) -> None:
    request = make_request(
        "REGISTER", exact_uri("sip:h"), from_="<sip:bob@h>;tag=1", to="<sip:bob@h>", call_id="1", sequence=1,
        extra=[("Path", "<sip:p1;lr>"), ("Path", "<sip:p2;lr>"), *extra],
    )  # fmt: skip
    assert unsupported(request) == []
    told = [value for name, value in answer([], path=told_path(request)).headers if name == "Path"]
    assert told == (["<sip:p1;lr>", "<sip:p2;lr>"] if extra else [])


@pytest.mark.parametrize(
    "path", ["<sip:p", "http://x", "<sip:p;lr>" + ",<sip:p;lr>" * 8, f"<sip:{'p' * 600}>"]
)
def test_a_path_that_cannot_be_followed_is_refused(path: str) -> None:
    refused = through_proxies(path)
    assert isinstance(refused, Registered) and refused.code == 400
