"""What must hold of a project's money, for the tests of the ledger and for the simulated world.

Reads the rows of this thread's connection. Raises AssertionError.
"""

from __future__ import annotations

from uuid import UUID

from django.db.models import Sum

from calling import models


def prove(project_id: UUID | str) -> models.Account:
    """The ledger's sums are the account's to the millionth, and every row carries them rightly."""
    account = models.Account.objects.get(pk=project_id)
    rows = list(models.LedgerEntry.objects.filter(project_id=project_id).order_by("number"))
    balance = reserved = 0
    for number, row in enumerate(rows, 1):
        balance, reserved = balance + row.amount, reserved + row.reserved
        assert (row.number, row.balance_after, row.reserved_after) == (number, balance, reserved)
        assert reserved >= 0
    assert (account.balance, account.reserved, account.entries) == (balance, reserved, len(rows))
    live = models.PhoneCharge.objects.filter(project_id=project_id, settled_at=None)
    assert account.reserved == (live.aggregate(all=Sum("reserved"))["all"] or 0)
    return account


def prove_cap(account: models.Account, per_day: int | None) -> None:
    """A prepaid account never owes, and no day costs more than its cap, whatever is still reserved."""
    if account.prepaid:
        assert account.balance - account.reserved >= 0, "a prepaid balance covers what is set aside"
    if per_day is not None:
        assert account.spent + account.reserved <= per_day, "a day costs no more than it may"


def prove_charges(project_id: UUID | str) -> None:
    """What a leg was charged is in the ledger once, and never more than was set aside for it."""
    charged = models.PhoneCharge.objects.filter(project_id=project_id, settled_at__isnull=False)
    entries = models.LedgerEntry.objects.filter(project_id=project_id, kind="charge")
    said = dict(entries.values_list("leg_id").annotate(all=Sum("amount")))
    for leg_id, amount, reserved in charged.values_list("leg_id", "charged", "reserved"):
        assert -said.get(leg_id, 0) == amount <= reserved, f"a leg is charged once: {leg_id}"
