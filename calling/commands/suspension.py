"""Suspending a project's phone calls: by itself when its dials are refused again and again, or by staff.

Calls between people, rooms and scripts of the project go on; phone legs end at the sweep's next look. Must
not live here: what is refused.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import TypeVar
from uuid import UUID

from django.db import transaction

import clock
from calling.calls import control
from calling.telephony.billing import CapReached
from calling.telephony.policy import PhoneRefused, policy_of
from rest import errors
from rest.json_bodies import rfc3339
from subscribers.models import Project
from tokens import rate_limits

log = logging.getLogger(__name__)
T = TypeVar("T")
REASON = "too many refused phone calls in a short time"


def suspend(project_id: UUID, reason: str) -> bool:
    """Stop the project's phone calls and say so (`project.suspended`), once. False if it is already."""
    with transaction.atomic():
        now = clock.now()
        stopped = Project.objects.filter(pk=project_id, suspended_at=None).update(
            suspended_at=now, suspended_reason=reason[:200]
        )
        if not stopped:
            return False
        data = {"project_id": str(project_id), "reason": reason[:200], "suspended_at": rfc3339(now)}
        control.record_project_event(project_id, "project.suspended", data)
    log.warning("A project's phone calls were suspended", extra={"project_id": str(project_id)})
    return True


def resume(project_id: UUID) -> None:
    """Allow the project to dial phones again."""
    Project.objects.filter(pk=project_id).update(suspended_at=None, suspended_reason="")


def note_refusal(project_id: UUID, error: errors.ApiError) -> None:
    """Note a refused phone dial; the one too many suspends the project."""
    if isinstance(error, PhoneRefused) and error.code == "project_suspended":
        return
    most = policy_of(project_id).refusals
    if most and rate_limits.take(f"phone-refused:{project_id}", most / 60, most) is not None:
        suspend(project_id, REASON)


@contextlib.contextmanager
def count_refusals(project_id: UUID) -> Iterator[None]:
    """Refusals of phone dials inside count. Outside any transaction: the refused one is rolled back."""
    try:
        yield
    except (PhoneRefused, CapReached, errors.PaymentRequired) as error:
        note_refusal(project_id, error)
        raise


def dialling_phones(project_id: UUID, work: Callable[[], T]) -> T:
    """`work` in a transaction of the door, with its refusals watched."""
    with count_refusals(project_id):
        return control.in_transaction(work)
