"""Who is speaking: trunk by address, or account by digest; locks against guessing (docs/security.md#r14).

What must not live here: what the identified may do.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sipmessage import Request

from calling.sip.stack.digest import DigestServer, Ha1Pair
from calling.sip.stack.headers import parse_uri, uri_text
from calling.sip.stack.lockout import MAX_TRACKED, AttemptLock, source_of
from calling.sip.stack.transaction import Hop

USER_TRIES, SOURCE_TRIES, LOCK_SECONDS = 20, 100, 900.0
ASK_AGAIN_SECONDS, KEEP_PLAIN_SECONDS = 120.0, 86_400.0


@dataclass(frozen=True)
class Identity:
    """`kind` is `account` (by password) or `trunk` (by address); `name` identifies it."""

    kind: str
    name: str


@dataclass(frozen=True)
class Challenge:
    """Answer 401 with these WWW-Authenticate values."""

    values: tuple[str, ...]


Authenticate = Callable[[str], Awaitable[Ha1Pair | None]]
Trunk = Callable[[Request, Hop], Awaitable[str | None]]


async def no_trunk(request: Request, hop: Hop) -> str | None:
    """Nobody is known by address."""
    return None


class Md5OnlyPhones:
    """Phones that give up at a challenge with an algorithm they do not know, instead of taking the next.

    RFC 8760 lets us offer SHA-256 and MD5 together, but some stacks (libre, sipp) read no further than the
    first they do not speak. Who asks again without having answered is offered MD5 alone from then on.
    """

    def __init__(self) -> None:
        self._asked: OrderedDict[tuple[str, str], tuple[str, float]] = OrderedDict()
        self._known: OrderedDict[tuple[str, str], float] = OrderedDict()

    def asks(self, phone: tuple[str, str], attempt: str, now: float) -> bool:
        """Note a request without an answer to any challenge; whether it gets MD5 alone."""
        before, at = self._asked.get(phone, (attempt, now))
        self._asked[phone] = (attempt, now)
        if before != attempt and now - at < ASK_AGAIN_SECONDS:
            self._known[phone] = now
            self._known.move_to_end(phone)
        for table in (self._asked, self._known):
            while len(table) > MAX_TRACKED:
                table.popitem(last=False)
        return self.known(phone, now)

    def answers(self, phone: tuple[str, str]) -> None:
        self._asked.pop(phone, None)

    def known(self, phone: tuple[str, str], now: float) -> bool:
        return now - self._known.get(phone, -KEEP_PLAIN_SECONDS) < KEEP_PLAIN_SECONDS


def attempt_of(request: Request) -> str:
    """The same for a retransmission, another for each new try."""
    return f"{request.call_id} {request.headers['CSeq']}"[:300]


def user_of(request: Request) -> str:
    """Who a request says it is from: the user part of From."""
    try:
        return (parse_uri(uri_text(request.headers["From"])).user or "")[:255]
    except ValueError:
        return ""


class Authenticator:
    """Identifies the sender of a request outside any dialog.

    Every refusal is the same challenge: unknown users, wrong passwords and locked sources cannot be
    told apart by what they are answered.
    """

    def __init__(
        self, realm: str, authenticate: Authenticate, trunk: Trunk = no_trunk, *, allow_md5: bool = False
    ) -> None:
        self.digest = DigestServer(realm, allow_md5)
        self._authenticate, self._trunk = authenticate, trunk
        self._plain = Md5OnlyPhones()
        self._users = AttemptLock(USER_TRIES, LOCK_SECONDS)
        self._sources = AttemptLock(SOURCE_TRIES, LOCK_SECONDS)

    async def identify(self, request: Request, hop: Hop, now: float, wall: float) -> Identity | Challenge:
        """`now` monotonic for locks, `wall` unix seconds for nonces."""
        if request.method != "REGISTER":
            name = await self._trunk(request, hop)
            if name is not None:
                return Identity("trunk", name)
        fields = self.digest.credentials(request)
        phone = (hop.host, user_of(request))
        if fields is None:
            plain = self._plain.asks(phone, attempt_of(request), now)
            return self._challenge(wall, plain or hop.websocket)
        self._plain.answers(phone)
        username = fields["username"][:255]
        # The lock is per user and source, and per source: a stranger cannot lock the owner out.
        source = source_of(hop.host)
        pair = f"{username}|{source}"
        known = None
        if not self._locked(pair, source, now) and "\x00" not in username:
            known = await self._authenticate(username)
        # Asked again: of many tries that waited for their answers together, only the first few are judged.
        if self._locked(pair, source, now):
            known = None
        verdict = self.digest.verify(request, fields, known, wall)
        if verdict.accepted:
            self._users.succeeded(pair)
            return Identity("account", username)
        if verdict.guessed:
            self._users.failed(pair, now)
            self._sources.failed(source, now)
        plain = self._plain.known(phone, now) or hop.websocket
        return self._challenge(wall, plain, stale=verdict.stale)

    def _locked(self, pair: str, source: str, now: float) -> bool:
        return self._users.locked(pair, now) or self._sources.locked(source, now)

    def _challenge(self, wall: float, plain: bool, *, stale: bool = False) -> Challenge:
        """`plain`: MD5 alone, as the libraries of browsers speak it too, of which some read the first
        challenge and some the last."""
        values = self.digest.challenge(wall, stale=stale)
        return Challenge(tuple(values[-1:] if plain else values))
