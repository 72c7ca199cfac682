"""GET /api/webhooks/{id}/deliveries."""

from __future__ import annotations

from tests.support import rest_client
from tests.webhooks.conftest import deliveries, emit_event, make_hook, turn_all
from tests.webhooks.refusals import to_strangers


def test_each_try_is_written_down_with_the_first_kilobyte_of_its_answer(cast, receivers) -> None:
    receiver = receivers(lambda number, headers, body: 503)
    hook = make_hook(cast, receiver.url)
    event = emit_event(cast)
    turn_all()
    (one,) = deliveries(cast, hook)
    assert one["event_id"] == str(event.event_id) and one["event_type"] == "room.started"
    assert one["status"] == "pending" and one["tries"] == 1 and one["next_at"]
    (attempt,) = one["attempts"]
    assert attempt["status"] == 503 and attempt["answer"] == "hello" and attempt["duration_ms"] >= 0


def test_redirects_and_silence_are_failures(cast, receivers) -> None:
    for behave, wanted in ((302, 302), ("reset", None)):
        receiver = receivers(lambda number, headers, body, behave=behave: behave)
        hook = make_hook(cast, receiver.url)
        emit_event(cast)
        turn_all()
        one = deliveries(cast, hook)[0]
        assert one["status"] == "pending" and one["attempts"][0]["status"] == wanted
        assert (one["attempts"][0]["error"] is None) == (wanted is not None)
        cast.rest.delete(f"/api/webhooks/{hook['id']}")


def test_the_log_is_filtered_by_status(cast, hook) -> None:
    emit_event(cast)
    turn_all()
    assert len(deliveries(cast, hook, "?status=delivered")) == 1
    assert deliveries(cast, hook, "?status=parked") == []
    path = f"/api/webhooks/{hook['id']}/deliveries?status=lost"
    assert rest_client.error_of(cast.rest.get(path), 422)["attribute"] == "status"


def test_strangers_are_refused(cast, mallory, hook) -> None:
    to_strangers(cast, mallory, "get", f"/api/webhooks/{hook['id']}/deliveries")
