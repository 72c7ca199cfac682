"""Deleting endpoints and deliveries while others queue, try and settle them.

Locks are taken as `delivery_results.settle` takes them, deliveries in the order of their ids and then their
endpoint, so that neither waits for the other for ever. Who may ask for it is not judged here.
"""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

import clock
from calling import models

AT_ONCE = 2000  # deliveries in one transaction


def remove_endpoint(endpoint_id: UUID) -> None:
    """Remove an endpoint with its deliveries; what is being tried ends without being written down.

    Disabled first: nothing more is claimed for it while a backlog is removed, a batch after the other.
    """
    which = models.WebhookEndpoint.objects.filter(pk=endpoint_id)
    which.filter(disabled_at=None).update(disabled_at=clock.now(), disabled_reason="it is being removed")
    while True:
        with transaction.atomic():
            first = models.Delivery.objects.filter(endpoint_id=endpoint_id).order_by("id")[:AT_ONCE]
            if remove_deliveries(models.Delivery.objects.filter(pk__in=first.values("id"))) < AT_ONCE:
                remove_endpoints(which)
                return


def remove_endpoints(which: QuerySet[models.WebhookEndpoint]) -> None:
    """Remove some, within the transaction under way."""
    rows = models.Delivery.objects.filter(endpoint__in=which)
    remove_deliveries(rows)
    # Who queues a delivery holds its endpoint (`fanout.ADD`, `redelivery`).
    list(which.select_for_update().order_by("id").values_list("id", flat=True))
    remove_deliveries(rows)
    which.delete()


def remove_deliveries(which: QuerySet[models.Delivery]) -> int:
    """Remove some with their attempts, within the transaction under way. Returns how many.

    Locked first: what came of a try is written with its delivery held, so none is written behind our back.
    """
    ids = list(which.select_for_update().order_by("id").values_list("id", flat=True))
    models.DeliveryAttempt.objects.filter(delivery_id__in=ids).delete()
    models.Delivery.objects.filter(pk__in=ids).delete()
    return len(ids)
