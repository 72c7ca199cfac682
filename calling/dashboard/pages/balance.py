"""Phone calls and their money: balance, ledger, rates, and the policy that only owners change."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.db.models import Max, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.formats import sanitize_separators
from django.utils.translation import gettext, gettext_noop

from calling.api.balance import balance_payload
from calling.commands import suspension
from calling.dashboard.access import Staff, as_uuid, page, record
from calling.models import Account, LedgerEntry, PhoneCharge, PhoneRate
from calling.telephony import billing, phone_numbers, rates
from calling.telephony.policy import policy_of
from subscribers.models import Project

MOST_ENTRIES = 200
# Of a form that was sent twice, or while a colleague entered the same invoice.
MEANWHILE = gettext_noop(
    "The balance was changed since this page was opened. Check the ledger before you enter it again."
)
_PREFIX = re.compile(r"\+[0-9]{0,15}")
_HOST = re.compile(r"[a-z0-9._-]{1,253}|\[?[0-9a-f:.]{2,45}\]?")
_COUNTRY = re.compile(r"[A-Z]{2}|001")
_CURRENCY = re.compile(r"[A-Z]{3}")


class Wrong(ValueError):
    """A field of a form; `str()` is shown to the person."""


@page()
def balance(request: HttpRequest, staff: Staff) -> HttpResponse:
    project = Project.objects.get(pk=staff.project.pk)
    entries = list(LedgerEntry.objects.filter(project_id=project.pk).order_by("-number")[:MOST_ENTRIES])
    context = {
        "money": balance_payload(project),
        "last_by_hand": last_by_hand(project.pk),
        "entries": [shown_entry(entry) for entry in entries],
        "rates": [shown_rate(rate) for rate in rates_of(project)],
        "live": PhoneCharge.objects.filter(project=project, settled_at=None).order_by("-created_at")[:100],
        "policy": shown_policy(project),
        "levels": phone_numbers.LEVELS,
    }
    return render(request, "dashboard/balance.html", context)


def rates_of(project: Project) -> QuerySet[PhoneRate]:
    return PhoneRate.objects.filter(project=project).order_by("prefix")[:1000]


def shown_entry(entry: LedgerEntry) -> dict[str, Any]:
    return {
        "row": entry,
        "amount": rates.format_amount(entry.amount),
        "reserved": rates.format_amount(entry.reserved),
        "balance": rates.format_amount(entry.balance_after),
    }


def shown_rate(rate: PhoneRate) -> dict[str, Any]:
    return {
        "row": rate,
        "per_minute": rates.format_amount(rate.per_minute),
        "setup": rates.format_amount(rate.setup),
    }


def shown_policy(project: Project) -> dict[str, Any]:
    policy = policy_of(project.pk)
    plan, caps = policy.numbers, policy.caps
    return {
        "countries": "every" if plan.countries is None else " ".join(sorted(plan.countries)),
        "risk": plan.risk,
        "allow_prefixes": " ".join(plan.allow_prefixes),
        "block_prefixes": " ".join(plan.block_prefixes),
        "concurrent": caps.concurrent,
        "per_minute": caps.per_minute,
        "per_day": "" if caps.per_day is None else rates.format_amount(caps.per_day),
        "refusals": policy.refusals,
        "sip_hosts": " ".join(sorted(policy.sip_hosts)),
        "supervision_tone": policy.supervision_tone,
    }


def back() -> HttpResponse:
    return redirect("dashboard:balance")


def text_of(request: HttpRequest, name: str) -> str:
    return request.POST.get(name, "").strip().replace("\0", "")[:200]


def money_of(request: HttpRequest, name: str) -> int:
    try:
        amount = rates.parse_amount(sanitize_separators(text_of(request, name)) or "0")
    except rates.BadAmount as error:
        raise Wrong(gettext(str(error))) from error
    if abs(amount) > rates.MOST:
        raise Wrong(gettext("That is more than an account can hold."))
    return amount


def whole_of(request: HttpRequest, name: str, most: int = 100_000) -> int | None:
    text = text_of(request, name)
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and int(text[:9]) <= most and len(text) < 9):
        raise Wrong(gettext("A whole number from 0 to {most}, please.").format(most=most))
    return int(text)


def last_by_hand(project_id: UUID) -> int:
    """The number of the newest entry that a person made; 0 where there is none."""
    rows = LedgerEntry.objects.filter(project_id=project_id, kind__in=("top_up", "adjust"))
    return rows.aggregate(last=Max("number"))["last"] or 0


@page("owner", "POST")
def top_up(request: HttpRequest, staff: Staff) -> HttpResponse:
    """Add money that was paid, or take back what was wrong; the ledger and the audit log both keep it."""
    try:
        amount = money_of(request, "amount")
        if amount == 0:
            raise Wrong(gettext("An amount, please."))
    except Wrong as error:
        messages.error(request, str(error))
        return back()
    kind, note = ("top_up" if amount > 0 else "adjust"), text_of(request, "note")
    with transaction.atomic():
        billing.locked_account(staff.project.pk)
        if request.POST.get("after") not in (None, str(last_by_hand(staff.project.pk))):
            messages.error(request, gettext(MEANWHILE))
            return back()
        billing.move_money(staff.project.pk, kind, amount, note)
        record(
            request, staff, f"balance.{kind}", staff.project.pk, amount=rates.format_amount(amount), note=note
        )
    words = gettext("The balance was changed by {amount}.")
    messages.success(request, words.format(amount=rates.format_amount(amount)))
    return back()


@page("owner", "POST")
def account(request: HttpRequest, staff: Staff) -> HttpResponse:
    """Set whether the account is prepaid, and its currency."""
    prepaid, currency = request.POST.get("prepaid") == "on", text_of(request, "currency").upper() or "USD"
    if not _CURRENCY.fullmatch(currency):
        messages.error(request, gettext("A currency has three letters."))
        return back()
    with transaction.atomic():
        row = billing.locked_account(staff.project.pk)
        Account.objects.filter(pk=row.pk).update(prepaid=prepaid, currency=currency)
        record(request, staff, "balance.account", staff.project.pk, prepaid=prepaid, currency=currency)
    messages.success(request, gettext("Saved."))
    return back()


@page("owner", "POST")
def add_rate(request: HttpRequest, staff: Staff) -> HttpResponse:
    """What numbers with a prefix cost from now on; live calls keep the rate they began with."""
    prefix = text_of(request, "prefix")
    try:
        if not _PREFIX.fullmatch(prefix):
            raise Wrong(gettext("A prefix is + and up to 15 digits."))
        per_minute, setup = money_of(request, "per_minute"), money_of(request, "setup")
        if per_minute < 0 or setup < 0:
            raise Wrong(gettext("A rate is not negative."))
        increment = whole_of(request, "increment", 3600) or 60
    except Wrong as error:
        messages.error(request, str(error))
        return back()
    values = {"per_minute": per_minute, "setup": setup, "increment": increment}
    PhoneRate.objects.update_or_create(project=staff.project, prefix=prefix, defaults=values)
    record(request, staff, "rate.set", prefix, **values)
    messages.success(
        request,
        gettext("{prefix} costs {amount} a minute.").format(
            prefix=prefix, amount=rates.format_amount(per_minute)
        ),
    )
    return back()


@page("owner", "POST")
def drop_rate(request: HttpRequest, staff: Staff, rate_id: str) -> HttpResponse:
    rate = get_object_or_404(PhoneRate, pk=as_uuid(rate_id), project=staff.project)
    rate.delete()
    record(request, staff, "rate.drop", rate.prefix)
    return back()


def read_policy(request: HttpRequest) -> dict[str, Any]:
    """The policy's JSON from the form. Raises Wrong. A field that is left empty keeps the default."""
    words: dict[str, Any] = {}
    countries = text_of(request, "countries").upper().replace(",", " ").split()
    if countries and countries != ["EVERY"]:
        if not all(_COUNTRY.fullmatch(each) for each in countries):
            raise Wrong(gettext("Countries are two letters each, or the word every."))
        words["countries"] = countries
    if request.POST.get("risk") in phone_numbers.LEVELS:
        words["risk"] = request.POST["risk"]
    for name in ("allow_prefixes", "block_prefixes"):
        prefixes = text_of(request, name).replace(",", " ").split()
        if not all(_PREFIX.fullmatch(each) and len(each) > 1 for each in prefixes):
            raise Wrong(gettext("A prefix is + and up to 15 digits."))
        if prefixes:
            words[name] = prefixes
    hosts = text_of(request, "sip_hosts").lower().replace(",", " ").split()
    if not all(_HOST.fullmatch(each) for each in hosts):
        raise Wrong(gettext("SIP hosts are names or addresses, without ports."))
    if hosts:
        words["sip_hosts"] = hosts
    for name in ("concurrent", "per_minute", "refusals"):
        if (found := whole_of(request, name)) is not None:
            words[name] = found
    if request.POST.get("supervision_tone") == "on":
        words["supervision_tone"] = True
    if text_of(request, "per_day"):
        words["per_day"] = money_of(request, "per_day")
    return words


@page("owner", "POST")
def set_policy(request: HttpRequest, staff: Staff) -> HttpResponse:
    """What the project's calls may reach, and its limits."""
    try:
        words = read_policy(request)
    except Wrong as error:
        messages.error(request, str(error))
        return back()
    Project.objects.filter(pk=staff.project.pk).update(policy=words)
    record(request, staff, "phone_policy.set", staff.project.pk, **words)
    messages.success(request, gettext("Saved."))
    return back()


@page("owner", "POST")
def suspend(request: HttpRequest, staff: Staff) -> HttpResponse:
    """Suspend the project's phone calls, or (`lift`) allow them again."""
    if "lift" in request.POST:
        suspension.resume(staff.project.pk)
        record(request, staff, "phone_calls.lift", staff.project.pk)
    else:
        suspension.suspend(staff.project.pk, "stopped by staff")
        record(request, staff, "phone_calls.suspend", staff.project.pk)
    return back()
