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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sipmessage import Request, Response

from calling.sip.stack.headers import auth_parameters, parse_uri

_HASHES = {"SHA-256": hashlib.sha256, "MD5": hashlib.md5}
NONCE_SECONDS = 60
TRACKED_NONCES = 50_000
ONLY_COUNT = "ffffffff"
MAX_CHALLENGES, MAX_REFUSALS = 8, 2
_COUNT = re.compile(r"[0-9A-Fa-f]{8}\Z")


def digest_of(algorithm: str, text: str | bytes) -> str:
    data = text.encode() if isinstance(text, str) else text
    return _HASHES[algorithm.upper().removesuffix("-SESS")](data).hexdigest()


def ha1(algorithm: str, username: str, realm: str, password: str) -> str:
    """H(username:realm:password), the form in which a password may be stored."""
    return digest_of(algorithm, f"{username}:{realm}:{password}")


def response_of(
    algorithm: str, ha1_hex: str, method: str, fields: Mapping[str, str], body: bytes = b""
) -> str:
    """The `response` value for these fields (nonce, uri, and nc, cnonce where qop is there); RFC 7616 3.4.

    `body` counts for qop auth-int alone. Without qop it is the form of RFC 2069.
    """
    if algorithm.upper().endswith("-SESS"):
        ha1_hex = digest_of(algorithm, f"{ha1_hex}:{fields['nonce']}:{fields['cnonce']}")
    signed = f":{digest_of(algorithm, body)}" if fields.get("qop") == "auth-int" else ""
    ha2 = digest_of(algorithm, f"{method}:{fields['uri']}{signed}")
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
        # Without qop it is a client of RFC 2069, which RFC 3261 22.4 wants served: its answer has no count,
        # so its nonce is good for one request alone.
        old = not fields.get("qop") and not fields.get("nc")
        needed = ("uri", "nonce", "response") if old else ("uri", "cnonce", "nc", "nonce", "response")
        qop = fields.get("qop", "auth")
        if not usable or qop != "auth" or not all(fields.get(name) for name in needed):
            return Verdict(False)
        nonce, count = fields.get("nonce", ""), ONLY_COUNT if old else fields.get("nc", "")
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
        if not wanted or request.method == "REGISTER":
            return True
        try:
            return parse_uri(uri).user == wanted  # escaped or not, and of a tel: URI too (RFC 3261 19.1.4)
        except ValueError:
            return False


@dataclass(frozen=True)
class Credentials:
    """What we use towards one peer. `realm` "" means: the realm must equal the peer's domain."""

    username: str
    password: str = field(repr=False)
    realm: str = ""
    domain: str = ""
    allow_md5: bool = True


def answer_challenge(
    credentials: Credentials,
    response: Response,
    method: str,
    uri: str,
    counts: dict[str, int],
    body: bytes = b"",
) -> tuple[str, str] | None:
    """The (header, value) that answers a 401 or 407, or None if it must not be answered.

    `counts` maps a nonce to its last count and is kept by the caller; `body` is the request's.
    """
    source, target = HEADERS[response.code]
    offer = acceptable(credentials, response.headers.getlist(source))
    return None if offer is None else (target, proof(credentials, offer, method, uri, counts, body))


HEADERS = {
    401: ("WWW-Authenticate", "Authorization"),
    407: ("Proxy-Authenticate", "Proxy-Authorization"),
}


def acceptable(credentials: Credentials, values: Sequence[str]) -> dict[str, str] | None:
    """The challenge to answer, None if there is none.

    Only a challenge of the configured realm is answered: a callee behind the trunk that challenges
    with a realm of its own gets nothing (digest leak, GHSA-3v3f-99mv-qvj4).
    """
    allowed = {credentials.realm} if credentials.realm else {credentials.domain}
    known = ("SHA-256", "SHA-256-SESS", *(("MD5", "MD5-SESS") if credentials.allow_md5 else ()))
    offers: dict[str, dict[str, str]] = {}
    for value in values[:8]:
        try:
            scheme, found = auth_parameters(value)
        except ValueError:
            continue
        qops = qops_of(found)
        usable = not qops or "auth" in qops or "auth-int" in qops
        if scheme == "digest" and found.get("realm") in allowed - {""} and "nonce" in found and usable:
            offers.setdefault(found.get("algorithm", "MD5").upper(), dict(found))
    return next((offers[name] for name in known if name in offers), None)


def qops_of(challenge: Mapping[str, str]) -> list[str]:
    return [item.strip().lower() for item in challenge.get("qop", "").split(",") if item.strip()]


def proof(
    credentials: Credentials,
    offer: Mapping[str, str],
    method: str,
    uri: str,
    counts: dict[str, int],
    body: bytes,
) -> str:
    """The value of an Authorization header; each one made is one more use of its nonce."""
    nonce, algorithm = offer["nonce"], offer.get("algorithm", "MD5")
    counts[nonce] = counts.get(nonce, 0) + 1
    fields = {"username": credentials.username, "realm": offer["realm"], "nonce": nonce, "uri": uri}
    qops = qops_of(offer)
    if qops:
        qop = "auth" if "auth" in qops else "auth-int"
        fields |= {"qop": qop, "nc": f"{counts[nonce]:08x}"}
    if qops or algorithm.upper().endswith("-SESS"):
        fields["cnonce"] = secrets.token_hex(8)
    secret = ha1(algorithm, credentials.username, offer["realm"], credentials.password)
    fields["response"] = response_of(algorithm, secret, method, fields, body)
    if "opaque" in offer:
        fields["opaque"] = offer["opaque"]
    text = ", ".join(
        f"{name}={value}" if name in ("nc", "qop") else f'{name}="{_escape(value)}"'
        for name, value in fields.items()
    )
    return f"Digest {text}, algorithm={algorithm}"


class Proofs:
    """What one request is to carry for those who challenged it: a proxy and the server behind it (22.3).

    A new nonce with stale=true is no refusal, so it is answered as often as it comes, up to a bound; the
    same question asked again otherwise is one.
    """

    def __init__(self, credentials: Credentials | None, counts: dict[str, int]) -> None:
        self._credentials, self._counts = credentials, counts
        self._offers: dict[str, dict[str, str]] = {}
        self._refusals: dict[str, int] = {}
        self._asked = 0

    def take(self, response: Response) -> bool:
        """Whether the request may be sent again after this answer, with what `headers` then makes."""
        if response.code not in HEADERS or self._credentials is None or self._asked >= MAX_CHALLENGES:
            return False
        source, target = HEADERS[response.code]
        offer = acceptable(self._credentials, response.headers.getlist(source))
        if offer is None:
            return False
        self._asked += 1
        before = self._offers.get(target)
        fresh = before is not None and offer["nonce"] != before["nonce"]
        if not (fresh and offer.get("stale", "").lower() == "true"):
            self._refusals[target] = self._refusals.get(target, 0) + 1
            if self._refusals[target] > MAX_REFUSALS:
                return False
        self._offers[target] = offer
        return True

    def headers(self, method: str, uri: str, body: bytes = b"") -> list[tuple[str, str]]:
        """The headers for one sending of the request."""
        if self._credentials is None:
            return []
        return [
            (target, proof(self._credentials, offer, method, uri, self._counts, body))
            for target, offer in self._offers.items()
        ]


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "").replace("\n", "")
