"""What a call of two people costs the database: statements and transactions, from the dial to the hangup."""

from __future__ import annotations

import re
import threading
import time
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from calling import models
from calling.calls import control, queries, store
from calling.machine.inputs import Hangup
from tests.support import fake_worker, people

pytestmark = pytest.mark.django_db(transaction=True)

MOST = 53  # it was 76, when a turn sent its fence, its lock, its reads and its rows one by one


def test_a_call_takes_no_more_statements_than_it_did() -> None:
    cast = people.make_cast()
    looks: list[str] = []

    def snapshot(call_id: object) -> object:
        looks.append(str(call_id))
        return queries.snapshot(call_id)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fake_worker, "call_of", snapshot)
        with CaptureQueriesContext(connection) as asked:
            call_id = fake_worker.talking(cast)
            leg = fake_worker.leg_of(call_id, "caller")
            control.apply(call_id, Hangup(leg.id))
    own = 2 * len(looks)  # what the test itself asks: a call and its legs
    commits = sum(each["sql"] == "COMMIT" for each in asked)
    sent = [each["sql"] for each in asked if each["sql"] != "BEGIN"]  # Django notes it; it goes with the next
    assert len(sent) - own <= MOST, [each[:90] for each in sent]
    assert commits <= 8


def test_an_offer_that_did_not_change_is_not_written_again() -> None:
    cast = people.make_cast()
    call_id = fake_worker.ringing(cast)
    with CaptureQueriesContext(connection) as asked:
        control.apply(call_id, Hangup(fake_worker.leg_of(call_id, "caller").id))
    said = "\n".join(each["sql"] for each in asked)
    written = re.findall(r'UPDATE "calling_leg" SET (.*?) WHERE "calling_leg"', said, re.DOTALL)
    assert len(written) == 2 and not any('"offer"' in each or '"answer"' in each for each in written)
    legs = models.Leg.objects.filter(call_id=call_id)
    assert all(each.state == "ended" for each in legs) and any(each.offer for each in legs)


def test_what_a_turn_changes_is_one_statement() -> None:
    """The call, both its legs, and the event that tells of it."""
    call_id = fake_worker.talking(people.make_cast())
    leg = fake_worker.leg_of(call_id, "caller")
    with CaptureQueriesContext(connection) as asked:
        control.apply(call_id, Hangup(leg.id))
    *_, last, commit = (each["sql"] for each in asked)
    assert commit == "COMMIT"
    first, last = last.split("; ", 1)
    assert "pg_try_advisory_xact_lock" in first and last.startswith("WITH ")
    assert re.findall(r'(UPDATE|INSERT INTO) "(\w+)"', last) == [
        ("UPDATE", "calling_call"),
        ("UPDATE", "calling_leg"),
        ("UPDATE", "calling_leg"),
        ("INSERT INTO", "calling_event"),
    ]
    assert fake_worker.event_types(call_id)[-1] == "call.ended"


def test_the_last_message_of_a_turn_ends_its_transaction() -> None:
    call_id = fake_worker.talking(people.make_cast())
    with CaptureQueriesContext(connection) as asked:
        control.apply(call_id, Hangup(fake_worker.leg_of(call_id, "caller").id))
    *_, last, commit = (each["sql"] for each in asked)
    assert last.endswith("; COMMIT") and commit == "COMMIT"  # as Django notes it; this one was not sent
    assert fake_worker.call_of(call_id).state.value == "ended"


def test_a_turn_that_cannot_be_written_changes_nothing() -> None:
    call_id = fake_worker.talking(people.make_cast())
    leg_id = fake_worker.leg_of(call_id, "caller").id
    taken = models.Event.objects.filter(call_id=call_id).latest("sequence")
    taken.pk, taken.event_id, taken.sequence = None, uuid4(), (taken.sequence or 0) + 1
    taken.position = (taken.position or 0) + 1
    taken.save(force_insert=True)
    with pytest.raises(IntegrityError):
        control.apply(call_id, Hangup(leg_id))
    assert fake_worker.call_of(call_id).state.value == "answered"


def test_what_goes_on_after_a_turn_is_of_its_transaction() -> None:
    call_id = fake_worker.talking(people.make_cast())
    leg_id = fake_worker.leg_of(call_id, "caller").id
    with pytest.raises(LookupError), transaction.atomic():
        control.apply(call_id, Hangup(leg_id))
        raise LookupError
    assert fake_worker.call_of(call_id).state.value == "answered"


def test_a_call_alone_is_locked_and_read_by_one_message() -> None:
    call_id = fake_worker.ringing(people.make_cast())

    def look() -> None:
        world, rows = store.lock_world(call_id)
        assert list(world) == list(rows) == [call_id]
        assert len(world[call_id].legs) == 2

    with CaptureQueriesContext(connection) as asked:
        control.in_transaction(look)
    begun, read, commit = (each["sql"] for each in asked)
    assert begun == "BEGIN" and commit == "COMMIT"  # as Django notes them; the first was not sent
    assert read.startswith("BEGIN; ") and read.count("SELECT") >= 2


def test_who_waits_for_the_lock_reads_what_the_other_has_written() -> None:
    """The call is locked and its legs are read by two statements, though in one message: one statement alone
    would see the legs as they were before it waited."""
    call_id = fake_worker.talking(people.make_cast())
    leg_id = fake_worker.leg_of(call_id, "caller").id
    waiting, found = threading.Event(), []

    def wait() -> None:
        def look() -> None:
            waiting.set()
            world, _ = store.lock_world(call_id)
            found.append(world[call_id].leg(leg_id))

        control.in_transaction(look)
        connection.close()

    other = threading.Thread(target=wait)
    with transaction.atomic():
        models.Call.objects.select_for_update().get(pk=call_id)
        other.start()
        waiting.wait(5)
        wait_for_a_blocked_lock()
        models.Leg.objects.filter(pk=leg_id).update(held=True)
    other.join()
    assert found[0] is not None and found[0].held


def wait_for_a_blocked_lock() -> None:
    """Until another session waits for a lock of this one."""
    blocked = "SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    for _ in range(1000):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(blocked)
            if cursor.fetchone()[0]:
                return
        time.sleep(0.01)
    raise AssertionError("nobody waits")
