"""Digest authentication (RFC 7616, RFC 8760), client and server side.

Pure: time comes in as an argument. SHA-256 is offered first; MD5 only where it is allowed. What must
not live here: where passwords come from, and how often somebody may try (lockout).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from sipmessage import Request, Response

from calling.sip.values import auth_parameters

_HASHES = {"SHA-256": hashlib.sha256, "MD5": hashlib.md5}
NONCE_SECONDS = 60
TRACKED_NONCES = 50_000
_COUNT = re.compile(r"[0-9A-Fa-f]{8}\Z")


def digest_of(algorithm: str, text: str) -> str:
    return _HASHES[algorithm](text.encode()).hexdigest()


def ha1(algorithm: str, username: str, realm: str, password: str) -> str:
    """H(username:realm:password), the form in which a password may be stored."""
    return digest_of(algorithm, f"{username}:{realm}:{password}")


def response_of(algorithm: str, ha1_hex: str, method: str, fields: Mapping[str, str]) -> str:
    """The `response` value for these fields (nonce, uri, and nc, cnonce where qop is there)."""
    ha2 = digest_of(algorithm, f"{method}:{fields['uri']}")
    if fields.get("qop"):
        middle = f"{fields['nonce']}:{fields['nc']}:{fields['cnonce']}:{fields['qop']}"
    else:
        middle = fields["nonce"]
    return digest_of(algorithm, f"{ha1_hex}:{middle}:{ha2}")


@dataclass(frozen=True)
class Ha1Pair:
    """A user's stored digests; `md5` is empty where that user may only use SHA-256."""

    sha256: str
    md5: str = ""


@dataclass(frozen=True)
class Verdict:
    """`accepted`, or why not; `stale` asks for the same credentials on a new nonce.

    `guessed` says that a password was tried and was wrong, which counts for locks.
    """

    accepted: bool
    stale: bool = False
    guessed: bool = False


@dataclass
class DigestServer:
    """One realm's challenges and their checks.

    Nonces carry their own proof (an HMAC under a key of this process), so a challenge costs no
    memory. Only a nonce that authenticated is remembered, with the highest count seen: a nonce count
    is taken once, so a captured answer is worth nothing.
    """

    realm: str
    allow_md5: bool = False
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    _counts: OrderedDict[str, int] = field(default_factory=OrderedDict)

    def __post_init__(self) -> None:
        # Made once: making it when an unknown name comes would take time that a known one does not.
        self._decoy = Ha1Pair(self._seal("no such user"), self._seal("no such user"))

    def challenge(self, now: float, *, stale: bool = False) -> list[str]:
        """Values of WWW-Authenticate headers, the strongest first."""
        stamp = f"{int(now):x}.{secrets.token_hex(8)}"
        nonce = f"{stamp}.{self._seal(stamp)}"
        algorithms = ["SHA-256", "MD5"] if self.allow_md5 else ["SHA-256"]
        tail = ", stale=true" if stale else ""
        return [
            f'Digest realm="{self.realm}", nonce="{nonce}", algorithm={name}, qop="auth"{tail}'
            for name in algorithms
        ]

    def _seal(self, stamp: str) -> str:
        return hmac.new(self._key, f"{self.realm}|{stamp}".encode(), hashlib.sha256).hexdigest()[:32]

    def credentials(self, request: Request) -> dict[str, str] | None:
        """The fields of the Authorization header for this realm, None without a usable one."""
        for value in request.headers.getlist("Authorization")[:4]:
            try:
                scheme, found = auth_parameters(value)
            except ValueError:
                continue
            if scheme == "digest" and found.get("realm") == self.realm and found.get("username"):
                return dict(found)
        return None

    def verify(
        self, request: Request, fields: Mapping[str, str], user: Ha1Pair | None, now: float
    ) -> Verdict:
        """Check one Authorization. `user` is None for an unknown name: the same work is done either way."""
        algorithm = fields.get("algorithm", "MD5").upper()
        usable = algorithm == "SHA-256" or (algorithm == "MD5" and self.allow_md5)
        known = user or self._decoy
        secret = known.sha256 if algorithm == "SHA-256" else known.md5
        needed = ("uri", "cnonce", "nc", "nonce", "response")
        if not usable or fields.get("qop") != "auth" or not all(fields.get(name) for name in needed):
            return Verdict(False)
        nonce, count = fields.get("nonce", ""), fields.get("nc", "")
        stamp, _, seal = nonce.rpartition(".")
        if not hmac.compare_digest(self._seal(stamp).encode(), seal.encode()):
            return Verdict(False, stale=True)
        right = hmac.compare_digest(
            response_of(algorithm, secret or "-", request.method, fields).encode(),
            fields.get("response", "").lower().encode(),
        )
        if not right or user is None or not secret:
            return Verdict(False, guessed=True)
        if not self._fits(fields["uri"], request) or not _COUNT.match(count):
            return Verdict(False)
        age, number = now - int(stamp.split(".")[0], 16), int(count, 16)
        if not -5 <= age <= NONCE_SECONDS * (
            10 if nonce in self._counts else 1
        ) or number <= self._counts.get(nonce, 0):
            return Verdict(False, stale=True)
        self._counts[nonce] = number
        self._counts.move_to_end(nonce)
        while len(self._counts) > TRACKED_NONCES:
            self._counts.popitem(last=False)
        return Verdict(True)

    @staticmethod
    def _fits(uri: str, request: Request) -> bool:
        """The signed uri must name the request's user, so an answer cannot be moved to another target."""
        wanted = request.uri.user or ""
        user = uri.partition(":")[2].rpartition("@")[0]
        return (
            user.replace("%23", "#").split(":")[0] == wanted
            if wanted and request.method != "REGISTER"
            else True
        )


@dataclass(frozen=True)
class Credentials:
    """What we use towards one peer. `realm` "" means: the realm must equal the peer's domain."""

    username: str
    password: str = field(repr=False)
    realm: str = ""
    domain: str = ""
    allow_md5: bool = True


def answer_challenge(
    credentials: Credentials, response: Response, method: str, uri: str, counts: dict[str, int]
) -> tuple[str, str] | None:
    """The (header, value) that answers a 401 or 407, or None if it must not be answered.

    Only a challenge of the configured realm is answered: a callee behind the trunk that challenges
    with a realm of its own gets nothing (digest leak, GHSA-3v3f-99mv-qvj4). `counts` maps a nonce to
    its last count and is kept by the caller.
    """
    source, target = (
        ("WWW-Authenticate", "Authorization")
        if response.code == 401
        else ("Proxy-Authenticate", "Proxy-Authorization")
    )
    allowed = {credentials.realm} if credentials.realm else {credentials.domain}
    offers: dict[str, Mapping[str, str]] = {}
    for value in response.headers.getlist(source)[:8]:
        try:
            scheme, found = auth_parameters(value)
        except ValueError:
            continue
        algorithm = found.get("algorithm", "MD5").upper()
        qops = [item.strip() for item in found.get("qop", "").split(",") if item.strip()]
        if (
            scheme == "digest"
            and found.get("realm")
            and found["realm"] in allowed
            and "nonce" in found
            and algorithm in _HASHES
            and (not qops or "auth" in qops)
        ):
            offers.setdefault(algorithm, found)
    algorithm = "SHA-256" if "SHA-256" in offers else "MD5" if credentials.allow_md5 else ""
    if algorithm not in offers:
        return None
    offer = offers[algorithm]
    nonce = offer["nonce"]
    counts[nonce] = counts.get(nonce, 0) + 1
    fields = {"username": credentials.username, "realm": offer["realm"], "nonce": nonce, "uri": uri}
    if offer.get("qop"):
        fields |= {"qop": "auth", "nc": f"{counts[nonce]:08x}", "cnonce": secrets.token_hex(8)}
    secret = ha1(algorithm, credentials.username, offer["realm"], credentials.password)
    fields["response"] = response_of(algorithm, secret, method, fields)
    if "opaque" in offer:
        fields["opaque"] = offer["opaque"]
    text = ", ".join(
        f"{name}={value}" if name in ("nc", "qop") else f'{name}="{_escape(value)}"'
        for name, value in fields.items()
    )
    return target, f"Digest {text}, algorithm={algorithm}"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "").replace("\n", "")
