"""Who is speaking: trunk by address, or account by digest; locks against guessing (R14).

What must not live here: what the identified may do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sipmessage import Request

from calling.sip.digest import DigestServer, Ha1Pair
from calling.sip.lockout import AttemptLock
from calling.sip.transaction import Hop

USER_TRIES, SOURCE_TRIES, LOCK_SECONDS = 20, 100, 900.0


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


class Gate:
    """Identifies the sender of a request outside any dialog.

    Every refusal is the same challenge: unknown users, wrong passwords and locked sources cannot be
    told apart by what they are answered.
    """

    def __init__(
        self, realm: str, authenticate: Authenticate, trunk: Trunk = no_trunk, *, allow_md5: bool = False
    ) -> None:
        self.digest = DigestServer(realm, allow_md5)
        self._authenticate, self._trunk = authenticate, trunk
        self._users = AttemptLock(USER_TRIES, LOCK_SECONDS)
        self._sources = AttemptLock(SOURCE_TRIES, LOCK_SECONDS)

    async def identify(self, request: Request, hop: Hop, now: float, wall: float) -> Identity | Challenge:
        """`now` monotonic for locks, `wall` unix seconds for nonces."""
        if request.method != "REGISTER":
            name = await self._trunk(request, hop)
            if name is not None:
                return Identity("trunk", name)
        fields = self.digest.credentials(request)
        if fields is None:
            return Challenge(tuple(self.digest.challenge(wall)))
        username = fields["username"][:255]
        # The lock is per user and source, and per source: a stranger cannot lock the owner out.
        pair = f"{username}|{hop.host}"
        locked = self._users.locked(pair, now) or self._sources.locked(hop.host, now)
        pair_known = None if "\x00" in username else await self._authenticate(username)
        verdict = self.digest.verify(request, fields, None if locked else pair_known, wall)
        if verdict.accepted:
            self._users.succeeded(pair)
            return Identity("account", username)
        if verdict.guessed:
            self._users.failed(pair, now)
            self._sources.failed(hop.host, now)
        return Challenge(tuple(self.digest.challenge(wall, stale=verdict.stale)))
