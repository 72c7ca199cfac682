"""The service worker of `/phone` in a real browser: a notice says who calls, and then how that ended."""

from __future__ import annotations

import json

import pytest

from tests.support.wait import wait_for

NOTICES = """async () => (await (await navigator.serviceWorker.getRegistration('/phone')).getNotifications())
    .map((each) => ({ title: each.title, body: each.body, tag: each.tag }))"""
REGISTER = """async () => {
    const made = await navigator.serviceWorker.register('/phone-push.js', { scope: '/phone' });
    const worker = made.installing ?? made.waiting ?? made.active;
    if (worker.state !== 'activated') await new Promise((done) => {
        worker.onstatechange = () => worker.state === 'activated' && done();
    });
    return new URL(made.scope).pathname;
}"""
INCOMING = {"type": "call.incoming", "call_id": "c1", "from": "/private/bob", "from_name": "Bob"}
CANCELLED = {
    "type": "call.cancelled",
    "call_id": "c1",
    "reason": "missed",
    "from": "/private/bob",
    "from_name": "Bob",
}


@pytest.fixture
def push(page, live_server, db):
    """`push(*messages)` delivers messages to the worker, which `/phone` has registered under its policy.

    It waits for the worker to deal with them: Chromium forgets a notice that a test asks for meanwhile.
    """
    page.context.grant_permissions(["notifications"], origin=live_server.url)
    session, registrations = page.context.new_cdp_session(page), []
    session.on(
        "ServiceWorker.workerRegistrationUpdated", lambda event: registrations.extend(event["registrations"])
    )
    session.send("ServiceWorker.enable")
    page.goto(f"{live_server.url}/phone")
    assert page.evaluate(REGISTER) == "/phone"
    scope = f"{live_server.url}/phone"
    (identifier,) = {each["registrationId"] for each in registrations if each["scopeURL"] == scope}

    (worker,) = page.context.service_workers
    worker.evaluate("() => { self.pushed = 0; self.addEventListener('push', () => { self.pushed += 1; }); }")

    def deliver(*messages: dict) -> None:
        count = worker.evaluate("() => self.pushed") + len(messages)
        for message in messages:
            told = {"origin": live_server.url, "registrationId": identifier, "data": json.dumps(message)}
            session.send("ServiceWorker.deliverPushMessage", told)
        wait_for(lambda: worker.evaluate("() => self.pushed") == count, 20, "the push")
        worker.evaluate("() => before")

    return deliver


def titled(page, title: str) -> None:
    """Waits for a notice of that title."""
    wait_for(lambda: title in [each["title"] for each in page.evaluate(NOTICES)], 10, f"the notice {title}")


def settled(page, count: int) -> list[dict]:
    """The notices, once there are so many."""
    wait_for(lambda: len(page.evaluate(NOTICES)) == count, 10, f"{count} notices")
    return page.evaluate(NOTICES)


def test_a_notice_says_who_calls_and_then_that_the_call_was_missed(page, live_server, push):
    page.goto(f"{live_server.url}/dashboard/login")  # no phone is open any more
    push(INCOMING)
    assert settled(page, 1) == [{"title": "Bob is calling", "body": "/private/bob", "tag": "c1"}]
    push({**INCOMING, "call_id": "c2", "from_name": ""})
    found = {each["tag"]: each["title"] for each in settled(page, 2)}
    assert found == {"c1": "Bob is calling", "c2": "/private/bob is calling"}
    push(CANCELLED)
    titled(page, "Missed call from Bob")
    found = {each["tag"]: (each["title"], each["body"]) for each in settled(page, 2)}
    assert found["c1 over"] == ("Missed call from Bob", "/private/bob")
    assert found["c2"][0] == "/private/bob is calling"


@pytest.mark.parametrize(
    ("reason", "body"),
    [("answered", "Answered on another device"), ("rejected", "Declined on another device"), ("ended", "")],
)
def test_a_call_that_was_not_missed_is_told_for_a_moment(page, live_server, push, reason, body):
    page.goto(f"{live_server.url}/dashboard/login")
    push(INCOMING)
    settled(page, 1)
    push({**CANCELLED, "reason": reason})
    titled(page, "Bob is no longer calling")
    assert settled(page, 1)[0]["body"] == body
    assert settled(page, 0) == []


def test_the_phone_takes_missed_calls_away_when_they_have_been_seen(page, live_server, push):
    page.goto(f"{live_server.url}/dashboard/login")
    push(CANCELLED, {**INCOMING, "call_id": "c2"})
    settled(page, 2)
    page.goto(f"{live_server.url}/phone")
    page.evaluate("import('/static/phone/notices.js').then((notices) => notices.missedAreSeen())")
    assert [each["tag"] for each in settled(page, 1)] == ["c2"]


def test_messages_that_come_together_are_all_shown(page, live_server, push):
    page.goto(f"{live_server.url}/dashboard/login")
    push(
        *[{**INCOMING, "call_id": f"c{number}"} for number in (1, 2, 3)],
        CANCELLED,
        {**CANCELLED, "call_id": "c2"},
    )
    assert {each["tag"] for each in settled(page, 3)} == {"c1 over", "c2 over", "c3"}


def test_a_call_of_which_only_the_end_arrives_was_missed(page, live_server, push):
    page.goto(f"{live_server.url}/dashboard/login")
    push(CANCELLED)
    assert settled(page, 1) == [{"title": "Missed call from Bob", "body": "/private/bob", "tag": "c1 over"}]


def test_a_phone_that_is_looked_at_shows_no_notice(page, push):
    push(INCOMING)
    push(CANCELLED)
    push({**INCOMING, "call_id": "c2"})
    page.wait_for_timeout(500)
    assert page.evaluate(NOTICES) == []
