"""Country list, prefix risk, emergency numbers, limits and suspension, by every way to dial.

Proves docs/security.md#r9.
"""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection

from calling import models
from calling.commands import dial as placing
from calling.commands import suspension, transfers
from calling.commands.routing import DialRequest
from calling.telephony.billing import CapReached
from rest import errors
from subscribers.models import Project, SipGateway
from tests.support import fake_worker, people
from tests.support.people import Cast, make_cast
from tests.support.rest_client import error_of
from tests.telephony.conftest import FAR, OWN, dial, dialled, pick_up, policy
from tokens.subjects import Entry


def test_a_phone_call_needs_scope_country_and_risk_to_agree(cast: Cast) -> None:
    dave = people.subscriber(cast.project, "dave", None, (Entry("prefix", "+1"),))
    assert error_of(cast.alice.rest.post("/api/calls", {"to": FAR, "sdp": fake_worker.SDP}), 403)["code"] == (
        "address_not_allowed"
    )
    assert dave.rest.post("/api/calls", {"to": FAR, "sdp": fake_worker.SDP}).status_code == 201
    premium = dave.rest.post("/api/calls", {"to": "+19005551234", "sdp": fake_worker.SDP})
    assert error_of(premium, 403)["code"] == "number_not_allowed"
    policy(cast, countries=["SE"])
    assert error_of(dial(cast), 403)["code"] == "country_not_allowed"
    assert dial(cast, "+46701234567").status_code == 201
    assert error_of(dial(cast, "+99912345678"), 422)["code"] == "not_e164"


@pytest.mark.parametrize("to", ["112", "911", "+112", "+46112", "+1911", "sip:911@203.0.113.9"])
def test_emergency_numbers_are_refused_with_a_clear_error(cast: Cast, to: str) -> None:
    error = error_of(dial(cast, to), 403)
    assert error["code"] == "emergency_number" and "telephone" in error["message"]


def test_an_extension_of_somebody_is_no_emergency(cast: Cast) -> None:
    person = cast.alice.subscriber
    assert person is not None
    person.extension = "112"
    person.save()
    assert dial(cast, "112").status_code == 201


def test_the_announcement_needs_no_policy(cast: Cast) -> None:
    policy(cast, countries=[])
    suspension.suspend(cast.project.id, "test")
    assert dial(cast, "+46000000000").status_code == 201
    answer = cast.alice.rest.post("/api/calls", {"to": "+46000000000", "sdp": fake_worker.SDP})
    assert answer.status_code == 201


@pytest.mark.parametrize("way", ["connect", "transfer", "consult", "script"])
def test_every_other_way_to_dial_asks_the_policy(cast: Cast, way: str) -> None:
    denied = "+5351234567"
    if way == "connect":
        body = {"to": "/private/bob", "from": OWN, "connect": denied}
        assert error_of(cast.rest.post("/api/calls", body), 403)["code"] == "number_not_allowed"
    elif way == "script":
        call_id = fake_worker.talking(cast)
        with pytest.raises(errors.Forbidden, match="fraud"):
            transfers.connect(cast.key, call_id, fake_worker.leg_of(call_id, "caller").id, [FAR, denied])
    else:
        call_id = fake_worker.talking(cast)
        body = {"to": denied, "leg": "caller", **({"sdp": fake_worker.SDP} if way == "consult" else {})}
        answer = cast.rest.post(f"/api/calls/{call_id}/{way}", body)
        assert error_of(answer, 403)["code"] == "number_not_allowed"
    assert not models.PhoneCharge.objects.exists()


def test_a_number_at_a_gateway_is_a_phone_number(cast: Cast) -> None:
    for user in ("+5351234567", "005351234567", "5351234567", "53-51234567", "alice"):
        assert error_of(dial(cast, f"sip:{user}@203.0.113.9"), 403)["code"] == "number_not_allowed", user
    assert dial(cast, f"sip:{FAR}@203.0.113.9").status_code == 201
    SipGateway.objects.update(names=["alice"])
    assert dial(cast, "sip:alice@203.0.113.9").status_code == 201
    # The same gateway under another name: a number is judged wherever it is sent.
    assert error_of(dial(cast, "sip:+5351234567@trunk.example.org"), 403)["code"] == "number_not_allowed"


def test_limits_on_calls_at_once_and_per_minute_hold(cast: Cast) -> None:
    policy(cast, concurrent=2)
    first, _ = dialled(cast), dialled(cast)
    error = error_of(dial(cast), 429)
    assert error["code"] == "too_many_phone_calls"
    assert dial(cast, "/private/bob").status_code == 201
    cast.rest.post(f"/api/calls/{first}/hangup")
    assert dial(cast).status_code == 201
    policy(cast, concurrent=100, per_minute=3)
    answer = dial(cast)
    assert error_of(answer, 429)["code"] == "phone_rate_exceeded" and int(answer["Retry-After"]) > 0


@pytest.mark.django_db(transaction=True)
def test_dials_side_by_side_never_pass_the_limit(figure: Any) -> None:
    from tests.telephony.conftest import with_trunk

    cast = with_trunk(make_cast())
    policy(cast, concurrent=10, per_minute=None, refusals=0)
    made: list[str] = []

    def work(share: int) -> None:
        try:
            for _ in range(share):
                try:
                    request = DialRequest(to=FAR, from_=OWN, script=fake_worker.SCRIPT)
                    made.append(str(placing.place(cast.key, request).id))
                except CapReached:
                    pass
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(figure(5, 25),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(made) == 10
    assert models.PhoneCharge.objects.filter(settled_at=None).count() == 10


def test_many_refusals_suspend_the_phone_calls_and_say_so(cast: Cast) -> None:
    from calling.sweep import sweep_charges

    policy(cast, refusals=5)
    live = dialled(cast)
    pick_up(live)
    codes = [error_of(dial(cast, "+5351234567"), 403)["code"] for _ in range(8)]
    assert codes[0] == "number_not_allowed" and codes[-1] == "project_suspended"
    event = models.Event.objects.get(type="project.suspended")
    assert str(cast.project.id) in event.body
    assert error_of(dial(cast), 403)["code"] == "project_suspended"
    assert dial(cast, "/private/bob").status_code == 201
    sweep_charges()
    call = fake_worker.call_of(live)
    assert (call.state, call.end_cause, call.ended_by) == ("ended", "not_allowed", "platform")
    balance = cast.rest.get("/api/balance").json()
    assert balance["suspended_at"] and balance["live_phone_calls"] == 0
    suspension.resume(cast.project.id)
    assert Project.objects.get(pk=cast.project.id).suspended_at is None
    assert dial(cast).status_code == 201


def test_a_prepaid_project_starts_with_its_own_country_and_small_limits(cast: Cast) -> None:
    models.Account.objects.create(project=cast.project, prepaid=True, balance=10**9)
    models.PhoneRate.objects.create(prefix="+", per_minute=10_000)
    assert error_of(dial(cast, "+46701234567"), 403)["code"] == "country_not_allowed"
    dialled(cast)
    dialled(cast)
    assert error_of(dial(cast), 429)["code"] == "too_many_phone_calls"


def group(cast: Cast, *to: str) -> list[tuple[str, int]]:
    """What a script's `connect` of these rings: each leg's address, and which of them it is for."""
    fake_worker.online(cast.bob)
    call_id = dialled(cast, "/private/bob")
    fake_worker.carry(call_id)
    assert cast.bob.rest.post(f"/api/calls/{call_id}/answer", {"sdp": fake_worker.SDP}).status_code == 200
    fake_worker.answer_offers(call_id)
    party = fake_worker.leg_of(call_id, "callee").id
    outcome, numbers = transfers.connect(cast.key, call_id, party, [*to])
    return [(leg.address, numbers[leg.id]) for leg in outcome.call.legs if leg.id in numbers]


def test_a_phone_one_too_many_leaves_its_group_ringing(cast: Cast) -> None:
    policy(cast, concurrent=1, refusals=1)
    dialled(cast)
    assert group(cast, FAR, "/private/carol") == [("/private/carol", 1)]
    assert models.PhoneCharge.objects.count() == 1, "what was refused costs nothing"
    assert not Project.objects.get(pk=cast.project.pk).suspended_at
    group(cast, FAR, "/private/carol")
    assert Project.objects.get(pk=cast.project.pk).suspended_at, "and counts as refused"


def test_a_phone_that_cannot_be_paid_leaves_its_group_ringing(cast: Cast) -> None:
    models.Account.objects.create(project=cast.project, prepaid=True)
    found = group(cast, "/private/carol", FAR, "/private/alice")
    assert found == [("/private/carol", 0), ("/private/alice", 2)]


def test_a_group_of_phones_of_which_none_may_be_called_is_refused(cast: Cast) -> None:
    policy(cast, concurrent=1)
    dialled(cast)
    with pytest.raises(CapReached):
        group(cast, FAR, "+15551234568")
