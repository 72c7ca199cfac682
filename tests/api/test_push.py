"""`/api/push`: a browser whose page is closed is woken when its subscriber is called, and told the end."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from datetime import timedelta
from unittest import mock
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from calling import models
from calling.push import rings, sender, vapid
from tests.api.push_browser import Browser, call, checked_claims, look, raw, run_out, subscribe
from tests.support import fake_worker, people
from tests.support.wait import wait_for
from tests.webhooks.sweeps import Sweep
from tokens import revocation


def test_a_browser_is_woken_once_and_told_the_end(cast, browser):
    subscribe(cast.bob, browser)
    call_id = call(cast)
    look()
    look()
    (got,) = browser.receiver.got
    assert browser.messages == [
        {"type": "call.incoming", "call_id": call_id, "from": "/private/alice", "from_name": "Alice"}
    ]
    assert 0 < int(got.headers["ttl"]) <= 45
    assert got.headers["urgency"] == "high" and got.headers["content-encoding"] == "aes128gcm"
    assert raw(got.headers["topic"]) == UUID(call_id).bytes and len(got.headers["topic"]) <= 32
    claims = checked_claims(got)
    assert claims["k"] == cast.bob.rest.get("/api/push/key").json()["key"]
    assert claims["sub"].startswith("mailto:")
    assert 0 < claims["exp"] - timezone.now().timestamp() <= 24 * 3600
    cast.alice.rest.post(f"/api/calls/{call_id}/hangup")
    look()
    look()
    ended = {"type": "call.cancelled", "call_id": call_id, "reason": "missed"}
    assert browser.messages[1:] == [ended | {"from": "/private/alice", "from_name": "Alice"}]
    assert browser.receiver.got[1].headers["topic"] == got.headers["topic"]


@pytest.mark.parametrize(
    ("ends", "reason"),
    [
        ("answered", "answered"),
        ("answered and over", "answered"),
        ("rejected", "rejected"),
        ("unanswered", "missed"),
        ("erased", "ended"),
    ],
)
def test_the_end_of_ringing_is_told_however_it_ends(cast, browser, ends, reason):
    subscribe(cast.bob, browser)
    call_id = fake_worker.ringing(cast)
    look()
    if ends.startswith("answered"):
        assert cast.bob.rest.post(f"/api/calls/{call_id}/answer", {"sdp": fake_worker.SDP}).status_code == 200
        if ends.endswith("over"):
            assert cast.alice.rest.post(f"/api/calls/{call_id}/hangup").status_code < 300
    elif ends == "rejected":
        cast.bob.rest.post(f"/api/calls/{call_id}/reject", {})
    elif ends == "unanswered":
        run_out(call_id)
    else:
        cast.alice.rest.post(f"/api/calls/{call_id}/hangup")
        assert cast.rest.delete(f"/api/calls/{call_id}").status_code == 204
    look()
    assert [each["type"] for each in browser.messages] == ["call.incoming", "call.cancelled"]
    last = browser.messages[-1]
    erased = ends == "erased"
    assert (last["reason"], last["from_name"]) == (reason, "" if erased else "Alice")
    assert models.PushRing.objects.count() == 0


def test_who_comes_online_after_being_woken_takes_the_call(cast, browser):
    subscribe(cast.bob, browser)
    call_id = call(cast)
    look()
    fake_worker.online(cast.bob)
    answer = cast.bob.rest.post(f"/api/calls/{call_id}/answer", {"sdp": fake_worker.SDP})
    assert answer.status_code == 200, answer.content


def test_a_target_of_a_transfer_is_told_who_waits(cast, browser):
    subscribe(cast.carol, browser)
    call_id = fake_worker.talking(cast)
    body = {"to": "/private/carol"}
    assert cast.alice.rest.post(f"/api/calls/{call_id}/transfer", body).status_code in (200, 202)
    look()
    (message,) = browser.messages
    assert (message["from"], message["from_name"]) == ("/private/bob", "Bob")


def test_a_call_that_ended_before_anybody_looked_is_not_rung_for(cast, browser):
    subscribe(cast.bob, browser)
    cast.alice.rest.post(f"/api/calls/{call(cast)}/hangup")
    look()
    assert browser.receiver.got == []


def test_a_call_whose_time_to_ring_is_up_is_not_rung_for(cast, browser):
    subscribe(cast.bob, browser)
    call(cast)
    late = timezone.now() + timedelta(seconds=60)
    with mock.patch("clock.now", return_value=late):
        look()
    assert browser.receiver.got == []


def test_only_the_subscriber_who_is_called_is_told(cast, mallory, browser):
    subscribe(cast.alice, browser)
    other = Browser()
    subscribe(mallory.mallory, other)
    call(cast)
    look()
    assert browser.receiver.got == [] and other.receiver.got == []
    other.receiver.close()


def test_every_browser_of_a_subscriber_rings(cast, browser):
    second = Browser()
    subscribe(cast.bob, browser)
    subscribe(cast.bob, second)
    call(cast)
    look()
    assert browser.messages == second.messages and len(second.messages) == 1
    second.receiver.close()


@pytest.mark.parametrize("status", [404, 410])
def test_a_subscription_that_its_service_knows_no_more_is_forgotten(transactional_db, cast, browser, status):
    subscribe(cast.bob, browser)
    browser.answers = [status]
    call(cast)
    look()
    assert len(browser.receiver.got) == 1 and models.PushSubscription.objects.count() == 0


@pytest.mark.parametrize("answers", [[500], [429, 503], ["reset", 502]])
def test_a_push_service_that_fails_is_asked_again(cast, browser, answers):
    subscribe(cast.bob, browser)
    browser.answers = list(answers)
    call(cast)
    look()
    assert len(browser.receiver.got) == len(answers) + 1 and browser.receiver.got[-1].acked
    assert models.PushSubscription.objects.count() == 1


def test_what_a_service_refuses_is_not_repeated(cast, browser):
    subscribe(cast.bob, browser)
    browser.answers = [400]
    call(cast)
    look()
    assert len(browser.receiver.got) == 1


def test_a_beginning_that_is_still_tried_gives_way_to_the_end(cast, browser):
    subscribe(cast.bob, browser)
    call_id = call(cast)
    browser.answers = [500]
    begun = rings.take(10)
    cast.alice.rest.post(f"/api/calls/{call_id}/hangup")
    over = rings.take(10)

    async def run() -> None:
        sending = sender.Sender()
        sending.send(begun)
        while not browser.receiver.got:
            await asyncio.sleep(0.01)
        sending.send(over)
        await sending.settle()

    with mock.patch.object(sender, "WAITS", (0.0, 0.2)):
        asyncio.run(run())
    assert [each["type"] for each in browser.messages] == ["call.incoming", "call.cancelled"]


def test_a_subscription_made_with_an_older_secret_key_still_rings(cast, browser, settings):
    old = vapid.public_key()
    subscribe(cast.bob, browser)
    call(cast)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another secret key of the same instance, long enough"
    browser.answers = [403]
    look()
    first, second = (checked_claims(got)["k"] for got in browser.receiver.got)
    assert (first, second) == (vapid.public_key(), old)


def test_revoked_tokens_wake_nobody(cast, browser):
    subscribe(cast.bob, browser)
    subscribe(cast.carol, other := Browser())
    revocation.revoke_subscriber(cast.project.id, cast.bob.subscriber.pk)
    call(cast)
    look()
    assert browser.receiver.got == []
    assert rings.drop_revoked() == 1
    assert models.PushSubscription.objects.get().subscriber_id == cast.carol.subscriber.pk
    other.receiver.close()


def test_a_revoked_invite_leaves_its_makers_browser_alone(cast, browser):
    subscribe(cast.bob, browser)
    address = str(people.address_of(cast.bob.subscriber).pk)
    invite = cast.bob.rest.post("/api/fabric/subscriber/invites", {"address_id": address}).json()["token"]
    assert cast.rest.post("/api/tokens/revoke", {"token": invite}).status_code == 200
    assert rings.drop_revoked() == 0


def test_who_is_erased_leaves_no_subscription(cast, browser):
    subscribe(cast.bob, browser)
    bob = cast.bob.subscriber.pk
    assert cast.rest.delete(f"/api/fabric/resources/subscribers/{bob}").status_code == 204
    assert models.PushSubscription.objects.count() == 0


@pytest.mark.processes
def test_a_sweep_that_dies_while_it_rings_leaves_the_end_to_the_next(
    child_environment, cast, browser, tmp_path
):
    subscribe(cast.bob, browser)
    first = Sweep(child_environment, tmp_path / "log")
    try:
        call_id = call(cast)
        wait_for(lambda: browser.receiver.got, 60, "the beginning")
    finally:
        first.kill()
    cast.alice.rest.post(f"/api/calls/{call_id}/hangup")
    call(cast)
    second = Sweep(child_environment, tmp_path / "log")
    try:
        wait_for(lambda: len(browser.receiver.got) == 3, 60, "the end, and the beginning of another")
    finally:
        second.kill()
    told = [(each["type"], each["call_id"] == call_id) for each in browser.messages]
    assert told[0] == ("call.incoming", True)
    assert sorted(told[1:]) == [("call.cancelled", True), ("call.incoming", False)]
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_slow_push_services_of_one_project_leave_places_for_others(cast, mallory, browser):
    """Of legs that begin to ring, and of those that ring no more, each project has its turn."""
    subscribe(mallory.mallory, browser)
    owner = {"project": mallory.project, "subscriber_id": mallory.mallory.subscriber.pk}
    for _ in range(20):
        models.PushRing.objects.create(leg_id=uuid4(), call_id=uuid4(), **owner)
    assert len(rings.take(10).over) == 5, "half of the places, though nobody else has anything"
    subscribe(cast.bob, browser)
    call_id = call(cast)
    busy = {str(mallory.project.pk): 5}
    news = rings.take(10, busy)
    assert [str(notice.call_id) for notice in news.begun] == [call_id]
    assert news.over == ()
    assert len(rings.take(20, busy).over) == 5


def test_a_push_service_that_does_not_answer_delays_its_own_project(cast, mallory, browser):
    stuck = Browser()
    held = threading.Event()
    stuck.receiver.behave = lambda number, headers, body: held.wait(20) and 201
    own, wait = notice_for(mallory.mallory, stuck), notice_for(cast.bob, browser)

    async def run() -> float:
        sending = sender.Sender()
        sending.send(rings.News(begun=tuple(replace(own, leg_id=uuid4()) for _ in range(60))))
        await asyncio.sleep(0.3)
        began = asyncio.get_running_loop().time()
        sending.send(rings.News(begun=(wait,)))
        await asyncio.wait_for(sending.jobs[wait.leg_id], 10)
        took = asyncio.get_running_loop().time() - began
        held.set()
        await sending.settle()
        await sending.client.aclose()
        assert not +sending.busy
        return took

    assert asyncio.run(run()) < 3
    assert len(browser.messages) == 1
    stuck.receiver.close()


def notice_for(person, browser: Browser) -> rings.Notice:
    subscribe(person, browser)
    row = models.PushSubscription.objects.get(subscriber_id=person.subscriber.pk)
    body = {"type": "call.cancelled", "call_id": "c"}
    return rings.Notice(person.project.pk, uuid4(), uuid4(), body, 60, timezone.now(), (row,))
