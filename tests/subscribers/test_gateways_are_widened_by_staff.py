"""What needs platform staff in a gateway: wide or shared networks, private hosts, number-like names."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from subscribers import row_security
from subscribers.models import SipGateway
from tests.support.people import Cast
from tests.support.rest_client import code

PATH = "/api/fabric/resources/sip_gateways"
NETWORKS = (
    "0.0.0.0/0", "::/0", "198.51.100.0/23", "10.0.0.0/8", "2001:db8::/47", "::ffff:0:0/96", "64:ff9b::/96",
    "127.0.0.1", "127.0.0.0/24", "::1", "::ffff:127.0.0.1",
)  # fmt: skip
NAMES = ("118118", "x9001234567", "a+18761234567", "9-0-0", "112", "+18761234567", "1", "_1")


def refused(house: Cast, **body: Any) -> None:
    answer = house.api.post(PATH, {"name": "T", "host": "trunk.example.com", **body})
    assert code(answer) == (422, "needs_platform_staff", next(iter(body))), body


@pytest.mark.parametrize("network", NETWORKS)
def test_wide_networks_and_loopback_need_staff(house: Cast, network: str) -> None:
    refused(house, ip_addresses=["192.0.2.1", network])
    house.project.trusted = True
    house.project.save()
    body = {"name": "T", "host": "trunk.example.com", "ip_addresses": [network]}
    assert house.api.post(PATH, body).status_code == 201


@pytest.mark.parametrize("network", ["198.51.100.7", "198.51.100.0/24", "2001:db8:7::9", "2001:db8:7::/48"])
def test_an_address_of_another_projects_gateway_needs_staff(house: Cast, mallory: Cast, network: str) -> None:
    SipGateway.objects.create(
        project=house.project, name="T", host="x.example",
        ip_addresses=["198.51.100.0/28", "198.51.100.0/30", "2001:db8:7::9", "203.0.113.4"],
    )  # fmt: skip
    free = {"name": "M", "host": "m.example", "ip_addresses": ["192.0.2.0/24", "2001:db8:8::/48"]}
    assert mallory.api.post(PATH, free).status_code == 201
    if network == "198.51.100.7":
        network = "198.51.100.1"
    refused(mallory, ip_addresses=[network])
    own = {"name": "T2", "host": "t.example", "ip_addresses": [network]}
    assert house.api.post(PATH, own).status_code == 201
    with row_security.of(mallory.id):  # what asks sees no row of others, and is told no more than this
        assert not SipGateway.objects.filter(project=house.project).exists()


def test_what_staff_gave_a_gateway_its_project_keeps_and_may_use(house: Cast) -> None:
    path = house.api.post(PATH, {"name": "T", "host": "t.example", "ip_addresses": ["192.0.2.1"]})["Location"]
    row = SipGateway.objects.get()
    row.ip_addresses, row.staff_networks = ["10.0.0.0/8", "192.0.2.1"], ["172.16.0.0/12"]
    row.names = ["118118"]
    row.save()
    assert house.api.patch(path, {"name": "U"}).status_code == 200
    more = {"ip_addresses": ["10.0.0.0/8", "172.16.0.0/20", "192.0.2.0/24"], "names": ["118118", "sales"]}
    assert house.api.patch(path, more).status_code == 200
    answer = house.api.patch(path, {"ip_addresses": ["172.0.0.0/8"]})
    assert code(answer) == (422, "needs_platform_staff", "ip_addresses")
    assert "staff_networks" not in house.api.get(path).json()["sip_gateway"]
    house.api.patch(path, {"staff_networks": ["0.0.0.0/0"]})
    assert SipGateway.objects.get().staff_networks == ["172.16.0.0/12"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_may_be_a_number_needs_staff(house: Cast, name: str) -> None:
    refused(house, names=[name])


def test_other_names_do_not(house: Cast) -> None:
    names = ["sales", "room2", "Queue-12", "a_b.c"]
    made = house.api.post(PATH, {"name": "T", "host": "t.example", "names": names})
    assert made.json()["sip_gateway"]["names"] == names
    wrong = house.api.post(PATH, {"name": "T", "host": "t.example", "names": ["a b"]})
    assert code(wrong) == (422, "invalid_parameter", "names")


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "10.0.0.5", "192.168.1.9", "[::1]", "[fd00::5]", "[::ffff:10.0.0.5]",
     "[64:ff9b::a00:5]", "100.64.0.1"],
)  # fmt: skip
def test_a_private_host_needs_staff_where_private_urls_do(house: Cast, host: str, settings: Any) -> None:
    settings.CALLWRIGHT_ALLOW_PRIVATE_URLS = True
    path = house.api.post(PATH, {"name": "T", "host": host})["Location"]
    settings.CALLWRIGHT_ALLOW_PRIVATE_URLS = False
    refused(house, host=host)
    assert house.api.patch(path, {"name": "U", "host": host}).status_code == 200  # as it is
    row = SipGateway.objects.get()
    row.host, row.staff_networks = "t.example", ["127.0.0.0/8", "10.0.0.0/8", "192.168.0.0/16", "::/0"]
    row.staff_networks += ["100.64.0.0/10"]
    row.save()
    assert house.api.patch(path, {"host": host}).status_code == 200


@pytest.mark.parametrize("host", ["169.254.169.254", "168.63.129.16", "[64:ff9b::a9fe:a9fe]", "224.0.1.75"])
def test_some_hosts_are_nobodys(house: Cast, host: str, settings: Any) -> None:
    settings.CALLWRIGHT_ALLOW_PRIVATE_URLS = True
    refused(house, host=host)


def test_the_admin_sets_networks(house: Cast, admin_client: Client) -> None:
    row = SipGateway.objects.create(project=house.project, name="T", host="t.example")
    page = admin_client.get(f"/admin/subscribers/sipgateway/{row.pk}/change/")
    assert 'name="staff_networks"' in page.content.decode()
