"""The page of phone calls: owners top up, set rates and the policy, suspend; the audit log keeps it all."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from calling import models
from calling.telephony.policy import policy_of
from subscribers.models import Project


def signed_in(world: Any, name: str) -> Client:
    client = Client()
    client.force_login(world.people[name])
    return client


def test_an_owner_tops_up_and_the_ledger_shows_it(world: Any) -> None:
    olga = signed_in(world, "olga")
    olga.post("/dashboard/balance/top-up", {"amount": "12.5", "note": "invoice 7"})
    olga.post("/dashboard/balance/top-up", {"amount": "-0.5", "note": "typed wrong"})
    olga.post("/dashboard/balance/account", {"prepaid": "on", "currency": "eur"})
    text = olga.get("/dashboard/balance").content.decode()
    assert "12.00 EUR" in text and "invoice 7" in text and "prepaid" in text
    account = models.Account.objects.get(pk=world.project.pk)
    assert (account.balance, account.prepaid, account.entries) == (12_000_000, True, 2)
    said = models.StaffAction.objects.filter(project=world.project).values_list("action", flat=True)
    assert set(said) >= {"balance.top_up", "balance.adjust", "balance.account"}


def test_rates_are_set_changed_and_dropped(world: Any) -> None:
    olga = signed_in(world, "olga")
    for price in ("0.012", "0.02"):
        olga.post("/dashboard/balance/rates", {"prefix": "+1", "per_minute": price, "increment": "6"})
    rate = models.PhoneRate.objects.get()
    assert (rate.per_minute, rate.increment, rate.project_id) == (20_000, 6, world.project.pk)
    assert signed_in(world, "mallory").post(f"/dashboard/balance/rates/{rate.pk}/drop").status_code == 404
    olga.post(f"/dashboard/balance/rates/{rate.pk}/drop")
    assert not models.PhoneRate.objects.exists()


def test_the_policy_is_the_form(world: Any) -> None:
    olga = signed_in(world, "olga")
    form = {"countries": "se, us", "risk": "special", "allow_prefixes": "+1876", "block_prefixes": "+1900",
            "concurrent": "5", "per_minute": "7", "per_day": "20", "refusals": "0",
            "sip_hosts": "PBX.example.com, 192.0.2.1"}  # fmt: skip
    olga.post("/dashboard/balance/policy", form)
    policy = policy_of(world.project.pk)
    assert policy.numbers.countries == {"SE", "US"} and policy.numbers.risk == "special"
    assert policy.numbers.allow_prefixes == ("+1876",) and policy.numbers.block_prefixes == ("+1900",)
    assert (policy.caps.concurrent, policy.caps.per_minute, policy.caps.per_day) == (5, 7, 20_000_000)
    assert policy.refusals == 0 and policy.sip_hosts == {"pbx.example.com", "192.0.2.1"}
    olga.post("/dashboard/balance/policy", {"countries": "every"})
    assert policy_of(world.project.pk).numbers.countries is None


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("top-up", {"amount": "much"}),
        ("top-up", {"amount": "0"}),
        ("account", {"currency": "$"}),
        ("rates", {"prefix": "1", "per_minute": "1"}),
        ("rates", {"prefix": "+1", "per_minute": "-1"}),
        ("rates", {"prefix": "+1", "per_minute": "1", "increment": "x"}),
        ("policy", {"countries": "Sweden"}),
        ("policy", {"allow_prefixes": "1876"}),
        ("policy", {"concurrent": "-1"}),
        ("policy", {"sip_hosts": "sip:x@y"}),
        ("policy", {"per_day": "1e9"}),
    ],
)
def test_wrong_fields_change_nothing(world: Any, path: str, form: dict[str, str]) -> None:
    answer = signed_in(world, "olga").post(f"/dashboard/balance/{path}", form, follow=True)
    assert answer.status_code == 200 and b"note bad" in answer.content
    assert not models.LedgerEntry.objects.exists() and not models.PhoneRate.objects.exists()
    assert Project.objects.get(pk=world.project.pk).policy == {}


def test_owners_suspend_and_lift(world: Any) -> None:
    olga = signed_in(world, "olga")
    olga.post("/dashboard/balance/suspend", {})
    assert b"suspended" in olga.get("/dashboard/balance").content
    assert models.Event.objects.filter(type="project.suspended", project=world.project).count() == 1
    olga.post("/dashboard/balance/suspend", {"lift": ""})
    assert Project.objects.get(pk=world.project.pk).suspended_at is None


@pytest.mark.parametrize("name", ["vera", "otto"])
def test_who_does_not_own_only_looks(world: Any, name: str) -> None:
    client = signed_in(world, name)
    assert client.get("/dashboard/balance").status_code == 200
    for path in ("top-up", "account", "rates", "policy", "suspend"):
        assert client.post(f"/dashboard/balance/{path}", {"amount": "5", "prefix": "+1"}).status_code == 403
    assert not models.LedgerEntry.objects.exists()
