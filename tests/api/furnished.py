"""A project with one row of everything that a project has."""

from __future__ import annotations

import uuid

from django.utils import timezone

from calling import models
from tests.api.tenancy import furnish
from tests.support.people import Cast


def furnish_wholly(cast: Cast) -> None:
    """One of everything, also of what only processes make."""
    ids, now = furnish(cast), timezone.now()
    own = {"project": cast.project}
    models.PhoneCharge.objects.create(leg_id=ids["leg"], number="+15550001111", created_at=now, **own)
    models.DeliveryAttempt.objects.create(delivery_id=ids["delivery"], at=now)
    models.SipDialog.objects.create(
        id=uuid.uuid4(), call_id=ids["call"], leg_id=ids["leg"], edge=uuid.uuid4(), lease_until=now
    )
    models.ScriptRun.objects.create(call_id=ids["call"], **own)
    models.PushSubscription.objects.create(subscriber_id=ids["subscriber"], endpoint="https://push", **own)
    models.PushRing.objects.create(
        leg_id=ids["leg"], call_id=ids["call"], subscriber_id=ids["subscriber"], **own
    )
    near = models.MediaWorker.objects.create(
        name="m", host="here", pid=1, media_address="127.0.0.1", lock_key=1, heartbeat_at=now
    )
    models.IceCandidate.objects.create(peer_id=models.Leg.objects.get(pk=ids["leg"]).peer_id)
    models.Trunk.objects.create(room_id=ids["room"], near=near, far=uuid.uuid4(), description="v=0")
