"""`connect` asks before it bridges, and tells; sounds play at once; REST reaches what a script began."""

from __future__ import annotations

from typing import Any

import pytest

from calling import models
from calling.commands import operations
from calling.machine import inputs
from tests.e2e import callers
from tests.e2e.test_scripts_talk_to_callers import (
    KeyPhone,
    ended,
    media,
    recordings,
    script,
    until_operation,
    web,
)
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.support.people import Cast

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.sample(1)]
ASK: list[Any] = [{"cond": [{"when": "prompt_value != '1'", "then": ["hangup"]}]}]


def sounds() -> dict[str, bytes]:
    wanted = (("ask", 750), ("after", 1100))
    return {f"/{name}.wav": media("wav", 20.0, hertz=hertz) for name, hertz in wanted}


async def connecting(cast: Cast, base: str, **more: Any) -> None:
    question = {"prompt": {"play": f"{base}/ask.wav", "max_digits": 1, "initial_timeout": 8}}
    connect = {"to": "/private/bob", "timeout": 20, "confirm": [question, *ASK], **more}
    after = {"play": f"{base}/after.wav"}
    await script(cast, "ask", {"connect": connect}, after, "hangup")


async def test_who_answers_is_asked_first_and_then_talks_for_as_long_as_allowed(
    cast: Cast, worker: WorkerProcess
) -> None:
    async with web(sounds()) as (base, _):
        await connecting(cast, base, max_duration=3)
        alice, bob = Phone(440.0), KeyPhone(660.0)
        call_id = await callers.dial(cast.alice, alice, "/public/ask")
        device = await callers.come_online(cast.bob)
        await callers.pick_up(cast.bob, bob, call_id, device, "target")
        await callers.hears(bob, 750.0, 20)  # the question, and nothing of alice
        assert not alice.hears(660.0)
        await bob.press("1")
        await callers.hears(alice, 660.0)
        await callers.hears(bob, 440.0)
        await callers.hears(alice, 1100.0, 20)  # three seconds later the script goes on
        assert (await callers.leg(call_id, "target")).end_reason is not None
        await callers.apply(call_id, inputs.Hangup())
        await alice.close()
        await bob.close()


async def test_who_says_no_is_never_connected(cast: Cast, worker: WorkerProcess) -> None:
    async with web(sounds()) as (base, _):
        await connecting(cast, base)
        alice, bob = Phone(440.0), KeyPhone(660.0)
        call_id = await callers.dial(cast.alice, alice, "/public/ask")
        device = await callers.come_online(cast.bob)
        await callers.pick_up(cast.bob, bob, call_id, device, "target")
        await callers.hears(bob, 750.0, 20)
        await bob.press("2")
        await callers.hears(alice, 1100.0, 20)
        assert not alice.hears(660.0)
        assert (await callers.leg(call_id, "target")).end_reason is not None
        await callers.apply(call_id, inputs.Hangup())
        await alice.close()
        await bob.close()


async def test_music_goes_on_under_a_second_sound_and_a_script_s_recording_is_stopped_by_rest(
    cast: Cast, worker: WorkerProcess
) -> None:
    files = {f"/{hertz}.wav": media("wav", 30.0, hertz=hertz) for hertz in (600, 1500)}
    async with web(files) as (base, _):
        record = {"record_call": {"control_id": "tape", "format": "ogg", "direction": "both"}}
        await script(cast, "music", record, {"play": f"{base}/600.wav"}, "hangup")
        alice = Phone(300.0)
        call_id = await callers.dial(cast.alice, alice, "/public/music")
        await callers.hears(alice, 600.0, 20)
        leg = await callers.leg(call_id, "caller")
        items = {"items": [{"type": "audio", "url": f"{base}/1500.wav"}], "volume": 0, "loop": 1}
        await callers.in_thread(operations.operate, call_id, leg.id, "play", "over", items)
        await callers.until(lambda: callers.has(alice, 600.0, 1500.0), 10, "both sounds")
        await callers.in_thread(operations.control_operation, call_id, "play", "over", "stop")
        await callers.until(lambda: alice.hears(600.0), 10, "the music alone")
        await callers.in_thread(operations.control_operation, call_id, "record", "tape", "stop")
        row = await callers.in_thread(models.Operation.objects.get, call_id=call_id, verb="record")
        await until_operation(row.id, "finished")
        (tape,) = await recordings(call_id)
        assert (tape.state, tape.control_id) == ("finished", "tape")
        await callers.apply(call_id, inputs.Hangup())
        await ended(call_id)
        await alice.close()
