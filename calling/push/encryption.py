"""Message encryption for Web Push (RFC 8291 on RFC 8188, `aes128gcm`). Pure; nothing here sends or stores."""

from __future__ import annotations

import base64
import re
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

KEY_BYTES: Final = 65  # an uncompressed point of P-256
AUTH_BYTES: Final = 16
SALT_BYTES: Final = 16
RECORD_SIZE: Final = 4096
TAG_BYTES: Final = 16
BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]*")
# One record holds the text, its delimiter and the tag; push services take 4096 bytes with the header.
MOST_BYTES: Final = RECORD_SIZE - (SALT_BYTES + 4 + 1 + KEY_BYTES) - TAG_BYTES - 1


def encode(raw: bytes) -> str:
    """base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """The bytes of base64url, with or without padding. Raises ValueError."""
    bare = text.rstrip("=")
    if not BASE64URL.fullmatch(bare) or len(bare) % 4 == 1:
        raise ValueError("not base64url")
    return base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))


def public_key(raw: bytes) -> ec.EllipticCurvePublicKey:
    """The key of an uncompressed point. Raises ValueError where it is none of P-256."""
    if len(raw) != KEY_BYTES or raw[0] != 4:
        raise ValueError("not an uncompressed point of P-256")
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw)


def point(key: ec.EllipticCurvePublicKey) -> bytes:
    """The 65 bytes of a public key as an uncompressed point."""
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def encrypt(
    plain: bytes, receiver: bytes, auth: bytes, *, sender: ec.EllipticCurvePrivateKey, salt: bytes
) -> bytes:
    """The body of a push message: header and one record. `sender` and `salt` (16 bytes) are for once.

    `receiver` and `auth` are the subscription's `p256dh` and `auth`, decoded. Raises ValueError for sizes
    that do not fit.
    """
    if len(plain) > MOST_BYTES or len(auth) != AUTH_BYTES or len(salt) != SALT_BYTES:
        raise ValueError("a size that does not fit")
    own = point(sender.public_key())
    shared = sender.exchange(ec.ECDH(), public_key(receiver))
    secret = HKDF(SHA256(), 32, salt=auth, info=b"WebPush: info\0" + receiver + own).derive(shared)
    key = HKDF(SHA256(), 16, salt=salt, info=b"Content-Encoding: aes128gcm\0").derive(secret)
    nonce = HKDF(SHA256(), 12, salt=salt, info=b"Content-Encoding: nonce\0").derive(secret)
    header = salt + RECORD_SIZE.to_bytes(4, "big") + bytes([len(own)]) + own
    return header + AESGCM(key).encrypt(nonce, plain + b"\2", None)
