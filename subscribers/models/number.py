"""Phone numbers of a project."""

from __future__ import annotations

from django.db import models

from subscribers.models.owned import Owned


class PhoneNumber(Owned):
    """An E.164 number: inbound calls go to `address`; `subscriber` may show it as caller id."""

    number = models.CharField(max_length=16, unique=True)
    name = models.CharField(max_length=200, blank=True)
    address = models.ForeignKey(
        "subscribers.Address", null=True, blank=True, on_delete=models.SET_NULL, related_name="numbers"
    )
    subscriber = models.ForeignKey(
        "subscribers.Subscriber", null=True, blank=True, on_delete=models.SET_NULL, related_name="numbers"
    )

    def __str__(self) -> str:
        return self.number
