"""Making credentials: projects, API tokens, signed tokens, refresh with rotation."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

import clock
from rest.json_bodies import NOT_IN_A_LINE
from subscribers.models import Project
from tokens.claims import BadClaims, Grant, claims_of, grant_of, holder_of
from tokens.key_scopes import ADMIN
from tokens.models import ApiToken, IssuedToken
from tokens.revocation import revoke_token
from tokens.signing import InvalidToken, sign, verify
from tokens.subjects import TokenHolder

DEFAULT_LIFE = timedelta(hours=2)
REFRESH_LEAD = timedelta(minutes=5)
MIN_API_TOKEN = 16
# When its token has ended a device stays for its calls, of a day at most, and may be revoked till then.
KEPT = timedelta(hours=25)


@dataclass(frozen=True)
class Pair:
    """A signed access token and the refresh token that outlives it by five minutes."""

    token: str
    refresh_token: str


def create_project(name: str, id: UUID | str | None = None) -> Project:
    """A new project; with `id`, the project of that id, made when it is not there yet."""
    name = NOT_IN_A_LINE.sub(" ", name)  # it stands in lists, logs and mails
    if id is None:
        return Project.objects.create(name=name)
    project, _ = Project.objects.get_or_create(id=id, defaults={"name": name})
    return project


def issue_api_token(
    project: Project,
    token: str | None = None,
    name: str = "",
    least: int = MIN_API_TOKEN,
    scopes: Sequence[str] = (ADMIN,),
) -> str:
    """A new API token of the project, in clear: it is shown now and never again.

    With `token` that very string is made valid (idempotent; at least `least` characters, else ValueError).
    """
    text = token or "PT" + secrets.token_hex(32)
    if len(text) < least:
        raise ValueError(f"An API token has at least {least} characters.")
    ApiToken.objects.update_or_create(
        project=project,
        digest=digest(text),
        defaults={"hint": text[:6], "name": name, "revoked_at": None, "scopes": list(scopes)},
    )
    return text


def digest(text: str) -> str:
    """The stored hash of a secret that is shown once. The secret is random, so a plain hash is enough."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def issue_pair(grant: Grant, expires_at: datetime | None = None, family: UUID | None = None) -> Pair:
    """An access token that ends at `expires_at` (default in 2 h) and its refresh token."""
    ends = expires_at or clock.now() + DEFAULT_LIFE
    family = family or clock.new_id()
    access = _row(grant, "SAT", ends, family)
    refresh = _row(grant, "Refresh", ends + REFRESH_LEAD, family)
    IssuedToken.objects.bulk_create([access, refresh])
    return Pair(_sign(grant, access), _sign(grant, refresh))


def issue_access(
    grant: Grant,
    expires_at: datetime | None = None,
    made_with: UUID | None = None,
    sponsor: UUID | None = None,
) -> str:
    """An access token alone (embeds and invites cannot be refreshed).

    `made_with`: what it is revoked with, a family of tokens or an embed token. Its holder has a family of its
    own all the same. `sponsor` is the subscriber who invited: revoking his tokens revokes this one too.
    """
    row = _row(grant, "SAT", expires_at or clock.now() + DEFAULT_LIFE, clock.new_id())
    text = _sign(grant, row)
    row.family = made_with or row.family
    row.subscriber_id = row.subscriber_id or sponsor
    row.save(force_insert=True)
    return text


def issue_invite(inviter: TokenHolder, grant: Grant, expires_at: datetime | None = None) -> str:
    """An invite, which is revoked with the token it was made with; raises InvalidToken where that one is.

    The row is asked, not memory, and a revocation waits for it: no invite outlives its maker.
    """
    with transaction.atomic():
        mine = IssuedToken.objects.select_for_update().filter(jti=inviter.jti, revoked_at=None).first()
        if mine is None:
            raise InvalidToken("token_revoked", "The token was revoked.")
        return issue_access(grant, expires_at, mine.family, mine.subscriber_id)


def refresh(project_id: UUID, text: object, identity: str | None = None) -> Pair:
    """A new pair for a refresh token of the project, which is used up by it; raises InvalidToken.

    One that was used already has been copied: all that came from it is revoked (RFC 9700 section 4.14.2).
    With `identity`, only that holder's own (`TokenHolder.identity`); another's is left unused.
    """
    holder, family = _read_refresh(text)
    if identity is not None and identity != holder.identity:
        raise InvalidToken("token_invalid", "The refresh token belongs to another subscriber.")
    rows = IssuedToken.objects.filter(jti=holder.jti, project_id=project_id, typ="Refresh")
    with transaction.atomic():
        # One conditional UPDATE: of two refreshes at once exactly one finds the row unused.
        if rows.filter(used_at=None, revoked_at=None).update(used_at=clock.now()):
            return issue_pair(grant_of(holder), family=family)
    revoke_copied(project_id, text)
    raise InvalidToken("token_invalid", "The refresh token was used or revoked, or is not this project's.")


def revoke_copied(project_id: UUID, text: object) -> None:
    """Revoke all that came from a refresh token of the project if it was used before. Raises InvalidToken.

    Whoever called `refresh` in a transaction that its refusal has rolled back calls this behind it.
    """
    holder, _ = _read_refresh(text)
    rows = IssuedToken.objects.filter(jti=holder.jti, project_id=project_id, typ="Refresh")
    if rows.exclude(used_at=None).exists():
        revoke_token(project_id, holder.jti)


def _read_refresh(text: object) -> tuple[TokenHolder, UUID]:
    """The holder and the family of a refresh token."""
    claims = verify(text, "Refresh")
    try:
        return holder_of(claims), UUID(claims["fam"])
    except (BadClaims, KeyError, ValueError):
        raise InvalidToken from None


def forget_expired() -> int:
    """Delete the rows of tokens that no call can need any more; returns how many."""
    gone, _ = IssuedToken.objects.filter(expires_at__lt=clock.now() - KEPT).delete()
    return gone


def _row(grant: Grant, typ: str, ends: datetime, family: UUID) -> IssuedToken:
    return IssuedToken(
        project_id=grant.project_id,
        subscriber_id=grant.subscriber_id,
        family=family,
        kind=grant.kind,
        typ=typ,
        expires_at=ends,
    )


def _sign(grant: Grant, row: IssuedToken) -> str:
    typ = "SAT" if row.typ == "SAT" else "Refresh"
    return sign(claims_of(grant, row.jti, row.family), typ, row.expires_at)  # type: ignore[arg-type]
