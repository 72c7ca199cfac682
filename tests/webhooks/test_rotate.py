"""POST /api/webhooks/{id}/rotate_secret."""

from __future__ import annotations

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from tests.webhooks.conftest import advance_clock, emit_event, turn_all
from tests.webhooks.refusals import to_strangers


def test_the_old_secret_signs_along_for_a_day(cast, hook, receiver) -> None:
    fresh = cast.rest.post(f"/api/webhooks/{hook['id']}/rotate_secret").json()["secret"]
    assert fresh.startswith("whsec_") and fresh != hook["secret"]
    emit_event(cast)
    turn_all()
    advance_clock(24 * 3600 + 1)
    emit_event(cast)
    turn_all()
    first, second = receiver.got
    assert len(first.headers["webhook-signature"].split()) == 2
    for secret in (hook["secret"], fresh):
        Webhook(secret).verify(first.body, first.headers)
    Webhook(fresh).verify(second.body, second.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(hook["secret"]).verify(second.body, second.headers)


def test_every_secret_of_the_last_day_signs_along(cast, hook, receiver) -> None:
    path = f"/api/webhooks/{hook['id']}/rotate_secret"
    secrets = [hook["secret"], cast.rest.post(path).json()["secret"]]
    advance_clock(23 * 3600)
    secrets.append(cast.rest.post(path).json()["secret"])
    emit_event(cast)
    turn_all()
    advance_clock(3600 + 1)
    emit_event(cast)
    turn_all()
    first, second = receiver.got
    assert len(first.headers["webhook-signature"].split()) == 3
    for secret in secrets:
        Webhook(secret).verify(first.body, first.headers)
    for secret in secrets[1:]:
        Webhook(secret).verify(second.body, second.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secrets[0]).verify(second.body, second.headers)


def test_strangers_are_refused(cast, mallory, hook) -> None:
    to_strangers(cast, mallory, "post", f"/api/webhooks/{hook['id']}/rotate_secret")
