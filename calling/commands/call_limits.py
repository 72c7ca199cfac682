"""How many calls a token holder, and how many legs a project, may have at once (docs/contract.md#rates).

Asked in the transaction of a dial, under advisory locks that hold until its commit, so that dials at the same
time cannot pass together. Must not live here: rates (`tokens.rate_limits`), limits of phone calls
(`calling.telephony.billing`).
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Sum

import clock
from calling import models
from calling.machine.states import Call, Party
from calling.media_sessions.placement import FRESH_SECONDS
from calling.runtime.fair_share import has_room
from calling.runtime.locks import holder_lock, project_legs_lock
from rest import errors
from subscribers.postgresql import prepared
from tokens.subjects import Subject, TokenHolder

RETRY_SECONDS = 5
OTHERS_SECONDS = 60  # another project that has had a leg so recently is to find room


def admit(subject: Subject, call: Call) -> None:
    """Let a call that is about to be written pass, or raise TooManyRequests (429 `too_many_calls`).

    Inside the transaction that writes it, after every other lock. Each count is a statement of its own behind
    its lock, or it would not see what the lock was waited for; all of them are one message.
    """
    asked = project_legs(subject.project_id)
    if isinstance(subject, TokenHolder):
        asked = [*dialled_calls(subject), *asked]
    with connection.cursor() as cursor:
        prepared.send(cursor, *asked)
        if isinstance(subject, TokenHolder):
            cursor.nextset()  # past the lock
            if cursor.fetchone()[0] >= most_calls(subject):
                raise refusal("This token has reached its maximum number of calls: end one.")
            cursor.nextset()
        cursor.nextset()
        mine, others, others_call = cursor.fetchone()
    fresh = sum(leg.live and leg.party is not Party.APP for leg in call.legs)
    if (
        fresh
        and (others or others_call)
        and not has_room(mine, fresh, mine + others, capacity(), settings.CALLWRIGHT_PROJECT_SHARE)
    ):
        raise refusal("The project has reached its share of the instance's calls; try again later.")


def refusal(message: str) -> errors.TooManyRequests:
    return errors.TooManyRequests(RETRY_SECONDS, "too_many_calls", message)


def most_calls(holder: TokenHolder) -> int:
    name = "SUBSCRIBER" if holder.kind == "subscriber" else "GUEST"
    return int(getattr(settings, f"CALLWRIGHT_MAX_CALLS_{name}"))


DIALLED = """
SELECT count(DISTINCT l.call_id) FROM calling_leg l JOIN calling_call c ON c.id = l.call_id
WHERE {legs} AND l.state <> 'ended' AND l.role = 'caller' AND c.project_id = %s
"""
# As `leg_selection.legs_of`; what an index is for stands in the words: they are planned without values.
OF_SUBSCRIBER = DIALLED.format(legs="l.subscriber_id = %s")
OF_GUEST = DIALLED.format(
    legs="""l.subscriber_id IS NULL
    AND (l.holder = %s AND l.holder <> '' OR l.holder = '' AND l.state <> 'ended' AND l.address = %s)"""
)


def dialled_calls(holder: TokenHolder) -> list[prepared.Statement]:
    """The live calls that the holder dialled. Those that others placed to it are not its doing."""
    lock, project = holder_lock(holder.identity), holder.project_id
    if holder.subscriber_id is not None:
        return [lock, (OF_SUBSCRIBER, [holder.subscriber_id, project])]
    return [lock, (OF_GUEST, [holder.identity, holder.address, project])]


PROJECT_LEGS = """
SELECT own, others, CASE WHEN others = 0 THEN callwright_others_call(%s, %s) ELSE true END
FROM callwright_legs_held(%s)
"""


def project_legs(project_id: UUID) -> list[prepared.Statement]:
    """The live legs of that project; those of all others, a number that tells nothing more of them; and
    whether another project has a call, or had one in the last minute."""
    since = clock.now() - timedelta(seconds=OTHERS_SECONDS)
    return [project_legs_lock(project_id), (PROJECT_LEGS, [project_id, since, project_id])]


def capacity() -> int:
    """The legs that all workers together carry; one worker's where none has come up yet."""
    alive = models.MediaWorker.objects.filter(
        draining=False, heartbeat_at__gt=clock.now() - timedelta(seconds=FRESH_SECONDS)
    )
    return alive.aggregate(all=Sum("budget"))["all"] or settings.CALLWRIGHT_MEDIA_LEGS


def others_call(project_id: UUID) -> bool:
    """Whether another project has a call, or had one in the last minute."""
    since = clock.now() - timedelta(seconds=OTHERS_SECONDS)
    with connection.cursor() as cursor:
        cursor.execute("SELECT callwright_others_call(%s, %s)", [project_id, since])
        return bool(cursor.fetchone()[0])
