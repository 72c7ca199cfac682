"""A token holder has so many calls at once, a project its share of the legs; one too many is not made."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.utils import timezone
from psycopg import adapt

from calling import models
from calling.commands import call_limits, dial
from calling.commands.routing import DialRequest
from calling.sip.edge.mapping import problem_headers, problem_status
from calling.sockets.frames import Frame
from calling.sockets.phone import commands
from rest import errors
from subscribers.postgresql import prepared
from tests.support import fake_worker, people, rest_client
from tests.support.people import Cast, Person, make_cast, make_mallory
from tokens.subjects import Entry


@pytest.fixture
def cast(db) -> Cast:
    return make_cast()


def dialled(who: Person, to: str = "/private/bob"):
    return who.rest.post("/api/calls", {"to": to, "sdp": fake_worker.SDP})


def end_all() -> None:
    models.Leg.objects.update(state="ended")
    models.Call.objects.update(
        state="ended", end_reason="hangup", deadline=None, ended_at=timezone.now() - timedelta(minutes=2)
    )


def test_a_guest_has_three_calls_at_once_and_the_next_is_not_made(cast: Cast) -> None:
    assert [dialled(cast.gus).status_code for _ in range(3)] == [201, 201, 201]
    refused = dialled(cast.gus)
    assert rest_client.error_of(refused, 429)["code"] == "too_many_calls" and int(refused["Retry-After"]) >= 1
    assert models.Call.objects.count() == 3
    other = people.guest(cast.project, (Entry("context", "private"),))
    assert dialled(other).status_code == 201, "another guest of the same project has its own"


def test_what_has_ended_makes_room(cast: Cast) -> None:
    first, _, _ = (dialled(cast.gus).json()["id"] for _ in range(3))
    assert cast.gus.rest.post(f"/api/calls/{first}/hangup", {}).status_code == 200
    assert dialled(cast.gus).status_code == 201


def test_a_subscriber_has_a_number_of_its_own_and_calls_to_it_do_not_count(cast: Cast, settings) -> None:
    settings.CALLWRIGHT_MAX_CALLS_SUBSCRIBER = 2
    for _ in range(2):
        assert dialled(cast.bob, "/private/alice").status_code == 201
    assert rest_client.error_of(dialled(cast.bob, "/private/alice"), 429)["code"] == "too_many_calls"
    assert [dialled(cast.alice).status_code for _ in range(2)] == [201, 201]


def test_a_consultation_is_a_call_too(cast: Cast, settings) -> None:
    settings.CALLWRIGHT_MAX_CALLS_SUBSCRIBER = 1
    first = fake_worker.talking(cast)
    body = {"to": "/private/carol", "sdp": fake_worker.SDP}
    refused = cast.alice.rest.post(f"/api/calls/{first}/consult", body)
    assert rest_client.error_of(refused, 429)["code"] == "too_many_calls"
    assert models.Call.objects.count() == 1
    legs = cast.rest.get(f"/api/calls/{first}").json()["legs"]
    assert [leg["held_by"] for leg in legs] == [None, None], "the first call is as it was"
    settings.CALLWRIGHT_MAX_CALLS_SUBSCRIBER = 2
    assert cast.alice.rest.post(f"/api/calls/{first}/consult", body).status_code == 201


def test_a_socket_is_told_the_same(cast: Cast) -> None:
    for _ in range(3):
        dialled(cast.gus)
    fields = {"type": "call.create", "destination": "/private/bob", "sdp": fake_worker.SDP}
    frame = Frame("call.create", fields, 7, None)
    with pytest.raises(errors.TooManyRequests) as raised:
        commands.make(cast.gus.holder, frame, str(uuid4()))
    told = commands.error_for(raised.value, frame)
    assert (told["type"], told["code"]) == ("error", "too_many_calls") and told["retry_after"] >= 1


def test_a_sip_caller_hears_503_and_when_to_come_again(cast: Cast) -> None:
    for _ in range(3):
        dialled(cast.gus)
    with pytest.raises(errors.TooManyRequests) as raised:
        dial.place(cast.gus.holder, DialRequest("/private/bob", sdp=fake_worker.SDP, device_kind="sip"))
    assert problem_status(raised.value.status) == 503
    assert problem_headers(raised.value.headers) == [("Retry-After", "5")]
    assert problem_headers({"WWW-Authenticate": "Basic"}) == []


@pytest.mark.django_db(transaction=True)
def test_dials_at_the_same_time_cannot_pass_together() -> None:
    gus = make_cast().gus
    barrier = threading.Barrier(12)

    def one(_: int) -> int:
        barrier.wait(20)
        try:
            return int(dialled(gus).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(12) as pool:
        statuses = Counter(pool.map(one, range(12)))
    assert statuses == {201: 3, 429: 9} and models.Call.objects.count() == 3


# --- the share of a project ----------------------------------------------------------------------------


@pytest.fixture
def small(settings) -> None:
    """Ten legs carry the instance: six are a project's share."""
    settings.CALLWRIGHT_MEDIA_LEGS = 10


def test_alone_a_project_may_use_everything(cast: Cast, small: None) -> None:
    assert [dialled(cast.alice).status_code for _ in range(4)] == [201] * 4


def test_while_another_project_calls_each_has_its_share(cast: Cast, small: None) -> None:
    mallory = make_mallory().mallory
    assert dialled(mallory, "/private/mallory").status_code == 201
    assert [dialled(cast.alice).status_code for _ in range(4)] == [201, 201, 201, 429]
    refused = cast.rest.post("/api/calls", {"to": cast.bob.address, "script": fake_worker.SCRIPT})
    assert rest_client.error_of(refused, 429)["code"] == "too_many_calls", (
        "the key of the project is bound too"
    )
    assert dialled(mallory, "/private/mallory").status_code == 201, "the other has its own"


def test_greedy_projects_together_leave_room_for_a_quiet_one(cast: Cast, settings) -> None:
    """Twenty legs carry the instance, and no greedy project alone passes its share of them."""
    settings.CALLWRIGHT_MEDIA_LEGS = 20
    dialled(cast.alice)
    end_all()
    models.Call.objects.update(ended_at=timezone.now())
    for made in (6, 3):
        greedy = make_mallory().mallory
        answers = Counter(dialled(greedy, "/private/mallory").status_code for _ in range(7))
        assert answers == {201: made, 429: 7 - made}
    assert models.Leg.objects.exclude(state="ended").exclude(party="app").count() == 18
    assert dialled(cast.alice).status_code == 201
    assert rest_client.error_of(dialled(cast.alice), 429)["code"] == "too_many_calls"


def test_a_minute_after_the_others_last_leg_all_is_free_again(cast: Cast, small: None) -> None:
    dialled(make_mallory().mallory, "/private/mallory")
    end_all()
    assert [dialled(cast.alice).status_code for _ in range(4)] == [201] * 4
    models.Call.objects.exclude(project=cast.project).update(ended_at=timezone.now())
    assert dialled(cast.alice).status_code == 429


def test_workers_that_are_alive_say_what_the_instance_carries(cast: Cast, settings) -> None:
    settings.CALLWRIGHT_MEDIA_LEGS = 10
    assert call_limits.capacity() == 10
    now = timezone.now()
    for key, budget, heartbeat, draining in (
        (1, 30, now, False), (2, 40, now, False), (3, 50, now, True),
        (4, 60, now - timedelta(hours=1), False),
    ):  # fmt: skip
        models.MediaWorker.objects.create(
            name="w", host="h", pid=key, media_address="127.0.0.1", lock_key=key, budget=budget,
            draining=draining, heartbeat_at=heartbeat,
        )  # fmt: skip
    assert call_limits.capacity() == 70


@pytest.mark.parametrize(
    ("who", "wanted", "others"),
    [
        ("alice", {"leg_subscriber_live"}, "leg_subscriber_call"),
        ("gus", {"leg_holder", "leg_unnamed_live"}, "leg_subscriber_call, leg_subscriber_live"),
    ],
)
def test_the_plan_that_is_kept_can_find_the_calls_of_a_token_among_the_live_ones(
    cast: Cast, who: str, wanted: set[str], others: str
) -> None:
    """It is made without its values, and so what an index is for must be said in the statement itself."""
    _, (sql, params) = call_limits.dialled_calls(cast.people[who].holder)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off")
        # What a plan for empty tables may take as well.
        cursor.execute(f"SET LOCAL enable_nestloop = off; SET CONSTRAINTS ALL IMMEDIATE; DROP INDEX {others}")
        keys, said = prepared.literals_of(adapt.Transformer(connection.connection), sql, params)
        words = prepared.numbered(sql, keys, tuple(each for _, each in said))
        cursor.execute(f"PREPARE asked AS {words}")
        cursor.execute(f"EXPLAIN EXECUTE asked ({', '.join(text for text, _ in said)})")
        plan = " ".join(line for (line,) in cursor.fetchall())
        cursor.execute("DEALLOCATE asked")
        transaction.set_rollback(True)
    assert all(each in plan for each in wanted), plan
