"""Money and limits of outgoing phone legs as rows: reserve, extend, settle, top up (docs/security.md#r9).

Everything here runs inside the caller's transaction, under the lock of the project's account; whoever
holds a call's lock may take it, never the other way round. Must not live here: who may dial what number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

import clock
from calling.machine.states import Call, Leg, Party, World
from calling.models import Account, LedgerEntry, PhoneCharge, PhoneRate
from calling.telephony import rates
from calling.telephony.rates import Rate
from rest import errors

INTERVAL_SECONDS = 60  # what one reservation covers
EXTEND = timedelta(seconds=5)  # before a covered time ends, the next is reserved
STOP = timedelta(seconds=1)  # before it ends, an uncovered call is hung up
MINUTE = timedelta(minutes=1)
FREE = Rate("", 0)


@dataclass(frozen=True)
class Caps:
    """Limits of a project's phone calls; None: no limit. `per_day` in micros."""

    concurrent: int | None = None
    per_minute: int | None = None
    per_day: int | None = None


class CapReached(errors.TooManyRequests):
    """Too many phone calls at once, or in a minute, or too much money in a day."""


def locked_account(project_id: UUID) -> Account:
    """The project's account, made when first asked for, locked until the transaction ends."""
    Account.objects.bulk_create([Account(project_id=project_id)], ignore_conflicts=True)
    return Account.objects.select_for_update().get(pk=project_id)


def rate_for(project_id: UUID, number: str) -> Rate | None:
    """The project's own rate for a number, else the platform's; None where neither has one."""
    prefixes = [number[:size] for size in range(1, len(number) + 1)]
    rows = PhoneRate.objects.filter(Q(project_id=project_id) | Q(project=None), prefix__in=prefixes)
    own: list[Rate] = []
    everyones: list[Rate] = []
    for row in rows:
        rate = Rate(row.prefix, row.per_minute, row.setup, row.increment)
        (own if row.project_id else everyones).append(rate)
    return rates.longest_match(own, number) or rates.longest_match(everyones, number)


def reserve(project_id: UUID, leg_id: str, number: str, rate: Rate | None, caps: Caps) -> None:
    """Count a phone leg and set its first interval's money aside.

    Raises CapReached (429), or PaymentRequired (402) where a prepaid balance does not cover it, before
    anything of it is written: others of its group are rung all the same.
    """
    account, now = locked_account(project_id), clock.now()
    mine = PhoneCharge.objects.filter(project_id=project_id)
    if caps.concurrent is not None and mine.filter(settled_at=None).count() >= caps.concurrent:
        raise CapReached(
            5, "too_many_phone_calls", "The project has reached its maximum number of live phone calls."
        )
    if caps.per_minute is not None and mine.filter(created_at__gt=now - MINUTE).count() >= caps.per_minute:
        raise CapReached(
            20, "phone_rate_exceeded", "The project has reached its limit of phone calls per minute."
        )
    if rate is None and account.prepaid:
        raise errors.PaymentRequired(message="There is no rate for that number, so it cannot be called.")
    rate = rate or FREE
    amount = rate.cost(INTERVAL_SECONDS)
    charge = PhoneCharge(
        leg_id=leg_id, project_id=project_id, number=number, per_minute=rate.per_minute,
        setup=rate.setup, increment=rate.increment, created_at=now,
    )  # fmt: skip
    if amount and not covered(account, amount, caps, now):
        if account.prepaid and account.balance - account.reserved < amount:
            raise errors.PaymentRequired(message="The project's balance does not cover this call.")
        raise CapReached(3600, "daily_spend_reached", "The project has reached its daily spending limit.")
    set_aside(account, charge, amount, now)
    charge.save(force_insert=True)


def covered(account: Account, amount: int, caps: Caps, now: datetime) -> bool:
    """Whether so much more may be set aside: by the balance if prepaid, and by the day's cap."""
    if account.prepaid and account.balance - account.reserved < amount:
        return False
    spent = account.spent if account.spent_on == now.date() else 0
    return caps.per_day is None or spent + account.reserved + amount <= caps.per_day


def set_aside(account: Account, charge: PhoneCharge, amount: int, now: datetime) -> None:
    charge.reserved += amount
    if amount:
        add_entry(account, "reserve", now, reserved=amount, leg_id=charge.leg_id)


def add_entry(
    account: Account,
    kind: str,
    now: datetime,
    *,
    amount: int = 0,
    reserved: int = 0,
    leg_id: UUID | str | None = None,
    seconds: int | None = None,
    note: str = "",
) -> LedgerEntry:
    """Append one ledger row and bring the locked account in line with it."""
    account.balance += amount
    account.reserved += reserved
    account.entries += 1
    account.save()
    return LedgerEntry.objects.create(
        project_id=account.pk, number=account.entries, kind=kind, amount=amount, reserved=reserved,
        balance_after=account.balance, reserved_after=account.reserved,
        leg_id=leg_id, seconds=seconds, note=note[:200], at=now,
    )  # fmt: skip


def move_money(project_id: UUID, kind: str, amount: int, note: str = "") -> LedgerEntry:
    """`top_up` or `adjust` an account by `amount` micros (negative takes). Inside a transaction."""
    return add_entry(locked_account(project_id), kind, clock.now(), amount=amount, note=note)


# --- along with the call: what `control.commit_turn` calls with the world before and after


def phone_legs(world: World) -> dict[str, tuple[Call, Leg]]:
    return {
        leg.id: (call, leg)
        for call in world.values()
        for leg in (*call.legs, *call.connect)
        if leg.party is Party.SIP
    }


def over(found: tuple[Call, Leg] | None) -> bool:
    return found is None or not found[1].live or not found[0].live


def apply_turn(before: World, after: World, now: datetime) -> None:
    """Begin to charge phone legs that were answered, settle those that are over."""
    was, legs = phone_legs(before), phone_legs(after)
    if not was and not legs:
        return
    answered = [id for id, (_, leg) in legs.items() if leg.answered and not is_answered(was.get(id))]
    ended = [id for id in was.keys() | legs.keys() if over(legs.get(id)) and not over(was.get(id))]
    if answered:
        start_charges(answered, now)
    for charge in open_charges(ended):
        settle(charge, now)


def is_answered(found: tuple[Call, Leg] | None) -> bool:
    return found is not None and found[1].answered


def open_charges(leg_ids: Iterable[str]) -> list[PhoneCharge]:
    ids = list(leg_ids)
    if not ids:
        return []
    return list(PhoneCharge.objects.filter(leg_id__in=ids, settled_at=None).order_by("leg_id"))


def start_charges(leg_ids: Iterable[str], now: datetime) -> None:
    for charge in open_charges(leg_ids):
        covers = rates.seconds_paid(rate_of(charge), INTERVAL_SECONDS)
        PhoneCharge.objects.filter(pk=charge.pk, answered_at=None).update(
            answered_at=now, paid_until=now + timedelta(seconds=covers)
        )


def rate_of(charge: PhoneCharge) -> Rate:
    return Rate(charge.number, charge.per_minute, charge.setup, charge.increment)


def settle(charge: PhoneCharge, now: datetime) -> None:
    """The leg is over: charge what it lasted, at most what was set aside, and release the rest."""
    if not charge.reserved and not charge.per_minute:
        PhoneCharge.objects.filter(pk=charge.pk).update(settled_at=now)
        return
    account = locked_account(charge.project_id)
    charge = PhoneCharge.objects.get(pk=charge.pk)  # as it is under the lock
    if charge.settled_at is not None:
        return
    if charge.answered_at is not None and charge.reserved:
        seconds = max(0.0, (now - charge.answered_at).total_seconds())
        charge.charged = min(charge.reserved, rate_of(charge).cost(seconds))
        if account.spent_on != now.date():
            account.spent_on, account.spent = now.date(), 0
        account.spent += charge.charged
        add_entry(
            account, "charge", now, amount=-charge.charged, reserved=-charge.reserved,
            leg_id=charge.leg_id, seconds=int(seconds), note=charge.number,
        )  # fmt: skip
    elif charge.reserved:
        add_entry(account, "release", now, reserved=-charge.reserved, leg_id=charge.leg_id)
    charge.settled_at = now
    charge.save()


def extend_reservation(leg_id: UUID, caps: Caps, now: datetime) -> bool:
    """Cover the next interval of an answered leg; False where the money or the day's cap is used up."""
    found = PhoneCharge.objects.filter(pk=leg_id, settled_at=None).first()
    if found is None or found.paid_until is None:
        return True
    account = locked_account(found.project_id)
    charge = PhoneCharge.objects.get(pk=leg_id)
    if charge.settled_at is not None or charge.paid_until is None or charge.answered_at is None:
        return True
    rate = rate_of(charge)
    covers = timedelta(seconds=rates.seconds_paid(rate, INTERVAL_SECONDS))
    until = charge.paid_until + covers
    wanted = rate.cost((until - charge.answered_at).total_seconds()) - charge.reserved
    if wanted > 0 and not covered(account, wanted, caps, now):
        return False
    set_aside(account, charge, max(0, wanted), now)
    charge.paid_until = until
    charge.save()
    return True


def running_out(now: datetime) -> QuerySet[PhoneCharge]:
    """Priced calls whose covered time ends soon, and all phone legs of suspended projects."""
    priced = Q(paid_until__lte=now + EXTEND) & ~Q(per_minute=0)
    rows = PhoneCharge.objects.filter(priced | Q(project__suspended_at__isnull=False), settled_at=None)
    return rows.select_related("project").order_by("paid_until", "leg_id")


def summary(project_id: UUID) -> Mapping[str, Any]:
    """The account as numbers, without making one."""
    account = Account.objects.filter(pk=project_id).first() or Account(project_id=project_id)
    today = clock.now().date()
    return {
        "account": account,
        "available": account.balance - account.reserved,
        "spent_today": account.spent if account.spent_on == today else 0,
        "open": PhoneCharge.objects.filter(project_id=project_id, settled_at=None).count(),
    }
