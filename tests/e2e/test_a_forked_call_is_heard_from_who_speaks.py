"""A network that rings several places for one INVITE, through `manage.py sip` and a real media worker: the
caller hears who spoke last, and in the end who answered, whatever was agreed on with the others."""

from __future__ import annotations

import pytest

from tests.e2e import callers
from tests.e2e.desk import Sound
from tests.e2e.edges import EdgeProcess
from tests.e2e.test_gateways_lead_out_and_in import gateway
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.sip.raw import Raw
from tests.sip.test_forks_have_their_own_descriptions import Network
from tests.support.people import Cast, subscriber
from tests.support.wait import until
from tokens.subjects import Entry

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]


@pytest.mark.parametrize("updated", [False, True], ids=["as it began", "after an UPDATE of who lost"])
async def test_the_caller_hears_each_place_in_its_turn_and_talks_with_who_answers(
    cast: Cast, edge: EdgeProcess, worker: WorkerProcess, updated: bool
) -> None:
    dave = await callers.in_thread(subscriber, cast.project, "dave", None, (Entry("prefix", "+1"),))
    phone = Phone(440.0)
    first, second, third = (Sound(hertz) for hertz in (660.0, 880.0, 990.0))
    async with Raw(edge.port) as peer:
        await callers.in_thread(gateway, cast, peer.own, 1)
        call_id = await callers.dial(dave, phone, "+15551234567")
        invite = await peer.asked("INVITE")
        network = Network(peer, None, invite)
        for sound in (first, second, third):
            sound.agree(invite.body.decode())
        network.says(183, "x", first.sdp())
        await callers.hears(phone, 660.0)
        network.says(180, "y")
        network.says(183, "y", second.sdp())
        await callers.hears(phone, 880.0)
        if updated:
            assert await network.asks("UPDATE", "y", 1, third.sdp()) == 200
            await callers.hears(phone, 990.0)
        network.says(200, "x", first.sdp())
        await callers.state(call_id, lambda call: call.state == "answered")
        await callers.hears(phone, 660.0)
        await until(lambda: first.hears(440.0), 8, "the caller at who answered")
        assert await network.asks("BYE", "x", 1) == 200
        call = await callers.state(call_id, lambda call: call.state == "ended")
        assert (call.end_reason, call.ended_by) == ("hangup", "callee")
    for sound in (first, second, third):
        sound.close()
    await phone.close()
