"""Whether the condition of an alert holds, and with which figures. Reads rows; decides and writes nothing.

Each condition looks at the last ten minutes, or at how things stand now.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db.models import QuerySet
from django.db.models.fields.json import KeyTransform

from calling import models
from calling.machine.reasons import Cause
from calling.models.alert import Alert
from calling.telephony import billing, rates

LOOK_BACK: Final = timedelta(minutes=10)
LEAST_MOS: Final = Decimal(3)

# Figures for whoever is told; None where the condition does not hold.
Found = dict[str, Any] | None


def found(alert: Alert, now: datetime) -> Found:
    return _CONDITIONS[alert.kind](alert, now)


def _webhook_failing(alert: Alert, now: datetime) -> Found:
    """An endpoint has been failing for a minute, or was disabled for it."""
    rows = models.WebhookEndpoint.objects.filter(project_id=alert.project_id, call_id=None)
    failing = rows.filter(failing_since__lte=now - timedelta(minutes=1)).order_by("failing_since").first()
    if failing is None:
        return None
    return {"webhook_id": str(failing.pk), "url": failing.url, "disabled": failing.disabled_at is not None}


def _worker_lost(alert: Alert, now: datetime) -> Found:
    """Calls of the project ended because their media worker was lost."""
    ended = _ended(alert, now).filter(end_cause=Cause.WORKER_LOST).count()
    return {"calls": ended} if ended else None


def _quality(alert: Alert, now: datetime) -> Found:
    """A leg of a call that ended had a worse mean opinion score (1 to 4.5) than the threshold."""
    least = float(LEAST_MOS if alert.threshold is None else alert.threshold)
    worst: tuple[float, str] | None = None
    bad = set()
    # The newest sample says it; all of them would be 40 kB a leg.
    legs = models.Leg.objects.filter(call__in=_ended(alert, now)).annotate(newest=KeyTransform("-1", "stats"))
    for call_id, newest in legs.values_list("call_id", "newest"):
        mos = _mos([newest] if newest is not None else [])
        if mos is not None and mos < least:
            bad.add(call_id)
            worst = min(worst or (mos, str(call_id)), (mos, str(call_id)))
    return {"calls": len(bad), "mos": worst[0], "call_id": worst[1]} if worst else None


def _balance(alert: Alert, now: datetime) -> Found:
    """What is available of a prepaid balance is at most the threshold."""
    known = billing.summary(alert.project_id)
    available = known["available"]
    if not known["account"].prepaid or Decimal(available).scaleb(-6) > (alert.threshold or 0):
        return None
    return {"available": rates.format_amount(available), "currency": known["account"].currency}


_CONDITIONS: Final[dict[str, Callable[[Alert, datetime], Found]]] = {
    Alert.Kind.WEBHOOK_FAILING: _webhook_failing,
    Alert.Kind.WORKER_LOST: _worker_lost,
    Alert.Kind.QUALITY: _quality,
    Alert.Kind.BALANCE: _balance,
}


def _ended(alert: Alert, now: datetime) -> QuerySet[models.Call]:
    return models.Call.objects.filter(project_id=alert.project_id, ended_at__gt=now - LOOK_BACK)


def _mos(stats: object) -> float | None:
    newest = stats[-1] if isinstance(stats, list) and stats else None
    so_far = newest.get("so_far") if isinstance(newest, dict) else None
    mos = so_far.get("mos") if isinstance(so_far, dict) else None
    return float(mos) if isinstance(mos, int | float) else None
