"""A browser with its push service for the tests of `/api/push`: it subscribes, and opens what it gets."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from datetime import timedelta
from unittest import mock

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.utils import timezone

from calling.calls import control
from calling.machine import inputs
from calling.push import encryption, rings, sender
from tests.support import fake_worker
from tests.webhooks.receivers import Got, Receiver

PATH = "/api/push/subscription"


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
