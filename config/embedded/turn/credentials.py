"""Time-limited TURN credentials and nonces. Pure.

The scheme is coturn's `use-auth-secret` (draft-uberti-behave-turn-rest-00): username `<unix expiry>:<id>`,
password base64(HMAC-SHA1(secret, username)); whoever has the secret can check them without asking anybody.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

_NONCE_LIFE = 3600


def issue(secret: str, identity: str, expires_at: int) -> tuple[str, str]:
    """(username, password) valid until `expires_at`, unix seconds. `identity` may not hold a colon."""
    username = f"{expires_at}:{identity.replace(':', '-')}"
    return username, password(secret, username)


def password(secret: str, username: str) -> str:
    return base64.b64encode(hmac.new(secret.encode(), username.encode(), "sha1").digest()).decode()


def expiry(username: str) -> int | None:
    """Unix seconds of a username's end; None where it is not of our shape."""
    stamp, colon, identity = username.partition(":")
    if not colon or not identity or not stamp.isascii() or not stamp.isdigit() or len(stamp) > 12:
        return None
    return int(stamp)


def identity(username: str) -> str:
    """Whose quota a username counts against, whenever it was issued."""
    return username.partition(":")[2]


def integrity_key(secret: str, username: str, realm: str) -> bytes:
    """The key of MESSAGE-INTEGRITY with long-term credentials (RFC 8489 section 9.2.2)."""
    return hashlib.md5(f"{username}:{realm}:{password(secret, username)}".encode()).digest()


def nonce(secret: str, client: tuple[str, int], now: float) -> bytes:
    """A nonce for this client address; it carries its own time and signature, so nothing is stored."""
    stamp = f"{int(now):012d}"
    return f"{stamp}-{_nonce_signature(secret, client, stamp)}".encode()


def nonce_is_fresh(secret: str, client: tuple[str, int], presented: bytes, now: float) -> bool:
    """Whether we made it for this client within the last hour."""
    stamp, dash, signature = presented.decode("latin-1").partition("-")
    if not dash or len(stamp) != 12 or not (stamp.isascii() and stamp.isdigit()):
        return False
    genuine = hmac.compare_digest(
        signature.encode("latin-1"), _nonce_signature(secret, client, stamp).encode()
    )
    return genuine and 0 <= now - int(stamp) + 1 <= _NONCE_LIFE


def _nonce_signature(secret: str, client: tuple[str, int], stamp: str) -> str:
    text = f"{stamp}|{client[0]}|{client[1]}"
    return hmac.new(secret.encode(), text.encode(), "sha256").hexdigest()[:24]
