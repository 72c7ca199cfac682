"""A call that a back end drives by calling commands alone, carried by a real worker and heard."""

from __future__ import annotations

import time
from typing import Any

import pytest

from calling.models import Operation
from tests.e2e import callers
from tests.e2e.test_scripts_talk_to_callers import KeyPhone, ended, web
from tests.e2e.workers import WorkerProcess
from tests.media.files.made import media
from tests.support.people import Cast

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]
FOREVER = {"sleep": -1}


def swml(*steps: Any) -> dict[str, Any]:
    return {"version": "1.0.0", "sections": {"main": list(steps)}}


async def command(cast: Cast, name: str, call_id: str | None = None, **params: Any) -> dict[str, Any]:
    body = {"command": name, "params": params} | ({"id": call_id} if call_id else {})
    answer = await callers.in_thread(cast.rest.post, "/api/calling/calls", body)
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


async def test_scripts_are_changed_digits_collected_and_the_call_ended(
    cast: Cast, worker: WorkerProcess
) -> None:
    files = {f"/{hertz}.mp3": media("mp3", 30.0, hertz=hertz) for hertz in (600, 900)}
    async with web(files) as (base, _):
        device = await callers.come_online(cast.bob)
        first = swml({"play": "%{envs.sound}"}, FOREVER)
        made = await command(
            cast, "dial", to="/private/bob", swml=first, custom_variables={"sound": f"{base}/600.mp3"},
            **{"from": "/private/alice"},
        )  # fmt: skip
        call_id, phone = made["id"], KeyPhone(300.0)
        await callers.pick_up(cast.bob, phone, call_id, device)
        await callers.hears(phone, 600.0)

        await command(cast, "update", id=call_id, swml=swml({"play": f"{base}/900.mp3"}, FOREVER))
        await callers.hears(phone, 900.0)

        await command(
            cast, "calling.collect", call_id, control_id="c", initial_timeout=0.2, start_input_timers=False,
            digits={"max": 3, "digit_timeout": 3},
        )  # fmt: skip
        await callers.pause(1.0)  # longer than the timer that has not begun
        await phone.press("42#")
        found = await callers.in_thread(collected, call_id)
        assert found["result"]["params"] == {"digits": "42", "terminator": "#"}

        await command(cast, "calling.transfer", call_id, dest=swml("hangup"))
        call = await ended(call_id)
        assert (call.end_reason, call.ended_by) == ("hangup", "platform")
        await phone.close()


def collected(call_id: str) -> dict[str, Any]:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        row = Operation.objects.get(call_id=call_id, verb="collect")
        if row.state == "finished":
            return dict(row.result)
        time.sleep(0.05)
    raise AssertionError(f"the collect did not finish: {row.state}")
