"""`/api/push`: a browser subscribes and is removed; its messages are encrypted and signed for its service."""

from __future__ import annotations

import os

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from calling import models
from calling.push import encryption
from tests.api.push_browser import PATH, Browser, call, look, raw, subscribe
from tests.support import rest_client

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
