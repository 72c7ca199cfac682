"""A 3xx to our INVITE (RFC 3261 8.1.3.4), through `manage.py sip` and a real media worker: another place of
whom was dialled is tried, another party or somebody else's place is not, and no circle goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from calling.sip.stack.events import Confirmed
from subscribers.models import SipGateway
from tests.e2e import callers
from tests.e2e.desk import Desk, endpoint, notice
from tests.e2e.edges import EdgeProcess
from tests.e2e.test_gateways_lead_out_and_in import gateway
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.support.people import Cast, Person, subscriber
from tokens.subjects import Entry

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

NUMBER = "+15551234567"


@pytest.fixture
async def dave(cast: Cast) -> Person:
    return await callers.in_thread(subscriber, cast.project, "dave", None, (Entry("prefix", "+1"),))


@pytest.fixture
async def phone() -> AsyncIterator[Phone]:
    one = Phone(440.0)
    yield one
    await one.close()


async def refused(call_id: str) -> None:
    call = await callers.state(call_id, lambda call: call.state == "ended", 15)
    assert (call.end_reason, call.end_cause, call.sip_code) == ("failed", "sip_302", 302)


def contact(*uris: str) -> list[tuple[str, str]]:
    return [("Contact", ", ".join(uris))]


async def test_a_gateway_names_its_other_place_and_the_number_is_called_there(
    cast: Cast, edge: EdgeProcess, worker: WorkerProcess, dave: Person, phone: Phone
) -> None:
    async with Desk(edge.port, "one", "-", 500.0) as first, Desk(edge.port, "two", "-", 660.0) as other:
        await callers.in_thread(gateway, cast, first.port, 1)
        call_id = await callers.dial(dave, phone, NUMBER)
        named = contact(
            f"<sip:{NUMBER}@127.0.0.1:9>;q=0.1",
            f"<sip:+1-555-123-4567;npdi@127.0.0.1:{other.port};x=1>;q=0.7",
        )
        await (await first.rung()).reject(302, headers=named)
        far = await other.rung()
        assert str(far.request.uri) == f"sip:{NUMBER}@127.0.0.1:{other.port}"
        assert f"sip:{NUMBER}@127.0.0.1:{first.port}" in far.request.headers["To"], "it is the same call"
        await other.answer(far)
        await notice(far, Confirmed)
        await callers.hears(phone, 660.0)
        await other.hears(440.0)
        await far.hangup()
        call = await callers.state(call_id, lambda call: call.state == "ended")
        assert (call.end_reason, call.ended_by) == ("hangup", "callee")


ELSEWHERE = (
    "<sip:+15559999999@127.0.0.1:{other}>",  # another number, which nobody judged or priced
    "<sip:sales@127.0.0.1:{other}>",
    f"<sip:{NUMBER}@127.0.0.2:{{other}}>",  # no place of this gateway's
    f"<sip:{NUMBER}@169.254.169.254>",
    f"<sip:{NUMBER}@127.0.0.1:{{own}}>",  # itself
    f"<tel:{NUMBER}>",
    "<urn:uuid:00000000-0000-1000-8000-000b82566bbb>",
    '"',
    "",
)


async def test_another_party_or_place_is_not_dialled(
    cast: Cast, edge: EdgeProcess, worker: WorkerProcess, dave: Person
) -> None:
    async with Desk(edge.port, "one", "-", 500.0) as first, Desk(edge.port, "two", "-", 660.0) as other:
        await callers.in_thread(gateway, cast, first.port, 1)
        for named in ELSEWHERE:
            phone = Phone(440.0)
            call_id = await callers.dial(dave, phone, NUMBER)
            words = named.format(other=other.port, own=first.port)
            await (await first.rung()).reject(302, headers=[("Contact", words)] if words else [])
            await refused(call_id)
            assert other.incoming.empty() and first.incoming.empty(), named
            await phone.close()


async def test_places_that_name_each_other_are_called_once_each(
    cast: Cast, edge: EdgeProcess, worker: WorkerProcess, dave: Person, phone: Phone
) -> None:
    async with Desk(edge.port, "one", "-", 500.0) as first, Desk(edge.port, "two", "-", 660.0) as other:
        await callers.in_thread(gateway, cast, first.port, 1)
        call_id = await callers.dial(dave, phone, NUMBER)
        both = contact(*(f"<sip:{NUMBER}@127.0.0.1:{each.port}>" for each in (first, other)))
        await (await first.rung()).reject(302, headers=both)
        await (await other.rung()).reject(302, headers=both)
        await refused(call_id)
        assert other.incoming.empty() and first.incoming.empty()


async def test_a_dialled_uri_may_move_and_no_other_party_or_gateway_is_reached_by_it(
    cast: Cast, edge: EdgeProcess, worker: WorkerProcess
) -> None:
    async with Desk(edge.port, "one", "-", 500.0) as first, Desk(edge.port, "two", "-", 660.0) as other:
        there = (Entry("sip_host", f"sip:127.0.0.1:{first.port}"),)
        erin = await callers.in_thread(subscriber, cast.project, "erin", None, there)
        for user, moves in (("carol", True), ("mallory", False)):
            phone = Phone(440.0)
            call_id = await callers.dial(erin, phone, f"sip:carol@127.0.0.1:{first.port}")
            named = contact(f"<sip:{user}@127.0.0.1:{other.port}>")
            await (await first.rung()).reject(302, headers=named)
            if moves:
                await other.answer(far := await other.rung())
                await callers.hears(phone, 660.0)
                await far.hangup()
            else:
                await refused(call_id)
            await phone.close()

        def behind_it() -> None:
            SipGateway.objects.create(
                project=cast.project, name="x", host="127.0.0.3", port=other.port, names=["sales"]
            )

        await callers.in_thread(behind_it)
        phone = Phone(440.0)
        call_id = await callers.dial(erin, phone, f"sip:sales@127.0.0.1:{first.port}")
        named = contact(f"<sip:sales@127.0.0.3:{other.port}>")
        await (await first.rung()).reject(302, headers=named)
        await refused(call_id)
        await phone.close()


async def test_a_desk_phone_sends_nobodys_call_on(
    cast: Cast, edge: EdgeProcess, worker: WorkerProcess, phone: Phone
) -> None:
    name = await callers.in_thread(endpoint, cast.bob)
    async with Desk(edge.port, name, "secret", 660.0) as desk:
        assert await desk.register() == 200
        call_id = await callers.dial(cast.alice, phone, "/private/bob")
        await (await desk.rung()).reject(302, headers=contact(f"<sip:carol@127.0.0.1:{edge.port}>"))
        call = await callers.state(call_id, lambda call: call.state == "ended", 15)
        assert (call.end_reason, call.end_cause) == ("failed", "sip_302")
