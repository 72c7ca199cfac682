"""Phone numbers of a project."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models

from subscribers.models.owned import Owned

E164 = RegexValidator(r"\A\+[1-9][0-9]{1,14}\Z", "A phone number is + and 2 to 15 digits.")


class PhoneNumber(Owned):
    """An E.164 number that is assigned to its project: a row is the assignment (`subscribers.assignment`).

    Inbound calls go to `address`; `subscriber` may show it as caller id. Until the project takes it in use
    (`POST /api/phone_numbers`) its REST does not list it.
    """

    number = models.CharField(max_length=16, unique=True, validators=[E164])
    name = models.CharField(max_length=200, blank=True)
    address = models.ForeignKey(
        "subscribers.Address", null=True, blank=True, on_delete=models.SET_NULL, related_name="numbers"
    )
    subscriber = models.ForeignKey(
        "subscribers.Subscriber", null=True, blank=True, on_delete=models.SET_NULL, related_name="numbers"
    )
    in_use = models.BooleanField(default=True, db_default=True)

    def __str__(self) -> str:
        return self.number
