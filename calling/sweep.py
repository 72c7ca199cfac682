"""The periodic jobs of the sweep: what must happen even if every nudge is lost and every process dies once.

They handle deadlines that have passed, sessions that no worker has claimed, expired leases, and devices whose
process died. Each job reads rows and changes calls through the door; several sweeps may run at once.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q

import clock
from calling import models, presence
from calling.calls import control, room_sessions
from calling.machine.inputs import DeadlinePassed, Hangup, Input, WorkerLost
from calling.machine.reasons import Cause, EndedBy
from calling.media.recording.rows import close_abandoned
from calling.media_sessions import failover, placement
from calling.retention import erasure
from calling.telephony import billing, policy
from calling.waiting import UNSENT_SECONDS, UNTAKEN_SECONDS
from calling.webhooks.disabling import park_waiting
from rest import errors

log = logging.getLogger(__name__)

BATCH = 200
GAP_SECONDS = 2.0
LEASE_SECONDS = 5.0


class Rounds:
    """When the sweep last reached the rows, and until when an expired lease proves nothing.

    While PostgreSQL is unavailable, no worker can renew its lease. Acting on leases as soon as it is back
    would end the calls of healthy workers, so after a gap workers get the time of one lease to renew. The
    same holds at the start of a process, which cannot know how long PostgreSQL was unavailable.
    """

    last: float | None = None
    quiet_until = 0.0

    @classmethod
    def begin(cls) -> None:
        """What was before is not known: the next round is one after a gap."""
        cls.last = -math.inf

    @classmethod
    def note(cls) -> float:
        """PostgreSQL has answered now."""
        now = clock.monotonic()
        if cls.last is not None and now - cls.last > GAP_SECONDS:
            cls.quiet_until = now + LEASE_SECONDS
            if cls.last > -math.inf:
                log.warning("PostgreSQL was away", extra={"away_seconds": round(now - cls.last, 1)})
        cls.last = now
        return now

    @classmethod
    def leases_count(cls) -> bool:
        """Note this round; whether an expired lease means a dead worker now."""
        return cls.note() >= cls.quiet_until


def sweep_deadlines() -> int:
    """Tell every call whose deadline passed. Returns how many."""
    rows = models.Call.objects.filter(deadline__lte=clock.now()).exclude(state="ended")
    return apply_to(rows.order_by("deadline", "id").values_list("id", flat=True)[:BATCH], DeadlinePassed())


def next_deadline() -> float | None:
    """Seconds from now until the next deadline of a live call, negative where it has passed; None: none."""
    rows = models.Call.objects.filter(deadline__isnull=False).exclude(state="ended")
    due = rows.order_by("deadline").values_list("deadline", flat=True).first()
    return None if due is None else (due - clock.now()).total_seconds()


def apply_to(call_ids: Iterable[UUID], input: Input) -> int:
    done = 0
    for call_id in list(call_ids):
        try:
            control.apply(call_id, input)
            done += 1
        except errors.NotFound:
            pass
        except Exception:  # one call must not stop the job for the others
            log.exception("A call could not be swept", extra={"call_id": str(call_id)})
    return done


def sweep_sessions() -> int:
    """Move or end the sessions of lost workers; offer unclaimed sessions again."""
    now = clock.now()
    found = failover.lost_sessions()  # read first: a round counts only after PostgreSQL has answered
    done = sum(failover.take_over(session_id) for session_id in found) if Rounds.leases_count() else 0
    orphans = models.Call.objects.filter(session__state="ended").exclude(state="ended")
    done += apply_to(orphans.order_by("id").values_list("id", flat=True)[:BATCH], WorkerLost())
    unsent, late = now - timedelta(seconds=UNSENT_SECONDS), now - timedelta(seconds=UNTAKEN_SECONDS)
    untaken = models.MediaSession.objects.filter(state="wanted").filter(
        Q(dispatched_at=None, wanted_at__lt=unsent) | Q(dispatched_at__lt=late)
    )
    for session in list(untaken.order_by("wanted_at", "id")[:BATCH]):
        done += offer_again(session)
    return done


def offer_again(session: models.MediaSession) -> int:
    if not models.Call.objects.filter(session=session).exclude(state="ended").exists():
        models.MediaSession.objects.filter(pk=session.pk, state="wanted").update(state="ended")
        return 1
    with transaction.atomic():
        models.MediaSession.objects.filter(pk=session.pk).update(dispatched_at=clock.now())
        placement.start_session(session)
    return 1


def sweep_charges() -> int:
    """Phone legs whose reserved time runs out: reserve more, or hang up just before the reservation ends.

    Legs of a suspended project end at once.
    """
    done = 0
    for charge in billing.running_out(clock.now())[:BATCH]:
        cause = Cause.NOT_ALLOWED
        if charge.project.suspended_at is None:
            caps = policy.policy_of(charge.project_id).caps
            with transaction.atomic():
                if billing.extend_reservation(charge.leg_id, caps, clock.now()):
                    continue
            if charge.paid_until and clock.now() < charge.paid_until - billing.STOP:
                continue
            cause = Cause.INSUFFICIENT_BALANCE
        leg = models.Leg.objects.filter(pk=charge.leg_id).first()
        if leg is not None:
            hangup = Hangup(str(leg.id), by=EndedBy.PLATFORM, cause=cause)
            done += apply_to([leg.call_id], hangup)
    return done


JOBS: tuple[tuple[str, Callable[[], int], float], ...] = (
    ("sessions", sweep_sessions, 0.25),
    ("charges", sweep_charges, 0.25),
    ("devices", presence.expire_devices, 0.25),
    ("meetings", room_sessions.sweep, 0.5),
    ("recordings", close_abandoned, 1.0),
    ("erasures", erasure.sweep, 1.0),
    ("parking", park_waiting, 0.25),
)
"""Every job except the deadlines: its condition in `calling.waiting`, its function, and the minimum seconds
between two rounds. Each has its own loop: a slow job must not delay another."""
