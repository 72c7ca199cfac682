"""What leads to a gateway's network is a gateway's, and a suspended project reaches no SIP host."""

from __future__ import annotations

import pytest
from django.utils import timezone

from calling.telephony.gateways import located
from subscribers import directory
from subscribers.addressing import parse_destination
from subscribers.models import SipGateway
from tests.support import rest_client
from tests.support.people import Cast
from tests.telephony.conftest import dial


@pytest.mark.parametrize(
    ("host", "leads"),
    [
        ("203.0.113.9", True),
        ("203.0.113.77:5080", True),
        ("[2001:DB8:0:0::7]:5060", True),
        ("198.51.100.1", False),
        ("[2001:db9::7]", False),
        ("other.example", False),
    ],
)
def test_an_address_in_a_gateways_network_leads_to_it(cast: Cast, host: str, leads: bool) -> None:
    SipGateway.objects.update(ip_addresses=["203.0.113.0/24", "2001:db8::/48"])
    target = directory.resolve(cast.project.id, parse_destination(f"sip:09001234567@{host}"))
    assert target is not None and bool(located(cast.project.id, target).gateways) is leads


@pytest.mark.parametrize("to", ["sip:118118@203.0.113.9", "sip:x900@203.0.113.9", "sip:bob@far.example"])
def test_a_suspended_project_reaches_no_sip_host(cast: Cast, to: str) -> None:
    cast.project.suspended_at = timezone.now()
    cast.project.save(update_fields=["suspended_at"])
    assert rest_client.error_of(dial(cast, to), 403)["code"] == "project_suspended"
