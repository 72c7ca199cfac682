"""The `a=crypto` lines of a media section (RFC 4568): reading them, choosing one, writing our own. Pure.

What cannot be kept to is no key: a line with an unknown suite, a session parameter that would leave packets
open, or several master keys is passed over as if it were not there.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

# suite -> octets of master key and salt together (RFC 4568 6.2, RFC 7714 14.2)
SUITES = {
    "AES_CM_128_HMAC_SHA1_80": 30,
    "AES_CM_128_HMAC_SHA1_32": 30,
    "AEAD_AES_128_GCM": 28,
    "AEAD_AES_256_GCM": 44,
}
MAX_LIFETIME = 2**48  # packets (RFC 3711 9.2)
MAX_MKI = 128  # octets (RFC 4568 6.1)

_LINE = re.compile(r"(\d{1,9})[ \t]+([A-Za-z0-9_]{1,64})[ \t]+(\S{1,1024})((?:[ \t]+\S{1,128}){0,8})[ \t]*")
_KEY = re.compile(r"inline:([A-Za-z0-9+/]{1,100}={0,2})((?:\|[^|]{1,64}){0,2})", re.IGNORECASE)
_LIFETIME = re.compile(r"(2\^)?(\d{1,15})")
_MKI = re.compile(r"(\d{1,40}):(\d{1,3})")
# What RFC 4568 6.3 lets a line ask for and we can keep to; "-" marks what may be ignored.
_HARMLESS = re.compile(r"-.*|KDR=0|WSH=\d{1,6}", re.IGNORECASE)


@dataclass(frozen=True)
class Crypto:
    """One usable line. `mki`: the octets that each packet carries before its tag, b"" for none."""

    tag: int
    suite: str
    key: bytes = field(repr=False)
    mki: bytes = b""


def read(line: str) -> Crypto | None:
    """The value of one `a=crypto:` line, None where it cannot be used."""
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    suite = found[2].upper()
    parts = _KEY.fullmatch(found[3])
    size = SUITES.get(suite)
    if size is None or parts is None or not all(map(_HARMLESS.fullmatch, found[4].split())):
        return None
    try:
        key = base64.b64decode(parts[1] + "=" * (-len(parts[1]) % 4), validate=True)
        mki = _mki(parts[2].split("|")[1:])
    except (binascii.Error, ValueError):
        return None
    return Crypto(int(found[1]), suite, key, mki) if len(key) == size else None


def _mki(fields: Sequence[str]) -> bytes:
    """The MKI among `lifetime` and `MKI:length`, in that order; raises ValueError for anything else."""
    lifetime = _LIFETIME.fullmatch(fields[0]) if fields else None
    if lifetime is not None:
        power = int(lifetime[2])
        if not 0 < (power if lifetime[1] is None else power <= 48 and 2**power) <= MAX_LIFETIME:
            raise ValueError(fields[0])
        fields = fields[1:]
    if not fields:
        return b""
    found = _MKI.fullmatch(fields[0])
    if found is None or len(fields) > 1 or not 1 <= int(found[2]) <= MAX_MKI:
        raise ValueError(fields[0])
    try:
        return int(found[1]).to_bytes(int(found[2]), "big")
    except OverflowError:
        raise ValueError(fields[0]) from None


def choose(lines: Iterable[str], suites: Iterable[str] = SUITES) -> Crypto | None:
    """The first line of one of these suites; the offerer's order is its preference (RFC 4568 5.1.1)."""
    allowed = frozenset(suites)
    usable = (crypto for crypto in map(read, lines) if crypto is not None)
    return next((crypto for crypto in usable if crypto.suite in allowed), None)


def write(tag: int, suite: str, key: bytes) -> str:
    """The value of an `a=crypto:` line of ours: no lifetime, no MKI."""
    return f"{tag} {suite} inline:{base64.b64encode(key).decode()}"
