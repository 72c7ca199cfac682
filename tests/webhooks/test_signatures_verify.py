"""Deliveries as the packages `standardwebhooks` and `svix` and SignalWire's validators read them."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest
from standardwebhooks import Webhook
from svix.webhooks import Webhook as SvixWebhook
from svix.webhooks import WebhookVerificationError

from tests.support import fake_worker
from tests.webhooks.conftest import emit_event, make_hook, turn_all


def test_a_delivery_is_the_event_of_the_log_signed(cast, hook, receiver) -> None:
    event = emit_event(cast, note="grüße 🎉")
    turn_all()
    (got,) = receiver.got
    read = Webhook(hook["secret"]).verify(got.body, got.headers)
    (entry,) = cast.rest.get("/api/events").json()["data"]
    assert read == entry["event"] and got.id == str(event.event_id) == read["id"]
    assert got.headers["content-type"] == "application/json" and got.body.decode() == event.body


@pytest.mark.parametrize("changed", ["the body", "the id", "the time", "the secret"])
def test_svix_refuses_what_was_changed_on_the_way(cast, hook, receiver, changed) -> None:
    emit_event(cast)
    turn_all()
    (got,) = receiver.got
    secret, body, headers = hook["secret"], got.body, dict(got.headers)
    SvixWebhook(secret).verify(body, headers)
    if changed == "the body":
        body = body.replace(b"room", b"zoom", 1)
    elif changed == "the id":
        headers["webhook-id"] += "0"
    elif changed == "the time":
        headers["webhook-timestamp"] = str(int(headers["webhook-timestamp"]) + 1)
    else:
        secret = "whsec_" + "A" * 43 + "="
    with pytest.raises(WebhookVerificationError):
        SvixWebhook(secret).verify(body, headers)


def test_only_what_the_filter_wants_comes(cast, receiver) -> None:
    make_hook(cast, receiver.url, ["room.*", "participant.left"])
    for type in ("room.started", "participant.joined", "participant.left"):
        emit_event(cast, type)
    turn_all()
    assert [each.json["type"] for each in receiver.got] == ["room.started", "participant.left"]


def test_a_status_url_gets_signalwires_shape_signed_with_the_projects_key(cast, receiver) -> None:
    body = {
        "to": cast.bob.address,
        "script": fake_worker.SCRIPT,
        "status_url": receiver.url,
        "status_events": ["created", "ringing", "ended"],
    }
    call_id = cast.rest.post("/api/calls", body).json()["id"]
    cast.rest.post(f"/api/calls/{call_id}/hangup")
    turn_all()
    cast.project.refresh_from_db()
    key = cast.project.signing_key
    states = []
    for got in receiver.got:
        Webhook(key.removeprefix("whsec_") if key.startswith("whsec_") else key.encode()).verify(
            got.body, got.headers
        )
        wanted = hmac.new(key.encode(), receiver.url.encode() + got.body, hashlib.sha1).hexdigest()
        assert got.headers["x-signalwire-signature"] == wanted
        told = json.loads(got.body)
        assert told["event_type"] == "calling.call.state" and told["params"]["call_id"] == call_id
        states.append(told["params"]["call_state"])
    assert states[0] == "created" and states[-1] == "ended"


def test_a_status_url_gets_only_the_end_where_nothing_is_asked_for(cast, receiver) -> None:
    body = {"to": cast.bob.address, "script": fake_worker.SCRIPT, "status_url": receiver.url}
    call_id = cast.rest.post("/api/calls", body).json()["id"]
    cast.rest.post(f"/api/calls/{call_id}/hangup")
    turn_all()
    (got,) = receiver.got
    assert got.json["params"]["call_state"] == "ended" and got.json["params"]["end_reason"]
