"""Encryption of what the database keeps but a copy of it must not tell: gateway passwords, stored answers.

The key is derived from SECRET_KEY; a changed SECRET_KEY makes sealed values unreadable (`Unreadable`).
"""

from __future__ import annotations

import base64
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class Unreadable(Exception):
    """The value was sealed with another key, or is damaged."""


def derived_key(purpose: str) -> bytes:
    """32 bytes for one purpose, derived from SECRET_KEY (RFC 5869)."""
    return _derived(str(settings.SECRET_KEY), purpose)


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


def _box() -> Fernet:
    return Fernet(base64.urlsafe_b64encode(derived_key("sealed columns v1")))
