"""Revocation of tokens. It takes effect everywhere within two seconds.

Each process asks the database about a token at most once a second and keeps the answer that long; the
message on `cw:revoked` only makes sockets look at once.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterable
from functools import lru_cache
from uuid import UUID

import redis
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

import clock
from rest import redis_clients
from tokens.models import ApiToken, EmbedToken, IssuedToken
from tokens.subjects import TokenHolder

log = logging.getLogger(__name__)

CHANNEL = "cw:revoked"
LOOK_SECONDS = 1.0
_MOST_KEPT = 20_000

_lock = threading.Lock()
_looked: dict[UUID, tuple[float, bool]] = {}


def is_revoked(holder: TokenHolder) -> bool:
    """Whether the token was revoked, or its subscriber or project deleted; up to a second old."""
    now = clock.monotonic()
    with _lock:
        kept = _looked.get(holder.jti)
    if kept is not None and now - kept[0] < LOOK_SECONDS:
        return kept[1]
    answer = holder.jti in revoked_among([holder])
    with _lock:
        if len(_looked) >= _MOST_KEPT:
            _looked.clear()
        _looked[holder.jti] = (now, answer)
    return answer


def revoked_among(holders: Iterable[TokenHolder]) -> set[UUID]:
    """The jtis of those holders whose tokens are revoked, in one query and not from memory."""
    asked = {holder.jti for holder in holders}
    alive = IssuedToken.objects.filter(jti__in=asked, typ="SAT", revoked_at=None)
    return asked - set(alive.values_list("jti", flat=True))


def revoke_token(project_id: UUID, jti: UUID) -> bool:
    """Revokes the token, its refresh token and all that came from it; False where the project has none."""
    row = IssuedToken.objects.filter(jti=jti, project_id=project_id).first()
    if row is None:
        return False
    # The family of an invite or an embed's token is what it was made with, which is not revoked with it.
    _revoke(project_id, {"jti": jti} if row.kind in ("invite", "embed") else {"family": row.family})
    return True


def revoke_family(project_id: UUID, family: UUID) -> None:
    """Revokes all that came from one sign-in."""
    _revoke(project_id, {"family": family})


def revoke_embed(row: EmbedToken) -> None:
    """Revokes an embed token and what visitors got for it."""
    EmbedToken.objects.filter(pk=row.pk).update(revoked_at=clock.now())
    _revoke(row.project_id, {"family": row.pk})


def revoke_subscriber(project_id: UUID, subscriber_id: UUID) -> None:
    """Revokes every token issued to the subscriber until now."""
    _revoke(project_id, {"subscriber_id": subscriber_id})


def revoke_api_tokens(rows: QuerySet[ApiToken]) -> None:
    """Revokes API tokens; processes that remember one refuse it a second later."""
    projects = {str(id) for id in rows.values_list("project_id", flat=True)}
    with transaction.atomic():
        rows.filter(revoked_at=None).update(revoked_at=clock.now())
        for project_id in projects:
            announce({"project_id": project_id, "jtis": [], "api_tokens": True})


def forget_looks() -> None:
    """Forget what this process has cached, so that the next check reads the database."""
    with _lock:
        _looked.clear()


def announce(message: dict[str, object]) -> None:
    """Wake the sockets after the commit; if Redis is unavailable, this costs at most half a second."""
    transaction.on_commit(lambda: _publish(message))


def _revoke(project_id: UUID, which: dict[str, UUID]) -> None:
    with transaction.atomic():
        rows = IssuedToken.objects.filter(project_id=project_id, revoked_at=None, **which)
        found: list[UUID] = []
        # Who refreshes or invites at this moment is waited for, and only a second look sees what was made.
        while jtis := list(rows.select_for_update().values_list("jti", flat=True)):
            IssuedToken.objects.filter(jti__in=jtis).update(revoked_at=clock.now())
            found += jtis
        forget_looks()
        announce({"project_id": str(project_id), "jtis": [str(jti) for jti in found]})


def _publish(message: dict[str, object]) -> None:
    forget_looks()
    try:
        _redis().publish(CHANNEL, json.dumps(message))
    except redis.RedisError:
        log.warning("Redis is unavailable; sockets notice a revocation at their next check")


@lru_cache(maxsize=1)
def _redis() -> redis.Redis:
    return redis_clients.client(settings.REDIS_URL, socket_connect_timeout=0.5, socket_timeout=0.5)
