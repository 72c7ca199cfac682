"""A conference room through a real worker: everybody hears everybody else, and the room tells its story."""

from __future__ import annotations

from typing import Any

import pytest

from calling import models
from calling.machine import inputs
from subscribers import provisioning
from tests.e2e import callers
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.support.people import Cast

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]


def room_events(room_id: Any) -> list[tuple[int | None, str]]:
    rows = models.Event.objects.filter(stream=f"room:{room_id}").order_by("sequence")
    return [(row.sequence, row.type) for row in rows if row.type != "participant.talking"]


async def test_three_callers_meet_in_a_room(cast: Cast, worker: WorkerProcess) -> None:
    room = await callers.in_thread(provisioning.create_room, cast.project.id, {"name": "board"})
    tones = {"alice": 428.0, "bob": 605.0, "carol": 811.0}
    phones, calls = {}, {}
    for name, hertz in tones.items():
        phones[name] = Phone(hertz)
        calls[name] = await callers.dial(getattr(cast, name), phones[name], "/public/board")
    await callers.until(lambda: callers.has(phones["alice"], 605.0, 811.0), 10, "alice hearing bob and carol")
    await callers.until(lambda: callers.has(phones["bob"], 428.0, 811.0), 10, "bob hearing alice and carol")
    assert not callers.has(phones["bob"], 605.0)

    muted = await callers.leg(calls["carol"], "caller")
    await callers.apply(calls["carol"], inputs.Mute(muted.id, frozenset({"audio"})))
    await callers.until(lambda: not callers.has(phones["alice"], 811.0), 5, "carol falling silent")
    await callers.apply(calls["carol"], inputs.Hangup(muted.id))
    await callers.hears(phones["alice"], 605.0)
    for name in ("bob", "alice"):
        leg = await callers.leg(calls[name], "caller")
        await callers.apply(calls[name], inputs.Hangup(leg.id))
    for _ in range(60):
        events = await callers.in_thread(room_events, room.id)
        if events and events[-1][1] == "room.ended":
            break
        await callers.pause(0.1)
    types = [kind for _, kind in events]
    assert types[:2] == ["room.started", "participant.joined"]
    assert types.count("participant.joined") == types.count("participant.left") == 3
    assert types.count("participant.muted") == 1
    assert types[-1] == "room.ended"
    for phone in phones.values():
        await phone.close()
