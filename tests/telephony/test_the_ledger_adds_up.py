"""Prepaid calls: refused without funds, covered by intervals, ended at the cap, every sum proved."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from calling import models
from calling.sweep import sweep_charges
from calling.telephony import billing
from calling.telephony.rates import MICROS, BadAmount, Rate, format_amount, longest_match, parse_amount
from tests.support import fake_worker, ledger, rest_client
from tests.support.people import Cast
from tests.support.rest_client import error_of
from tests.telephony.conftest import FAR, dial, dialled, pick_up, policy

CENT = MICROS // 100


class Clock:
    """The time of the platform, standing still until a test moves it."""

    def __init__(self) -> None:
        self.now = timezone.now()

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("clock.now", lambda: made.now)
    return made


@pytest.fixture
def prepaid(cast: Cast) -> Cast:
    policy(cast, countries=["US", "SE"], concurrent=1000, per_minute=1000, refusals=0)
    models.Account.objects.create(project=cast.project, prepaid=True)
    models.PhoneRate.objects.create(prefix="+1", per_minute=2 * CENT)
    models.PhoneRate.objects.create(project=cast.project, prefix="+1555", per_minute=3 * CENT, increment=6)
    return cast


def top_up(cast: Cast, micros: int) -> None:
    with transaction.atomic():
        billing.move_money(cast.project.id, "top_up", micros)


def prove(cast: Cast) -> models.Account:
    ledger.prove_charges(cast.project.id)
    return ledger.prove(cast.project.id)


def test_without_funds_nothing_is_dialled(prepaid: Cast) -> None:
    error = error_of(dial(prepaid), 402)
    assert error["code"] == "insufficient_balance"
    assert not models.Call.objects.exists() and not models.PhoneCharge.objects.exists()
    error_of(dial(prepaid, "+46701234567"), 402)  # no rate, so no price
    top_up(prepaid, 3 * CENT - 1)
    error_of(dial(prepaid), 402)
    top_up(prepaid, 1)
    dialled(prepaid)
    assert prove(prepaid).reserved == 3 * CENT
    error_of(dial(prepaid), 402)


def test_a_call_costs_its_steps_and_the_rest_comes_back(prepaid: Cast, clock: Clock) -> None:
    top_up(prepaid, 100 * CENT)
    call_id = dialled(prepaid)
    pick_up(call_id)
    clock.forward(13.5)  # three steps of six seconds
    prepaid.rest.post(f"/api/calls/{call_id}/hangup")
    account = prove(prepaid)
    assert account.balance == 100 * CENT - 3 * CENT * 18 // 60
    assert account.reserved == 0 and account.spent == 9_000
    entry = models.LedgerEntry.objects.get(kind="charge")
    assert entry.seconds == 13 and entry.note == FAR


def test_an_unanswered_call_costs_nothing(prepaid: Cast) -> None:
    top_up(prepaid, CENT * 10)
    prepaid.rest.post(f"/api/calls/{dialled(prepaid)}/hangup")
    joined = prepaid.rest.post(
        "/api/calls", {"to": "/private/bob", "from": "+15550001111", "connect": FAR}
    ).json()["id"]
    assert prove(prepaid).reserved == 3 * CENT
    prepaid.rest.post(f"/api/calls/{joined}/hangup")
    account = prove(prepaid)
    assert (account.balance, account.reserved) == (CENT * 10, 0)


def test_a_live_call_is_covered_interval_by_interval_and_ends_at_the_cap(prepaid: Cast, clock: Clock) -> None:
    top_up(prepaid, 7 * CENT)  # two minutes and a bit
    call_id = dialled(prepaid)
    pick_up(call_id)
    sweep_charges()
    assert prove(prepaid).reserved == 3 * CENT
    clock.forward(57)
    sweep_charges()
    assert prove(prepaid).reserved == 6 * CENT
    clock.forward(59)  # 116 s: the third minute cannot be covered, but this one is paid
    sweep_charges()
    assert fake_worker.call_of(call_id).state.value == "answered"
    clock.forward(3.5)
    sweep_charges()
    call = fake_worker.call_of(call_id)
    assert (call.state, call.end_reason, call.end_cause, call.ended_by) == (
        "ended", "hangup", "insufficient_balance", "platform",
    )  # fmt: skip
    account = prove(prepaid)
    assert (account.balance, account.reserved) == (CENT, 0)


def test_what_a_day_may_cost_holds_for_an_account_that_pays_later(cast: Cast, clock: Clock) -> None:
    policy(cast, per_day=5 * CENT)
    models.PhoneRate.objects.create(prefix="+1", per_minute=2 * CENT)
    first, second = dialled(cast), dialled(cast)
    error = error_of(dial(cast), 429)
    assert error["code"] == "daily_spend_reached"
    pick_up(first)
    clock.forward(58)
    sweep_charges()  # the second's reservation leaves nothing for another minute
    clock.forward(1.5)
    sweep_charges()
    assert fake_worker.call_of(first).end_cause == "insufficient_balance"
    cast.rest.post(f"/api/calls/{second}/hangup")
    account = prove(cast)
    assert (account.balance, account.spent) == (-2 * CENT, 2 * CENT)
    assert cast.rest.get("/api/balance").json() == {
        "project_id": str(cast.project.id), "prepaid": False, "currency": "USD", "balance": "-0.020000",
        "reserved": "0.000000", "available": "-0.020000", "spent_today": "0.020000", "live_phone_calls": 0,
        "limits": {"concurrent": 60, "per_minute": 120, "per_day": "0.050000"},
        "suspended_at": None, "suspended_reason": None,
    }  # fmt: skip


def test_the_ledger_cannot_be_changed(prepaid: Cast) -> None:
    top_up(prepaid, CENT)
    for change in (
        lambda: models.LedgerEntry.objects.update(amount=0),
        lambda: models.LedgerEntry.objects.all().delete(),
    ):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            change()
    prove(prepaid)


def test_balances_are_told_to_their_project_alone(prepaid: Cast, mallory: Cast) -> None:
    top_up(prepaid, CENT)
    assert mallory.rest.get("/api/balance").json()["balance"] == "0.000000"
    error_of(prepaid.alice.rest.get("/api/balance"), 403)
    error_of(rest_client.client().get("/api/balance"), 401)


def test_any_order_of_calls_leaves_the_sums_right(
    prepaid: Cast, clock: Clock, seed: int, figure: Any
) -> None:
    rng = random.Random(seed)
    top_up(prepaid, 40 * CENT)
    live: list[str] = []
    for _ in range(figure(60, 2000)):
        move = rng.choice(["dial", "dial", "answer", "later", "hangup", "top_up", "sweep"])
        if move == "dial":
            answer = dial(prepaid, rng.choice([FAR, "+12125550123"]))
            assert answer.status_code in (201, 402)
            live += [answer.json()["id"]] if answer.status_code == 201 else []
        elif move == "top_up":
            top_up(prepaid, rng.randrange(1, 2 * CENT))
        elif move == "sweep":
            sweep_charges()
        elif live:
            call_id = rng.choice(live)
            leg = fake_worker.leg_of(call_id, "callee")
            if move == "answer" and not leg.answered and leg.live:
                pick_up(call_id)
            elif move == "later" and leg.answered:
                clock.forward(rng.uniform(0, 30))
            elif move == "hangup":
                prepaid.rest.post(f"/api/calls/{call_id}/hangup")
                live.remove(call_id)
        assert prove(prepaid).balance >= 0
    for call_id in live:
        prepaid.rest.post(f"/api/calls/{call_id}/hangup")
    account = prove(prepaid)
    assert account.reserved == 0 and account.balance >= 0


def test_rates_are_exact_and_the_longest_prefix_wins() -> None:
    rate = Rate("+1", 10_000, setup=500, increment=60)
    assert [rate.cost(each) for each in (0, 0.4, 60)] == [10_500] * 3
    assert [rate.cost(each) for each in (60.5, 61, 120)] == [20_500] * 3
    assert Rate("+1", 1, increment=1).cost(1) == 1  # rounded up, never down
    rates = [Rate("+", 1), Rate("+1", 2), Rate("+1555", 3)]
    found = [longest_match(rates, text) for text in ("+15551234567", "+12125550123", "+46701234567")]
    assert [each.per_minute for each in found if each] == [3, 2, 1]
    assert longest_match([Rate("+4", 1)], "+1") is None
    assert (parse_amount("12.5"), parse_amount("-0.000001")) == (12_500_000, -1)
    assert (format_amount(12_500_000), format_amount(-1)) == ("12.500000", "-0.000001")
    for text in ("", "1e3", "1,5", "0.0000001", "٣", "1" * 12, "nan"):
        with pytest.raises(BadAmount):
            parse_amount(text)
