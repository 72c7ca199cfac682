"""POST /api/webhooks/{id}/replay."""

from __future__ import annotations

import pytest

from calling.webhooks.schedule import JITTER, WAITS
from tests.support import rest_client
from tests.webhooks.conftest import advance_clock, deliver_due, deliveries, emit_event, make_hook, turn_all
from tests.webhooks.refusals import to_strangers


def test_what_followed_a_cursor_comes_again_in_order(cast, receiver) -> None:
    hook = make_hook(cast, receiver.url, ["room.*"])
    for type in ("room.started", "participant.joined", "room.ended"):
        emit_event(cast, type)
    turn_all()
    cursors = [entry["cursor"] for entry in cast.rest.get("/api/events").json()["data"]]
    receiver.got.clear()
    answer = cast.rest.post(f"/api/webhooks/{hook['id']}/replay", {"after": cursors[0]})
    assert answer.status_code == 202 and answer.json() == {"replayed": 1}
    assert cast.rest.post(f"/api/webhooks/{hook['id']}/replay", {"after": "0"}).json() == {"replayed": 2}
    turn_all()
    assert sorted(each.json["type"] for each in receiver.got) == ["room.ended", "room.ended", "room.started"]


def test_what_happened_since_a_time_comes_again(cast, hook, receiver) -> None:
    early = emit_event(cast).created_at
    late = emit_event(cast, "room.ended").created_at
    turn_all()
    receiver.got.clear()
    path = f"/api/webhooks/{hook['id']}/replay"
    assert cast.rest.post(path, {"since": late.isoformat()}).json() == {"replayed": 1}
    assert cast.rest.post(path, {"since": early.isoformat()}).json() == {"replayed": 2}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"after": "1", "since": "2026-01-01T00:00:00Z"},
        {"after": "x"},
        {"after": 1},
        {"since": "now"},
        {"since": "2026-01-01"},
        {"since": "2026-01-01T00:00:00"},
        {"since": 7},
    ],
)
def test_wrong_bodies_are_422(cast, hook, body) -> None:
    error = rest_client.error_of(cast.rest.post(f"/api/webhooks/{hook['id']}/replay", body), 422)
    assert error["attribute"] in ("after", "since")


def test_a_disabled_endpoint_is_409(cast, hook) -> None:
    cast.rest.patch(f"/api/webhooks/{hook['id']}", {"enabled": False})
    rest_client.error_of(cast.rest.post(f"/api/webhooks/{hook['id']}/replay", {"after": "0"}), 409)


def test_strangers_are_refused(cast, mallory, hook) -> None:
    to_strangers(cast, mallory, "post", f"/api/webhooks/{hook['id']}/replay", {"after": "0"})


def test_asking_again_and_again_uses_up_no_try_of_a_receiver_that_is_down(cast, receivers) -> None:
    """Twenty replays and as many resends in its first minute: three days later it is still tried."""
    down = True
    receiver = receivers(lambda number, headers, body: 500 if down else 200)
    hook = make_hook(cast, receiver.url, ["room.*"])
    cursor = str(emit_event(cast).position or 1)
    turn_all()
    (old,) = deliveries(cast, hook)
    for _ in range(20):
        answer = cast.rest.post(f"/api/webhooks/{hook['id']}/replay", {"after": cursor})
        assert answer.json() == {"replayed": 0}
        assert deliver_due() == 1
        cast.rest.post(f"/api/webhooks/{hook['id']}/deliveries/{old['id']}/resend")
        assert deliver_due() == 1
    (waiting,) = deliveries(cast, hook)
    assert waiting["status"] == "pending" and waiting["tries"] == len(waiting["attempts"]) == 41
    for _ in range(23):
        advance_clock(3 * 3600)
        deliver_due()
    assert [each["status"] for each in deliveries(cast, hook)] == ["pending"]
    down = False
    advance_clock(max(WAITS) * (1 + JITTER))
    assert deliver_due() == 1
    assert [each["status"] for each in deliveries(cast, hook)] == ["delivered"]
