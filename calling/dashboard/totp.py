"""Time-based one-time passwords (RFC 6238: SHA-1, 6 digits, 30 s), as every authenticator app makes them.

Pure but for the clock, which is an argument.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import struct
from urllib.parse import quote

STEP_SECONDS = 30
SLACK_STEPS = 1  # a phone's clock may be half a minute off


def new_secret() -> str:
    """160 random bits in base32."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


def new_recovery_codes(count: int = 10) -> list[str]:
    """Codes of 50 random bits for whoever has lost the authenticator."""
    alphabet = "abcdefghijkmnpqrstuvwxyz23456789"  # none that looks like another
    return [
        "-".join("".join(secrets.choice(alphabet) for _ in range(5)) for _ in range(2)) for _ in range(count)
    ]


def recovery_digest(text: str) -> str:
    """What is kept of a recovery code; however it is typed."""
    plain = text.replace("-", "").replace(" ", "").strip().lower()[:40]
    return hashlib.sha256(f"recovery:{plain}".encode("utf-8", "surrogatepass")).hexdigest()


def code(secret: str, step: int) -> str:
    digest = hmac.digest(base64.b32decode(secret), struct.pack(">Q", step), "sha1")
    offset = digest[-1] & 0x0F
    (word,) = struct.unpack_from(">I", digest, offset)
    return f"{(word & 0x7FFFFFFF) % 1_000_000:06d}"


def matching_step(secret: str, given: str, now: float, last_step: int) -> int | None:
    """The time step that `given` is the code of, newer than `last_step`; None if there is none."""
    current = int(now) // STEP_SECONDS
    for step in range(current - SLACK_STEPS, current + SLACK_STEPS + 1):
        if step > last_step and hmac.compare_digest(code(secret, step), given):
            return step
    return None


def provisioning_uri(secret: str, name: str) -> str:
    """What an authenticator app takes in (Key URI format)."""
    return f"otpauth://totp/Callwright:{quote(name)}?secret={secret}&issuer=Callwright"
