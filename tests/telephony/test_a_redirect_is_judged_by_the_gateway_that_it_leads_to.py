"""A redirect to a place of one of the call's gateways: what staff opened to that one decides, whichever
gateway stands before it."""

from __future__ import annotations

import pytest

from calling.runtime import db_threads
from calling.sip.edge import destinations, redirects
from calling.sip.edge.rows import OutboundAttempt
from calling.sip.stack.resolver import Resolver
from subscribers.models import SipGateway
from tests.support.people import Cast

NUMBER = "+15551234567"
INSIDE = "10.0.0.0/28"


def gateways(cast: Cast) -> list[str]:
    """One on the Internet, and one on a private network."""
    made = [
        SipGateway.objects.create(project=cast.project, prefixes=["+1"], priority=number, **more)
        for number, more in enumerate((
            {"name": "public", "host": "203.0.113.9"},
            {"name": "private", "host": "10.0.0.5", "ip_addresses": [INSIDE], "staff_networks": [INSIDE]},
        ))
    ]  # fmt: skip
    return [str(each.pk) for each in made]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("host", "followed"), [("10.0.0.9", True), ("10.0.0.200", False)])
async def test_a_private_place_of_the_second_gateway_is_its_own(
    cast: Cast, host: str, followed: bool, settings: object
) -> None:
    settings.CALLWRIGHT_ALLOW_PRIVATE_URLS = False  # type: ignore[attr-defined]
    route = {"gateways": await db_threads.run(gateways, cast), "from": NUMBER}
    wanted = OutboundAttempt("", "", "", "", "", "sip", "", NUMBER, route, {}, "x", "", ())
    ways = [way for _, way in await db_threads.run(redirects.ways_of, wanted, "h")]
    resolver = Resolver(judge=destinations.allowed)
    found = await redirects.Redirects(resolver, "h", wanted).followed(ways[1], (f"sip:{NUMBER}@{host}",))
    assert [hop.host for way in found for hop in way.hops or ()] == ([host] if followed else [])
