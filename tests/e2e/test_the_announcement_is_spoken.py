"""`+46000000000`: any token hears a voice, then the platform hangs up."""

from __future__ import annotations

import pytest

from calling import models
from tests.e2e import callers
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.support.people import Cast
from tests.support.wait import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]


async def test_a_token_without_phone_scope_hears_a_voice_and_is_hung_up_on(
    cast: Cast, worker: WorkerProcess
) -> None:
    phone, pitches = Phone(440.0), set[int]()

    def listened() -> bool:
        found = phone.hertz(0.1)
        if found is not None:
            pitches.add(round(found / 20))
        return len(pitches) > 5

    call_id = await callers.dial(cast.alice, phone, "+46000000000")
    await until(listened, 15, f"a voice, which has many pitches (heard {sorted(pitches)})")
    ended = await callers.state(call_id, lambda call: call.state == "ended", 40)
    assert (ended.end_reason, ended.end_cause) == ("hangup", "normal")
    assert ended.ended_by in ("callee", "platform")
    await phone.close()

    def free() -> bool:
        return not models.PhoneCharge.objects.exists()

    assert await callers.in_thread(free)
