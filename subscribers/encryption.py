"""Encryption of what the database keeps but a copy of it must not tell: gateway passwords, stored answers.

The key is derived from SECRET_KEY. What an older key sealed is read while that key is in
SECRET_KEY_FALLBACKS; without it the value is `Unreadable`. `manage.py reseal` seals everything anew.
"""

from __future__ import annotations

import base64
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class Unreadable(Exception):
    """The value was sealed with another key, or is damaged."""


def derived_key(purpose: str) -> bytes:
    """32 bytes for one purpose, derived from SECRET_KEY (RFC 5869)."""
    return derived_keys(purpose)[0]


def derived_keys(purpose: str) -> list[bytes]:
    """The same of SECRET_KEY and of each key before it: the first one closes, any of them opens."""
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return [_derived(str(secret), purpose) for secret in secrets]


@lru_cache(maxsize=32)
def _derived(secret: str, purpose: str) -> bytes:
    return HKDF(SHA256(), 32, salt=b"callwright", info=purpose.encode()).derive(secret.encode())


def seal_bytes(plain: bytes) -> bytes:
    return _box().encrypt(plain)


def unseal_bytes(sealed: bytes) -> bytes:
    try:
        return _box().decrypt(sealed)
    except InvalidToken:
        raise Unreadable("sealed with another key") from None


def seal(plain: str) -> str:
    return seal_bytes(plain.encode()).decode()


def unseal(sealed: str) -> str:
    return unseal_bytes(sealed.encode()).decode()


def _box() -> MultiFernet:
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in derived_keys("sealed columns v1")])
