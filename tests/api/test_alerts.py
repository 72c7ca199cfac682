"""`/api/alerts`: a project is told once when something goes wrong, by a POST or by mail."""

from __future__ import annotations

import asyncio
import email
import json
import socketserver
import threading
from collections.abc import Iterator
from datetime import timedelta
from unittest import mock

import pytest
from django.utils import timezone

from calling import models
from calling.alerts import watch
from calling.alerts.telling import Teller
from tests.support import fake_worker, rest_client
from tests.webhooks.receivers import Receiver

KINDS = ("webhook_failing", "worker_lost", "quality", "balance")


class Smtp(socketserver.ThreadingTCPServer):
    """A mail server on loopback (RFC 5321) that keeps what it is sent, or refuses it."""

    allow_reuse_address = daemon_threads = True

    def __init__(self) -> None:
        self.mails: list[str] = []
        self.refuses = False
        super().__init__(("127.0.0.1", 0), SmtpSession)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()


class SmtpSession(socketserver.StreamRequestHandler):
    server: Smtp

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline().strip().upper():
            if line == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                self.server.mails.append(
                    "".join(line.decode() for line in iter(self.rfile.readline, b".\r\n"))
                )
            refused = self.server.refuses and line.startswith(b"RCPT")
            self.wfile.write(
                b"550 nobody\r\n" if refused else b"221 bye\r\n" if line == b"QUIT" else b"250 ok\r\n"
            )
            if line == b"QUIT":
                return


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def smtp(settings) -> Iterator[Smtp]:
    made = Smtp()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = made.server_address
    yield made
    made.shutdown()
    made.server_close()


def make(cast, kind: str, to: str, **more) -> dict:
    answer = cast.rest.post("/api/alerts", {"kind": kind, "to": to, **more})
    assert answer.status_code == 201, answer.content
    return answer.json()


def look() -> None:
    """One round of the sweep: who is to be told has been."""
    watch.look()
    tell()


def tell(later: timedelta = timedelta()) -> int:
    """Tells whoever is due then. How many took it."""
    came: list[tuple[models.Alert, bool]] = []

    async def settle(alert: models.Alert, told: bool) -> None:
        came.append((alert, told))

    async def run(due: list[models.Alert]) -> None:
        teller = Teller(settle)
        teller.tell(due)
        await teller.finish()
        await teller.client.aclose()
        assert not +teller.busy

    with mock.patch("clock.now", return_value=timezone.now() + later):
        asyncio.run(run(watch.take_due()))
        for alert, told in came:
            watch.settle(alert, told)
    return sum(told for _, told in came)


def raised(cast) -> list[dict]:
    rows = models.Event.objects.filter(project_id=cast.project.id, type="alert.raised").order_by("id")
    return [json.loads(row.body)["data"] for row in rows]


def go_wrong(cast, kind: str) -> None:
    """The condition of that kind begins to hold."""
    now = timezone.now()
    if kind == "webhook_failing":
        models.WebhookEndpoint.objects.create(
            project=cast.project,
            url="https://hooks.example.com/",
            secret="s",
            failing_since=now - timedelta(minutes=2),
        )
    elif kind == "balance":
        models.Account.objects.create(project=cast.project, prepaid=True, balance=0)
    else:
        call_id = fake_worker.talking(cast)
        cast.alice.rest.post(f"/api/calls/{call_id}/hangup")
        if kind == "worker_lost":
            models.Call.objects.filter(pk=call_id).update(end_cause="worker_lost")
        else:
            models.Leg.objects.filter(call_id=call_id).update(stats=[{"so_far": {"mos": 2.1}}])


def go_right(cast) -> None:
    models.WebhookEndpoint.objects.all().delete()
    models.Account.objects.all().delete()
    models.Call.objects.update(ended_at=timezone.now() - timedelta(minutes=20))


@pytest.mark.parametrize("kind", KINDS)
def test_an_alert_is_raised_once_while_its_condition_holds_and_again_after_it_rested(cast, receiver, kind):
    made = make(cast, kind, receiver.url)
    look()
    assert raised(cast) == [] and receiver.got == []
    go_wrong(cast, kind)
    look()
    look()
    assert [(each["alert_id"], each["kind"]) for each in raised(cast)] == [(made["id"], kind)]
    (told,) = receiver.got
    assert told.json["kind"] == kind and told.json["text"] and told.json["detail"]
    (shown,) = cast.rest.get("/api/alerts").json()["data"]
    assert shown["raised_at"] is not None
    go_right(cast)
    look()
    assert cast.rest.get("/api/alerts").json()["data"][0]["raised_at"] is None
    go_wrong(cast, kind)
    look()
    assert len(raised(cast)) == 2 and len(receiver.got) == 2


def test_a_threshold_says_what_is_bad(cast, receiver):
    make(cast, "quality", receiver.url, threshold="2.0")
    make(cast, "quality", receiver.url, threshold=4)
    go_wrong(cast, "quality")
    look()
    assert len(receiver.got) == 1, "2.1 is worse than 4, and better than 2"


def test_other_projects_are_neither_watched_nor_told(cast, mallory, receiver):
    make(mallory, "worker_lost", receiver.url)
    go_wrong(cast, "worker_lost")
    look()
    assert receiver.got == [] and raised(mallory) == []
    (made,) = mallory.rest.get("/api/alerts").json()["data"]
    assert cast.rest.get("/api/alerts").json()["data"] == []
    rest_client.error_of(cast.rest.delete(f"/api/alerts/{made['id']}"), 404)
    assert mallory.rest.delete(f"/api/alerts/{made['id']}").status_code == 204
    rest_client.error_of(mallory.rest.delete(f"/api/alerts/{made['id']}"), 404)


def test_whoever_cannot_be_told_is_tried_again_and_then_given_up(cast):
    answers = iter([500, "reset"])
    receiver = Receiver(lambda number, headers, body: next(answers, "ok"))
    make(cast, "worker_lost", receiver.url)
    go_wrong(cast, "worker_lost")
    look()
    assert tell() == 0 and len(receiver.got) == 1, "it is not yet time"
    for minutes in (1, 4, 40):
        tell(timedelta(minutes=minutes))
    assert sum(got.acked for got in receiver.got) == 1
    receiver.close()
    models.Alert.objects.update(telling=True, tries=0)
    for _ in range(10):
        models.Alert.objects.update(next_at=timezone.now())
        tell()
    assert not models.Alert.objects.get().telling


def test_an_alert_comes_by_mail(cast, smtp):
    make(cast, "worker_lost", "lead@example.com")
    go_wrong(cast, "worker_lost")
    smtp.refuses = True
    look()
    assert smtp.mails == [] and models.Alert.objects.get().telling
    smtp.refuses = False
    tell(timedelta(minutes=5))
    (mail,) = smtp.mails
    message = email.message_from_string(mail)
    assert message["To"] == "lead@example.com" and "worker lost" in message["Subject"]
    assert "media worker was lost" in str(message.get_payload())


def test_without_a_mail_server_a_mail_address_is_refused(cast, settings):
    settings.EMAIL_HOST = ""
    answer = cast.rest.post("/api/alerts", {"kind": "balance", "to": "lead@example.com"})
    assert rest_client.error_of(answer, 422)["code"] == "mail_unavailable"


@pytest.mark.parametrize(
    ("body", "attribute"),
    [
        ({"to": "https://example.com/"}, "kind"),
        ({"kind": "weather", "to": "https://example.com/"}, "kind"),
        ({"kind": "quality"}, "to"),
        ({"kind": "quality", "to": "lead"}, "to"),
        ({"kind": "quality", "to": "ftp://example.com/"}, "to"),
        ({"kind": "quality", "to": "https://example.com/", "threshold": "much"}, "threshold"),
        ({"kind": "quality", "to": "https://example.com/", "threshold": 9}, "threshold"),
        ({"kind": "quality", "to": "https://example.com/", "threshold": True}, "threshold"),
        ({"kind": "balance", "to": "https://example.com/", "threshold": "NaN"}, "threshold"),
        ({"kind": "worker_lost", "to": "https://example.com/", "threshold": 1}, "threshold"),
        ({"kind": "worker_lost", "to": "https://example.com/", "treshold": 1}, "treshold"),
    ],
)
def test_what_means_nothing_is_422(cast, body, attribute):
    assert rest_client.error_of(cast.rest.post("/api/alerts", body), 422)["attribute"] == attribute


@pytest.mark.parametrize("url", ["http://169.254.169.254/", "http://127.0.0.1/", "http://[::1]/"])
def test_a_private_address_is_refused_where_webhooks_may_not_go_there(cast, settings, url):
    settings.CALLWRIGHT_ALLOW_PRIVATE_URLS = False
    rest_client.error_of(cast.rest.post("/api/alerts", {"kind": "balance", "to": url}), 422)


def test_only_a_key_may_ask(cast):
    rest_client.error_of(cast.alice.rest.get("/api/alerts"), 403)
    rest_client.error_of(
        cast.alice.rest.post("/api/alerts", {"kind": "balance", "to": "https://example.com/"}), 403
    )
    rest_client.error_of(rest_client.client().get("/api/alerts"), 401)


def test_a_project_has_at_most_fifty(cast):
    for _ in range(50):
        make(cast, "balance", "https://example.com/")
    answer = cast.rest.post("/api/alerts", {"kind": "balance", "to": "https://example.com/"})
    assert rest_client.error_of(answer, 409)["code"] == "too_many_alerts"


def test_slow_addresses_of_one_project_leave_places_for_others(cast, mallory):
    """Of what is due each project has its turn, and however many one has being told, another's is taken."""
    now = timezone.now()
    for number in range(50):
        owner = {"project": mallory.project, "to": f"https://tar.example.com/{number}"}
        models.Alert.objects.create(kind="balance", telling=True, next_at=now, raised_at=now, **owner)
    first = watch.take_due()
    assert len(first) == 25, "half of the places, though nobody else has anything"
    models.Alert.objects.create(
        kind="balance",
        telling=True,
        next_at=now,
        raised_at=now,
        project=cast.project,
        to="https://example.com/",
    )
    busy = {str(mallory.project.pk): len(first)}
    assert [alert.project_id for alert in watch.take_due(busy)] == [cast.project.pk]
