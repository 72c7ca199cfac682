"""410, and five days of failures (docs/contract.md#webhook-schedule)."""

from __future__ import annotations

from calling import models
from tests.webhooks.conftest import advance_clock, deliveries, emit_event, make_hook, turn_all


def test_410_disables_at_once_and_the_log_says_so(cast, receivers) -> None:
    gone, other = receivers(lambda number, headers, body: 410), receivers()
    hook = make_hook(cast, gone.url)
    make_hook(cast, other.url, ["webhook.disabled"])
    emit_event(cast)
    emit_event(cast)
    turn_all()
    found = cast.rest.get(f"/api/webhooks/{hook['id']}").json()
    assert found["status"] == "disabled" and "410" in found["disabled_reason"] and found["disabled_at"]
    assert {each["status"] for each in deliveries(cast, hook)} == {"parked"} and len(gone.got) == 1
    (told,) = other.got
    assert told.json["data"]["webhook"] == {"id": hook["id"], "url": gone.url}
    assert "sequence" not in told.json["data"]


def test_five_days_of_failures_disable(cast, receivers) -> None:
    receiver = receivers(lambda number, headers, body: 500)
    hook = make_hook(cast, receiver.url)
    emit_event(cast, room="a")
    turn_all()
    advance_clock(5 * 86400 - 60)
    turn_all()
    assert cast.rest.get(f"/api/webhooks/{hook['id']}").json()["enabled"]
    advance_clock(61)
    turn_all()
    emit_event(cast, room="b")
    turn_all()
    found = cast.rest.get(f"/api/webhooks/{hook['id']}").json()
    assert found["status"] == "disabled" and "5 days" in found["disabled_reason"]
    assert models.Event.objects.filter(type="webhook.disabled").count() == 1


def test_a_success_in_between_starts_the_five_days_again(cast, receivers) -> None:
    receiver = receivers(lambda number, headers, body: 200 if number == 1 else 500)
    hook = make_hook(cast, receiver.url)
    emit_event(cast, room="a")
    turn_all()
    advance_clock(4 * 86400)
    turn_all()
    assert cast.rest.get(f"/api/webhooks/{hook['id']}").json()["failing_since"] is None
    emit_event(cast, room="b")
    turn_all()
    advance_clock(2 * 86400)
    turn_all()
    assert cast.rest.get(f"/api/webhooks/{hook['id']}").json()["enabled"]
