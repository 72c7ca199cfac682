"""A whole menu, as a small company has it: words, keys (RFC 4733), somebody or the answering machine."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from calling.machine import inputs
from tests.e2e import callers
from tests.e2e.test_scripts_talk_to_callers import (
    KeyPhone,
    ended,
    recordings,
    rewrite,
    run_of,
    script,
    tones_of,
    web,
)
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.support.people import Cast

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.needs("espeak-ng")]

MENU = {
    "prompt": {
        "play": ["say:Press one for sales or two for support.", "silence:10"],
        "max_digits": 1,
        "initial_timeout": 10,
        "status_url": "%URL%/told",
    }
}
CHOICE = {
    "switch": {
        "variable": "prompt_value",
        "case": {"1": [{"transfer": "sales"}], "2": [{"transfer": "support"}]},
        "default": [{"play": "say:Goodbye."}, "hangup"],
    }
}
SALES = {
    "connect": {
        "to": "/private/bob",
        "timeout": 4,
        "result": {
            "case": {"connected": ["hangup"]},
            "default": [{"transfer": "voicemail"}],
        },
    }
}
VOICEMAIL = [
    {"play": "silence:0.2"},
    {"record": {"beep": True, "terminators": "#", "end_silence_timeout": 0, "max_length": 20}},
    {"request": {"url": "%URL%/mail", "body": {"url": "%{record_url}", "result": "%{record_result}"}}},
    "hangup",
]


async def hears_words(phone: Phone) -> None:
    """Something is said: sound that is no single tone."""

    def speaks() -> bool:
        found = {round(hertz or 0, -1) for hertz in [phone.hertz(0.2)] if hertz}
        spoken.update(found)
        return len(spoken) > 3

    spoken: set[float] = set()
    await callers.until(speaks, 10, "words")


async def test_a_caller_is_connected_or_leaves_a_message(
    cast: Cast, worker: WorkerProcess, tmp_path: Path
) -> None:
    async with web({"/mail": b"{}", "/told": b"{}"}) as (base, asked):
        await script(
            cast, "menu", MENU, CHOICE, sales=[SALES], support=[{"play": "say:Nobody."}], voicemail=VOICEMAIL
        )
        await callers.in_thread(rewrite, base)

        # Bob is there: one key, and they talk.
        alice, bob = KeyPhone(440.0), Phone(660.0)
        call_id = await callers.dial(cast.alice, alice, "/public/menu")
        await hears_words(alice)
        device = await callers.come_online(cast.bob)
        await alice.press("1")
        await callers.pick_up(cast.bob, bob, call_id, device, "target")
        await callers.hears(alice, 660.0)
        await callers.hears(bob, 440.0)
        target = await callers.leg(call_id, "target")
        await callers.apply(call_id, inputs.Hangup(target.id))
        assert (await ended(call_id)).ended_by == "platform"
        await alice.close()
        await bob.close()

        # Bob declines: she speaks after the beep and ends with a key.
        alice = KeyPhone(523.0)
        call_id = await callers.dial(cast.alice, alice, "/public/menu")
        await hears_words(alice)
        await callers.come_online(cast.bob)
        await alice.press("1")
        rings = lambda call: any(leg.role.value == "target" and leg.state == "ringing" for leg in call.legs)  # noqa: E731
        await callers.state(call_id, rings)
        target = await callers.leg(call_id, "target")
        await callers.apply(call_id, inputs.Reject(target.id))
        await until_recording(call_id)
        await asyncio.sleep(1.5)
        await alice.press("#")
        call = await ended(call_id)
        assert (call.end_reason, call.ended_by) == ("hangup", "platform")
        assert (await run_of(call_id)).error == ""
        (row,) = await recordings(call_id)
        assert (row.state, row.format) == ("finished", "wav") and 1000 < row.duration_ms < 8000
        assert abs(tones_of(tmp_path / "recordings" / row.path)[0] - 523) < 10
        said = json.loads(next(body for path, body in asked if path == "/mail"))
        assert f"/api/recordings/{row.id}/download" in said["url"] and said["result"] == "finished"
        await alice.close()


async def until_recording(call_id: str) -> None:
    async with asyncio.timeout(20):
        while not await recordings(call_id):
            await asyncio.sleep(0.1)
