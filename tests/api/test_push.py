"""`/api/push`: a browser whose page is closed is woken when its subscriber is called, and told the end."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from unittest import mock
from uuid import UUID, uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.utils import timezone

from calling import models
from calling.calls import control
from calling.machine import inputs
from calling.push import encryption, rings, sender, vapid
from tests.support import fake_worker, people, rest_client
from tests.support.wait import wait_for
from tests.webhooks.receivers import Got, Receiver
from tests.webhooks.sweeps import Sweep
from tokens import revocation

PATH = "/api/push/subscription"
# RFC 8291, Appendix A.
PLAIN = b"When I grow up, I want to be a watermelon"
AS_PRIVATE = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
UA_PUBLIC = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6Tlz"
    "AC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Browser:
    """A browser with its push service on loopback; it opens what it gets with a key of its own."""

    def __init__(self) -> None:
        self.answers: list[object] = []
        self.receiver = Receiver(lambda number, headers, body: self.answers.pop(0) if self.answers else 201)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.auth = os.urandom(16)

    @property
    def subscription(self) -> dict:
        keys = {
            "p256dh": encryption.encode(encryption.point(self.key.public_key())),
            "auth": encryption.encode(self.auth),
        }
        return {"endpoint": self.receiver.url, "expirationTime": None, "keys": keys}

    @property
    def messages(self) -> list[dict]:
        return [self.open(got.body) for got in self.receiver.got]

    def open(self, body: bytes) -> dict:
        """RFC 8188 and RFC 8291 from the receiver's side."""
        salt, size, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
        sent_by, record = body[21 : 21 + length], body[21 + length :]
        assert length == 65 and len(record) <= size and len(body) <= 4096
        other = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sent_by)
        mine = encryption.point(self.key.public_key())

        def derive(salt: bytes, info: bytes, secret: bytes, size: int) -> bytes:
            return HKDF(SHA256(), size, salt=salt, info=info).derive(secret)

        shared = self.key.exchange(ec.ECDH(), other)
        secret = derive(self.auth, b"WebPush: info\0" + mine + sent_by, shared, 32)
        key = derive(salt, b"Content-Encoding: aes128gcm\0", secret, 16)
        nonce = derive(salt, b"Content-Encoding: nonce\0", secret, 12)
        plain = AESGCM(key).decrypt(nonce, record, None)
        assert plain.endswith(b"\2")
        return json.loads(plain[:-1])


@pytest.fixture
def browser() -> Iterator[Browser]:
    made = Browser()
    yield made
    made.receiver.close()


def subscribe(person, browser: Browser, status: int = 201) -> dict:
    answer = person.rest.put(PATH, browser.subscription)
    assert answer.status_code == status, answer.content
    return answer.json()


def call(cast, by: str = "alice", to: str = "bob") -> str:
    """A call to somebody whose devices are all offline."""
    answer = cast.people[by].rest.post("/api/calls", {"to": cast.people[to].address, "sdp": fake_worker.SDP})
    assert answer.status_code == 201, answer.content
    call_id = answer.json()["id"]
    fake_worker.carry(call_id)
    return call_id


def look() -> rings.News:
    """One round of the sweep, until everything is sent. What was taken."""
    news = rings.take(sender.MOST)
    send(news)
    return news


def send(news: rings.News) -> None:
    async def run() -> None:
        sending = sender.Sender()
        sending.send(news)
        await sending.settle()
        await sending.client.aclose()

    with mock.patch.object(sender, "WAITS", (0.0, 0.01, 0.01)):
        asyncio.run(run())


def run_out(call_id: str) -> None:
    with mock.patch("clock.now", return_value=timezone.now() + timedelta(seconds=60)):
        control.apply(call_id, inputs.DeadlinePassed())


def checked_claims(got: Got) -> dict:
    """What the VAPID header says, after checking its signature with the key that it names (RFC 8292)."""
    scheme, _, words = got.headers["authorization"].partition(" ")
    assert scheme == "vapid"
    said = dict(word.strip().split("=", 1) for word in words.split(","))
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw(said["k"]))
    audience = got.headers["host"]
    claims: dict = jwt.decode(said["t"], key, algorithms=["ES256"], audience=f"http://{audience}")
    return claims | {"k": said["k"]}


# --- encryption -----------------------------------------------------------------------------------------


def test_a_message_is_encrypted_as_in_rfc_8291():
    private = ec.derive_private_key(int.from_bytes(raw(AS_PRIVATE), "big"), ec.SECP256R1())
    made = encryption.encrypt(PLAIN, raw(UA_PUBLIC), raw(AUTH), sender=private, salt=raw(SALT))
    assert made == raw(BODY)


def test_a_message_is_at_most_what_push_services_take():
    private = ec.generate_private_key(ec.SECP256R1())

    def make(size: int) -> bytes:
        return encryption.encrypt(b"x" * size, raw(UA_PUBLIC), raw(AUTH), sender=private, salt=raw(SALT))

    assert len(make(encryption.MOST_BYTES)) == 4096
    with pytest.raises(ValueError, match="size"):
        make(encryption.MOST_BYTES + 1)


def test_the_key_of_the_instance_follows_from_its_secret_key(cast, settings):
    first = cast.alice.rest.get("/api/push/key").json()["key"]
    assert len(raw(first)) == 65 and raw(first)[0] == 4
    assert cast.bob.rest.get("/api/push/key").json()["key"] == first
    settings.SECRET_KEY = "another secret key of the same instance, long enough"
    assert cast.rest.get("/api/push/key").json()["key"] != first
    rest_client.error_of(rest_client.client().get("/api/push/key"), 401)


# --- subscriptions --------------------------------------------------------------------------------------


def test_a_browser_subscribes_again_without_a_second_row(cast, browser):
    assert subscribe(cast.bob, browser)["endpoint"] == browser.receiver.url
    subscribe(cast.bob, browser, status=200)
    assert models.PushSubscription.objects.count() == 1


def test_beyond_ten_the_oldest_goes(cast, browser):
    for number in range(12):
        body = browser.subscription | {"endpoint": f"{browser.receiver.url}/{number}"}
        assert cast.bob.rest.put(PATH, body).status_code == 201
    kept = models.PushSubscription.objects.values_list("endpoint", flat=True)
    assert sorted(kept) == sorted(f"{browser.receiver.url}/{number}" for number in range(2, 12))


def test_one_browser_or_all_of_a_subscriber_are_taken_off(cast, browser):
    for person in (cast.alice, cast.bob):
        for number in range(3):
            other = Browser()
            other.receiver.close()
            body = other.subscription | {"endpoint": f"{browser.receiver.url}/{person.name}/{number}"}
            assert person.rest.put(PATH, body).status_code == 201
    one = {"endpoint": f"{browser.receiver.url}/bob/1"}
    assert cast.alice.rest.delete(PATH, one).status_code == 204, "it is not hers: nothing happens"
    assert models.PushSubscription.objects.count() == 6
    assert cast.bob.rest.delete(PATH, one).status_code == 204
    assert models.PushSubscription.objects.count() == 5
    assert cast.bob.rest.delete(PATH).status_code == 204
    left = set(models.PushSubscription.objects.values_list("subscriber_id", flat=True))
    assert left == {cast.alice.subscriber.pk}


def test_a_browser_rings_for_the_last_who_signed_in_there(cast, browser):
    subscribe(cast.alice, browser)
    subscribe(cast.bob, browser)
    assert models.PushSubscription.objects.get().subscriber_id == cast.bob.subscriber.pk


def test_nobody_ends_the_subscription_of_another_by_its_endpoint(cast, browser):
    subscribe(cast.alice, browser)
    forged = browser.subscription
    forged["keys"]["auth"] = encryption.encode(os.urandom(16))
    assert cast.bob.rest.put(PATH, forged).status_code == 201
    assert models.PushSubscription.objects.filter(subscriber_id=cast.alice.subscriber.pk).count() == 1


def test_only_subscribers_are_woken(cast, browser):
    for rest in (cast.gus.rest, cast.rest):
        rest_client.error_of(rest.put(PATH, browser.subscription), 403)
        rest_client.error_of(rest.delete(PATH), 403)
    rest_client.error_of(rest_client.client().put(PATH, browser.subscription), 401)


GOOD = {"endpoint": "https://push.example.com/x", "keys": {"p256dh": UA_PUBLIC, "auth": AUTH}}
OFF_CURVE = encryption.encode(b"\4" + b"\1" * 64)


@pytest.mark.parametrize(
    ("change", "attribute"),
    [
        ({"endpoint": None}, "endpoint"),
        ({"endpoint": 7}, "endpoint"),
        ({"endpoint": "ftp://push.example.com/"}, "endpoint"),
        ({"endpoint": "https://push.example.com/" + "x" * 1000}, "endpoint"),
        ({"endpoint": "https://push.example.com/ä"}, "endpoint"),
        ({"endpoint": "https://user:word@push.example.com/"}, "endpoint"),
        ({"expirationTime": "soon"}, "expirationTime"),
        ({"keys": None}, "keys"),
        ({"keys": "p256dh"}, "keys"),
        ({"keys": {"p256dh": UA_PUBLIC}}, "keys.auth"),
        ({"keys": {"auth": AUTH}}, "keys.p256dh"),
        ({"keys": {"p256dh": UA_PUBLIC, "auth": AUTH + "AA"}}, "keys.auth"),
        ({"keys": {"p256dh": UA_PUBLIC, "auth": "BTBZMqHH6r4Tts7J/aSI+g"}}, "keys.auth"),
        ({"keys": {"p256dh": UA_PUBLIC, "auth": 7}}, "keys.auth"),
        ({"keys": {"p256dh": UA_PUBLIC[:-4], "auth": AUTH}}, "keys.p256dh"),
        ({"keys": {"p256dh": OFF_CURVE, "auth": AUTH}}, "keys.p256dh"),
        ({"keys": {"p256dh": "x" * 5000, "auth": AUTH}}, "keys.p256dh"),
        ({"keys": {"p256dh": UA_PUBLIC, "auth": AUTH, "more": 1}}, "keys.more"),
        ({"expiration": 1}, "expiration"),
    ],
)
def test_what_is_no_subscription_is_422(cast, change, attribute):
    assert cast.bob.rest.put(PATH, GOOD).status_code == 201
    assert rest_client.error_of(cast.bob.rest.put(PATH, GOOD | change), 422)["attribute"] == attribute


@pytest.mark.parametrize("url", ["http://push.example.com/", "https://127.0.0.1:22/", "https://host:8080/"])
def test_an_endpoint_is_judged_as_a_webhook_is(cast, settings, url):
    settings.CALLWRIGHT_ALLOW_PRIVATE_URLS = False
    rest_client.error_of(cast.bob.rest.put(PATH, GOOD | {"endpoint": url}), 422)


def test_a_push_service_inside_is_not_reached(cast, settings, browser):
    subscribe(cast.bob, browser)
    call(cast)
    settings.CALLWRIGHT_ALLOW_PRIVATE_URLS = False
    look()
    assert browser.receiver.got == []


# --- ringing --------------------------------------------------------------------------------------------


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
