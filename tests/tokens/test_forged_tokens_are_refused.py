"""The JWT attack matrix (docs/security.md#r8, RFC 8725): every one is 401, and none a 5xx."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from subscribers.models import Subscriber
from tests.support.people import pair_for
from tests.support.rest_client import Api, bearer, code
from tokens import signing

INFO = "/api/fabric/subscriber/info"


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def parts_of(token: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    head, payload, signature = token.split(".")
    return (
        json.loads(base64.urlsafe_b64decode(head + "==")),
        json.loads(base64.urlsafe_b64decode(payload + "==")),
        signature,
    )


def built(header: Any, payload: Any, key: bytes | None = None) -> str:
    """A token of any header and payload (dicts, or raw JSON text), signed HS256 with `key`."""
    texts = [part if isinstance(part, str) else json.dumps(part) for part in (header, payload)]
    signed = ".".join(b64(text.encode()) for text in texts)
    signature = b64(hmac.new(key, signed.encode(), hashlib.sha256).digest()) if key is not None else ""
    return f"{signed}.{signature}"


@pytest.fixture
def good(alice: Subscriber) -> str:
    return pair_for(alice).token


def refused(token: str) -> str:
    answer = bearer(token).get(INFO)
    assert answer["WWW-Authenticate"].startswith("Basic ")
    status, word, _ = code(answer)
    assert status == 401
    return word


def test_the_genuine_token_passes(good: str) -> None:
    assert bearer(good).get(INFO).status_code == 200
    header, _, _ = parts_of(good)
    assert header["typ"] == "SAT" and header["ch"] == signing.channel_host()


@pytest.mark.parametrize(
    "alg", ["none", "None", "NONE", "nOnE", "", "HS384", "HS512", "RS256", "dir", None, 5, []]
)
def test_no_other_algorithm(good: str, alg: Any) -> None:
    header, payload, signature = parts_of(good)
    header["alg"] = alg
    assert refused(built(header, payload)) == "token_invalid"
    assert refused(built(header, payload) + signature) == "token_invalid"
    assert refused(built(header, payload, signing._key("SAT"))) == "token_invalid"


@pytest.mark.parametrize("key", [b"", b"secret", b"callwright", b"\x00" * 32])
def test_no_guessed_key(good: str, key: bytes) -> None:
    header, payload, _ = parts_of(good)
    assert refused(built(header, payload, key)) == "token_invalid"


def test_no_asymmetric_swap(good: str) -> None:
    header, payload, _ = parts_of(good)
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    swapped = jwt.encode(payload, private, algorithm="RS256", headers={**header, "alg": "RS256"})
    assert refused(swapped) == "token_invalid"


@pytest.mark.parametrize(
    "extra",
    [
        {"kid": "../../../../dev/null"},
        {"kid": "' OR 1=1 --"},
        {"kid": None},
        {"jku": "https://evil.example/keys"},
        {"x5u": "https://evil.example/cert"},
        {"jwk": {"kty": "oct", "k": "AAAA"}},
        {"x5c": ["AAAA"]},
        {"crit": ["exp"]},
        {"b64": False, "crit": ["b64"]},
        {"cty": "JWT"},
        {"typ": "JWT"},
        {"typ": "sat"},
        {"typ": "Refresh"},
        {"zip": "DEF"},
    ],
)
def test_no_header_but_ours_even_with_the_right_signature(good: str, extra: dict[str, Any]) -> None:
    header, payload, _ = parts_of(good)
    assert refused(built({**header, **extra}, payload, signing._key("SAT"))) == "token_invalid"


def test_duplicate_header_names_are_refused(good: str) -> None:
    header, payload, _ = parts_of(good)
    doubled = json.dumps(header)[:-1] + ',"alg":"HS256"}'
    assert refused(built(doubled, payload, signing._key("SAT"))) == "token_invalid"


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "someone"},
        {"iss": None},
        {"aud": "callwright:refresh"},
        {"aud": ["callwright:sat", "other"]},
        {"aud": None},
        {"exp": None},
        {"exp": "soon"},
        {"exp": 10**30},
        {"jti": None},
        {"jti": "x"},
        {"jti": str(uuid4())},
        {"sub": None},
        {"sub": 5},
        {"knd": "admin"},
        {"prj": "x"},
        {"alw": "everything"},
        {"alw": ["address"]},
        {"alw": [5]},
        {"nbf": int(time.time()) + 3600},
    ],
)
def test_claims_of_another_shape_are_refused_even_if_signed(good: str, change: dict[str, Any]) -> None:
    header, payload, _ = parts_of(good)
    payload = {name: value for name, value in {**payload, **change}.items() if value is not None}
    assert refused(built(header, payload, signing._key("SAT"))).startswith("token_")


def test_an_expired_token_says_so(good: str) -> None:
    header, payload, _ = parts_of(good)
    payload["exp"] = int(time.time()) - 1
    assert refused(built(header, payload, signing._key("SAT"))) == "token_expired"


def test_a_changed_payload_or_signature_is_refused(good: str) -> None:
    header, payload, signature = parts_of(good)
    payload["adr"] = "/private/bob"
    assert refused(built(header, payload) + signature) == "token_invalid"
    flipped = good[:-2] + ("A" if good[-2] != "A" else "B") + good[-1]
    assert refused(flipped) == "token_invalid"


@pytest.mark.parametrize("part", [0, 1, 2])
@pytest.mark.parametrize("how", ["=", "==", "\n", "!", " ", "+", "a bit left over"])
def test_a_token_has_one_spelling(good: str, part: int, how: str) -> None:
    """The same token spelled otherwise would pass whatever lists tokens by their text."""
    parts = good.split(".")
    if how == "a bit left over":
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        if len(parts[part]) % 4 == 0:
            pytest.skip("this part has no bits to spare")
        parts[part] = parts[part][:-1] + letters[letters.index(parts[part][-1]) | 1]
    else:
        parts[part] += how
    with pytest.raises(signing.InvalidToken):
        signing.verify(".".join(parts), "SAT")


@pytest.mark.parametrize(
    "text", ["", ".", "..", "a.b.c", "null", "e30.e30.", "a.b.c.d.e", "{}", "%00", "é", "A" * 1_000_000]
)
def test_what_is_no_token_is_refused(db: None, text: str) -> None:
    if text.isascii():
        refused(text)
    with pytest.raises(signing.InvalidToken):
        signing.verify(text, "SAT")


def test_a_refresh_token_opens_nothing(alice: Subscriber) -> None:
    assert refused(pair_for(alice).refresh_token) == "token_invalid"


@pytest.mark.parametrize(
    "value", ["Basic", "Basic !!!", "Basic " + b64(b"x"), "Basic " + b64(b"\xff:\xff"), "Digest x"]
)
def test_a_broken_authorization_header_is_401(db: None, value: str) -> None:
    assert code(Api(value).get(INFO))[0] == 401
