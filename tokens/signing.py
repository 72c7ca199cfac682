"""Signing and checking of SATs and refresh tokens: JWS compact, HS256 alone (RFC 7515, 7519, 8725).

The key is derived from SECRET_KEY, one per token type, so that a refresh token can never pass for a SAT.
A token of an older key is good while that key is in SECRET_KEY_FALLBACKS.
The `ch` header is where SignalWire's browser SDK reads its host from.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from datetime import datetime
from typing import Any, Literal

import jwt
from django.conf import settings

import clock
from subscribers.encryption import derived_key, derived_keys

Typ = Literal["SAT", "Refresh"]
ALGORITHM = "HS256"
ISSUER = "callwright"
MAX_TOKEN = 16 * 1024
_HEADER_NAMES = frozenset({"alg", "typ", "kid", "ch"})


class InvalidToken(Exception):
    """A credential is refused. `code` is token_invalid, token_expired, token_revoked or unauthorized."""

    def __init__(self, code: str = "token_invalid", message: str = "The token is not valid.") -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def channel_host() -> str:
    """The `ch` header: `fabric.<domain>`, with the domain's port if it has one."""
    return f"fabric.{settings.CALLWRIGHT_DOMAIN}"


def sign(claims: dict[str, Any], typ: Typ, expires_at: datetime) -> str:
    """The compact JWS of `claims` with issuer, audience and times added."""
    payload = {
        **claims,
        "iss": ISSUER,
        "aud": _audience(typ),
        "iat": int(clock.now().timestamp()),
        "exp": int(expires_at.timestamp()),
    }
    headers = {"typ": typ, "kid": _kid(_key(typ)), "ch": channel_host()}
    return jwt.encode(payload, _key(typ), algorithm=ALGORITHM, headers=headers)


def verify(text: object, typ: Typ, expired: bool = False) -> dict[str, Any]:
    """The claims of a token of type `typ`; raises InvalidToken for anything else. `expired`: also of one that
    has ended.

    The header is compared with the one form this instance writes before any cryptography: algorithm, type
    and key are never taken from it (RFC 8725, 3.1, 3.11), and headers that carry or point to keys, or a
    critical extension, are refused by being there.
    """
    if not isinstance(text, str) or not text.isascii() or not 0 < len(text) <= MAX_TOKEN:
        raise InvalidToken
    key = _key_of(text, typ)
    try:
        claims: dict[str, Any] = jwt.decode(
            text,
            key,
            algorithms=[ALGORITHM],
            audience=_audience(typ),
            issuer=ISSUER,
            leeway=0,
            options={
                "require": ["exp", "iat", "jti", "sub", "aud", "iss"],
                "strict_aud": True,
                "verify_exp": not expired,
                # Clocks of two web hosts may differ by a moment; `exp` is what bounds a token.
                "verify_iat": False,
            },
        )
    except jwt.ExpiredSignatureError:
        raise InvalidToken("token_expired", "The token has expired.") from None
    except (jwt.PyJWTError, ValueError, OverflowError, RecursionError):
        raise InvalidToken from None
    return claims


def _key_of(text: str, typ: Typ) -> bytes:
    """The one of our own keys that the header names, if all else of it is as we write it."""
    parts = text.split(".")
    if len(parts) != 3:
        raise InvalidToken
    try:
        raw, _, _ = map(_decoded, parts)
        header = json.loads(raw, object_pairs_hook=_once)
    except (ValueError, binascii.Error, RecursionError):
        raise InvalidToken from None
    if not isinstance(header, dict) or not header.keys() <= _HEADER_NAMES:
        raise InvalidToken
    if (header.get("alg"), header.get("typ")) != (ALGORITHM, typ):
        raise InvalidToken
    for key in derived_keys(_purpose(typ)):
        if header.get("kid") == _kid(key):
            return key
    raise InvalidToken


def _decoded(part: str) -> bytes:
    """Base64url in its one form: no padding, no other letters, no bits left over (RFC 7515). ValueError."""
    raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != part:
        raise ValueError("not in its one form")
    return raw


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names are all different."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate name")
    return found


def _audience(typ: Typ) -> str:
    return f"callwright:{typ.lower()}"


def _purpose(typ: Typ) -> str:
    return f"token signature {typ} v1"


def _key(typ: Typ) -> bytes:
    return derived_key(_purpose(typ))


def _kid(key: bytes) -> str:
    return hashlib.sha256(b"kid" + key).hexdigest()[:8]
