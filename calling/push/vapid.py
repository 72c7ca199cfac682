"""The instance's name towards push services (VAPID, RFC 8292): a key of its own, and signed requests.

The key is derived from the instance's secret key, so every process has it and nothing more is stored. After
the secret key has changed, keys of the older ones still sign for subscriptions made with them.
"""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

import clock
from calling.outbound_http.url_text import Target
from calling.push.encryption import encode, point
from subscribers.encryption import derived_keys

PURPOSE: Final = "web push vapid v1"
ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256 (SP 800-186)
LIFETIME: Final = timedelta(hours=12)  # RFC 8292 allows 24 h; clocks differ


def private_keys() -> list[ec.EllipticCurvePrivateKey]:
    """The key that signs now, and those of older secret keys."""
    return [_private_key(secret) for secret in derived_keys(PURPOSE)]


@lru_cache(maxsize=32)
def _private_key(secret: bytes) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(1 + int.from_bytes(secret, "big") % (ORDER - 1), ec.SECP256R1())


def public_key() -> str:
    """What a browser subscribes with (`applicationServerKey`): base64url of an uncompressed point."""
    return encode(point(private_keys()[0].public_key()))


def authorization(target: Target, key: ec.EllipticCurvePrivateKey, contact: str) -> str:
    """The `Authorization` header of one request; `contact` is a mailto: or https: URI of the operator."""
    default = 443 if target.scheme == "https" else 80
    port = "" if target.port == default else f":{target.port}"
    host = f"[{target.host}]" if ":" in target.host else target.host
    claims = {
        "aud": f"{target.scheme}://{host}{port}",  # an origin as RFC 6454 writes it: no default port
        "exp": int((clock.now() + LIFETIME).timestamp()),
        "sub": contact,
    }
    token = jwt.encode(claims, key, algorithm="ES256")
    return f"vapid t={token}, k={encode(point(key.public_key()))}"
