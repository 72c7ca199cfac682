"""`calling.user_event`: what a back end tells the client of a leg, in both protocols and in the log."""

from __future__ import annotations

from typing import Any

import pytest

from calling import models
from calling.signalwire.browser import translate as browser
from calling.sockets import call_updates
from calling.sockets.phone import translate as phone
from tests.signalwire.calling_api.conftest import refusal
from tests.support import fake_worker
from tests.support.people import Cast

EVENT = {"type": "order", "lines": [1, 2], "call_id": "not the client's"}


def news_of(cast: Cast, call_id: str) -> tuple[Any, str, Any]:
    """(the update that alice's device reads, her device, her leg)."""
    leg = fake_worker.leg_of(call_id, "caller")
    _, found = call_updates.read([], {call_id: 0})
    return found[call_id], str(leg.device_id), leg


def test_the_client_of_the_leg_is_told_and_no_other(cast: Cast, calling: Any) -> None:
    call_id = fake_worker.talking(cast)
    calling.user_event(call_id, event=EVENT)
    row = models.Event.objects.get(call_id=call_id, type="call.user_event")
    leg = fake_worker.leg_of(call_id, "caller")
    assert str(row.leg_id) == str(leg.id)
    news, device, _ = news_of(cast, call_id)

    told = browser.ClientView(call_id, str(leg.id), "C1", answered=True)
    _, messages = browser.messages_for(told, news, device, True)
    events = [each["params"] for each in messages if each["params"].get("event_type") == "user_event"]
    assert [each["params"] for each in events] == [{"type": "order", "lines": [1, 2], "call_id": "C1"}]

    _, frames = phone.messages_for(
        phone.ClientView(call_id, str(leg.id), rung=True, answered=True), news, device
    )
    own = [each for each in frames if each["type"] == "call.user_event"]
    assert own == [{"type": "call.user_event", "call_id": call_id, "event": EVENT}]

    other = browser.ClientView(call_id, str(fake_worker.leg_of(call_id, "callee").id), "C2", answered=True)
    _, messages = browser.messages_for(other, news, device, True)
    assert "user_event" not in {each["params"].get("event_type") for each in messages}


@pytest.mark.parametrize("event", [None, [], "text", {"a": "x" * 5000}])
def test_an_event_is_a_small_object(cast: Cast, calling: Any, event: Any) -> None:
    call_id = fake_worker.talking(cast)
    assert refusal(422, calling.user_event, call_id, event=event)["attribute"] == "event"
    assert not models.Event.objects.filter(call_id=call_id, type="call.user_event").exists()
