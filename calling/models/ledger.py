"""Money of a project: its account, what numbers cost, each phone call's charge, and the ledger.

The ledger is append-only; PostgreSQL itself refuses to change or delete its rows. An account's `balance`
and `reserved` are the sums of its entries, and every entry carries the sums as they were after it.
"""

from __future__ import annotations

from django.db import models

from calling.models.ids import uuid7


class Account(models.Model):
    """One per project; its row is the lock under which money and limits of phone calls are decided.

    Amounts are millionths of `currency`. Not `prepaid`: calls are charged but never refused for money.
    """

    project = models.OneToOneField(
        "subscribers.Project", primary_key=True, on_delete=models.CASCADE, related_name="account"
    )
    prepaid = models.BooleanField(default=False)
    currency = models.CharField(max_length=3, default="USD")
    balance = models.BigIntegerField(default=0)
    reserved = models.BigIntegerField(default=0)
    spent_on = models.DateField(null=True, help_text="the UTC day that `spent` is of")
    spent = models.BigIntegerField(default=0)
    entries = models.BigIntegerField(default=0, help_text="how many ledger rows it has")

    def __str__(self) -> str:
        return f"account of {self.project_id}"


class PhoneRate(models.Model):
    """What a minute to numbers with `prefix` costs; without a project it holds for all of them."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey(
        "subscribers.Project", null=True, blank=True, on_delete=models.CASCADE, related_name="phone_rates"
    )
    prefix = models.CharField(max_length=16)
    per_minute = models.BigIntegerField()
    setup = models.BigIntegerField(default=0)
    increment = models.PositiveIntegerField(default=60, help_text="seconds")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "prefix"], name="one_rate_per_prefix", nulls_distinct=False
            ),
        ]

    def __str__(self) -> str:
        return self.prefix


class PhoneCharge(models.Model):
    """An outgoing phone leg, from its reservation to its settlement. `leg_id` is the leg's own id."""

    leg_id = models.UUIDField(primary_key=True)
    project = models.ForeignKey("subscribers.Project", on_delete=models.CASCADE, related_name="+")
    number = models.CharField(max_length=300)
    per_minute = models.BigIntegerField(default=0)
    setup = models.BigIntegerField(default=0)
    increment = models.PositiveIntegerField(default=60)
    reserved = models.BigIntegerField(default=0)
    charged = models.BigIntegerField(default=0)
    created_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    paid_until = models.DateTimeField(null=True, help_text="the answered call is covered till then")
    settled_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["project", "created_at"], name="phone_charge_recent"),
            models.Index(
                fields=["project"], name="phone_charge_open", condition=models.Q(settled_at__isnull=True)
            ),
        ]


class LedgerEntry(models.Model):
    """One movement: `amount` changes the balance, `reserved` what is set aside of it.

    Knows its project by id alone, so that it outlives it.
    """

    id = models.BigAutoField(primary_key=True)
    project_id = models.UUIDField()
    number = models.BigIntegerField(help_text="counts per project from 1 without gaps")
    kind = models.CharField(max_length=10)  # top_up adjust reserve charge release
    amount = models.BigIntegerField(default=0)
    reserved = models.BigIntegerField(default=0)
    balance_after = models.BigIntegerField()
    reserved_after = models.BigIntegerField()
    leg_id = models.UUIDField(null=True)
    seconds = models.IntegerField(null=True)
    note = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project_id", "number"], name="ledger_numbered"),
        ]
