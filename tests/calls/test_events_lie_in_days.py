"""Events lie in partitions, one a day: a day begins without a gap, is read across, and goes as a whole."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import date, timedelta

import psycopg
import pytest
from django.db import connection, transaction

import clock
from calling import models, retention, waiting
from calling.calls import control, event_days, event_log, positions
from calling.calls.one_statement import OneStatement
from calling.models.ids import uuid7
from calling.retention import partitions
from calling.sockets import call_updates
from calling.webhooks import delivery_queue, publish, redelivery
from calling.webhooks.publish import publish_round
from calling.webhooks.signing import new_secret
from subscribers.database_roles import ROLE
from subscribers.encryption import seal
from tests.support import people
from tests.support.people import Cast
from tests.support.wait import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


class Days:
    """Days that come when the test says so, behind all that there are."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.day = date(1970, 1, 1) + timedelta(
            days=max(each.end for each in partitions.partitions()) >> event_days.SHIFT
        )
        monkeypatch.setattr(partitions, "today", lambda: self.day)

    def begin(self, later: int = 1) -> bool:
        """PostgreSQL's clock says so many days later; whether a day begins."""
        self.day += timedelta(days=later)
        partitions.make_days()
        return partitions.begin_day()

    def grow_old(self) -> None:
        """Everything was written a hundred days ago."""
        with connection.cursor() as cursor:
            cursor.execute("UPDATE callwright_event_day SET begun_at = begun_at - interval '100 days'")
            cursor.execute("UPDATE calling_event SET created_at = created_at - interval '100 days'")
            cursor.execute("UPDATE calling_delivery SET created_at = created_at - interval '100 days'")
        event_days.forget()


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    yield Days(monkeypatch)
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE calling_event, calling_delivery, calling_deliveryattempt")
        for each in partitions.partitions():
            if each.first is not None:
                cursor.execute(f"DROP TABLE {each.name}")
        cursor.execute("DELETE FROM callwright_event_day; SELECT setval('calling_event_id_seq', 1, false)")
    event_days.forget()


@pytest.fixture
def cast() -> Cast:
    return people.make_cast()


@pytest.fixture
def mallory() -> Cast:
    return people.make_mallory()


def write(cast: Cast, count: int = 1) -> list[models.Event]:
    written = [
        control.record_project_event(cast.project.id, "project.suspended", {"n": n}) for n in range(count)
    ]
    publish_round()
    rows = models.Event.objects.filter(event_id__in=[each.event_id for each in written])
    return list(rows.order_by("id"))


def homes() -> dict[str, int]:
    """How many events each partition has, where it has any."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text, count(*) FROM calling_event GROUP BY 1")
        return dict(cursor.fetchall())


def name_of(day: date) -> str:
    return f"calling_event_{day:%Y%m%d}"


def forget() -> int:
    return retention.forget_events(clock.now() - timedelta(days=30))


def an_endpoint(cast: Cast) -> models.WebhookEndpoint:
    return models.WebhookEndpoint.objects.create(
        project=cast.project, url="http://127.0.0.1:9/", events=["*"], secret=seal(new_secret())
    )


def test_a_day_begins_and_positions_and_numbers_go_on(cast, days):
    write(cast, 2)
    assert days.begin()
    assert not partitions.begin_day()  # it has begun
    write(cast, 3)
    days.begin()
    write(cast)
    assert homes()[name_of(days.day)] == 1
    assert homes()[name_of(days.day - timedelta(days=1))] == 3
    rows = models.Event.objects.order_by("id").values_list("position", flat=True)
    assert list(rows) == [1, 2, 3, 4, 5, 6]
    assert event_log.head(cast.project.id) == 6


@pytest.mark.parametrize("letters", [900, 1800, 6000])
def test_long_events_are_packed_in_every_day(cast, days, letters):
    words = "".join(f"{n % 100} lines are held " for n in range(letters))[:letters]
    for _ in range(2):
        assert days.begin()
        control.record_project_event(cast.project.id, "project.suspended", {"words": words})
        publish_round()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tableoid::regclass::text, octet_length(body), pg_column_size(e.*), body"
            " FROM calling_event e ORDER BY id"
        )
        found = cursor.fetchall()
    assert len({name for name, *_ in found}) == 2
    for _, written, lies, body in found:
        assert lies < written * 0.75 and words in body


def test_short_events_are_not_filled(cast, days):
    days.begin()
    write(cast)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM calling_event WHERE filling IS NOT NULL")
        assert cursor.fetchone() == (0,)


LOCKED = """
SELECT DISTINCT relation::regclass::text FROM pg_locks
WHERE pid = pg_backend_pid() AND relation::regclass::text ~ '^calling_event_[0-9]{8}$'
"""


def look_for_work(cast: Cast) -> None:
    waiting.look()


def publish_events(cast: Cast) -> None:
    publish.give_positions(event_days.newest_two(), told=True)


def end_a_turn(cast: Cast) -> None:
    event, turn = (
        event_log.event(cast.project.id, "project", "x", {}, clock.now(), sequence=None),
        OneStatement(),
    )
    positions.write([event], turn)
    positions.note([event], turn.run())


def look_at_calls(cast: Cast) -> None:
    call_updates.look([], {str(uuid7()): 0})


@pytest.mark.parametrize("work", [look_for_work, publish_events, end_a_turn, look_at_calls])
def test_who_looks_at_the_newest_days_has_no_other_in_its_plan(
    cast: Cast, days: Days, work: Callable[[Cast], None]
) -> None:
    """Nor in its locks: PostgreSQL locks all that a plan has, and each session keeps its plans."""
    for _ in range(5):
        days.begin()
    days.grow_old()
    old = {name_of(days.day - timedelta(days=ago)) for ago in (2, 3, 4)}
    with transaction.atomic(), connection.cursor() as cursor:
        for _ in range(2):
            work(cast)
        cursor.execute(LOCKED)
        locked = {name for (name,) in cursor.fetchall()}
    assert name_of(days.day) in locked and not locked & old


def test_a_project_that_was_silent_for_days_goes_on_where_it_stood(cast, mallory, days):
    write(cast, 3)
    for _ in range(3):
        days.begin()
        write(mallory)
    assert event_log.head(cast.project.id) == 3
    assert [event.position for event in write(cast, 2)] == [4, 5]
    assert [event.position for event in write(mallory)] == [4]


def test_the_log_is_read_across_days_by_cursor_by_type_and_by_time(cast, days):
    for _ in range(4):
        write(cast, 3)
        days.begin()
    write(cast)
    seen, after = [], 0
    while len(seen) < 13:
        found, after = event_log.following(cast.project.id, after, 5)
        seen += [entry.position for entry in found]
    assert seen == list(range(1, 14))
    assert event_log.following(cast.project.id, 13, 5) == ([], 13)
    typed, after = event_log.following(cast.project.id, 2, 50, ("project.*",))
    assert [entry.position for entry in typed] == list(range(3, 14))
    assert event_log.following(cast.project.id, 2, 50, ("room.*",)) == ([], 13)
    models.Event.objects.filter(position__in=[5, 6, 11]).delete()  # a call that was erased leaves a gap
    assert [entry.position for entry in event_log.page(cast.project.id, 4, 3)] == [7, 8, 9]
    assert [entry.position for entry in event_log.page(cast.project.id, 10, 9)] == [12, 13]
    assert event_log.at(cast.project.id, clock.now() - timedelta(days=2)) == 0


def test_a_call_over_midnight_keeps_all_its_events_in_order(cast, days):
    call = models.Call.objects.create(
        id=uuid7(), project=cast.project, state="answered", kind="subscriber",
        from_address="/private/alice", to_address="/private/bob", created_at=clock.now(),
        deadline=clock.now() + timedelta(hours=4),
    )  # fmt: skip
    for later in (0, 1, 1):
        days.begin(later)
        control.record_call_event(call.id, "play.started", {})
        control.record_call_event(call.id, "play.finished", {})
        publish_round()
    answer = cast.rest.get(f"/api/calls/{call.id}/events").json()
    assert [event["data"]["sequence"] for event in answer["data"]] == [1, 2, 3, 4, 5, 6]
    rows = event_log.of_call(call.id).order_by("sequence").values_list("position", flat=True)
    assert list(rows) == sorted(rows)
    assert sorted(homes().values()) == [2, 2, 2]


def test_a_day_begins_once_those_who_write_are_done_and_everything_is_published(cast, days):
    days.begin()
    write(cast)
    with psycopg.connect(**plain_words()) as other:
        other.execute("LOCK TABLE calling_event IN ROW EXCLUSIVE MODE")  # as whoever has inserted
        started = clock.monotonic()
        assert not days.begin()
        assert clock.monotonic() - started < 5
    assert partitions.begin_day()
    control.record_project_event(cast.project.id, "project.suspended", {})
    assert days.begin()  # unpublished in the day that ends
    assert not days.begin()  # and still, a day later
    publish_round()
    assert partitions.begin_day()
    assert write(cast)[0].position == 3


def test_a_clock_that_jumps_loses_nothing(cast, days):
    days.begin()
    write(cast)
    assert days.begin(+10)
    write(cast)
    assert not days.begin(-10)
    write(cast)
    assert not days.begin(+3)
    assert write(cast)[0].position == 4
    assert days.begin(+20)
    assert write(cast)[0].position == 5


def test_a_number_of_no_day_has_a_place_and_is_forgotten_too(cast, days):
    days.begin()
    rows = write(cast, 2)
    last = event_days.first_number(days.day + timedelta(days=900))
    body = {"project": cast.project, "stream": "project", "type": "project.suspended", "body": "{}"}
    models.Event.objects.create(id=last, created_at=clock.now() - timedelta(days=99), **body)
    assert homes()[partitions.OUTSIDE] == 1
    models.Event.objects.filter(pk=last).update(position=rows[-1].position - 1 or None)
    forget()
    assert not models.Event.objects.filter(pk=last).exists()


def test_a_day_goes_as_a_whole_but_for_what_waits_is_parked_lives_or_is_newest(cast, mallory, days):
    endpoint = an_endpoint(cast)
    days.begin()
    live, over = (
        models.Call.objects.create(
            id=uuid7(), project=cast.project, state=state, kind="subscriber", created_at=clock.now(),
            from_address="/private/alice", to_address="/private/bob",
            **(
                {"ended_at": clock.now(), "end_reason": "hangup"}
                if state == "ended"
                else {"deadline": clock.now() + timedelta(hours=4)}
            ),
        )
        for state in ("answered", "ended")
    )  # fmt: skip
    for call in (live, over):
        control.record_call_event(call.id, "play.started", {})
    rows = write(cast, 6)
    silent = write(mallory)
    states = dict(
        zip([row.id for row in rows], ("pending", "parked", "delivered", "cancelled"), strict=False)
    )
    models.Delivery.objects.exclude(event_id__in=states).update(state="delivered")
    for event_id, state in states.items():
        models.Delivery.objects.filter(event_id=event_id).update(state=state)
    gone = name_of(days.day)
    days.begin()
    today = write(cast)
    days.grow_old()
    assert forget() == 9
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [gone])
        assert cursor.fetchone() == (None,)
    kept = set(models.Event.objects.values_list("id", flat=True))
    of_live = set(models.Event.objects.filter(call_id=live.id).values_list("id", flat=True))
    assert len(of_live) == 1
    assert kept == {rows[0].id, rows[1].id, silent[0].id, today[0].id} | of_live
    assert set(models.Delivery.objects.values_list("event_id", "state")) == {
        (rows[0].id, "pending"), (rows[1].id, "parked"), (today[0].id, "pending"),
    }  # fmt: skip
    assert event_log.head(mallory.project.id) == 1
    assert endpoint.deliveries.count() == 3


def test_what_was_kept_goes_once_it_is_done_with(cast, days):
    an_endpoint(cast)
    days.begin()
    rows = write(cast, 3)
    models.Delivery.objects.update(state="parked")
    days.begin()
    write(cast)
    days.grow_old()
    forget()
    assert models.Event.objects.filter(pk__in=[row.id for row in rows]).count() == 3
    old = models.Delivery.objects.get(event_id=rows[0].id)
    redelivery.resend(old)
    models.Delivery.objects.filter(event_id=rows[0].id).exclude(pk=old.pk).update(state="delivered")
    models.Delivery.objects.filter(event_id=rows[1].id).update(state="cancelled")
    forget()
    left = models.Event.objects.filter(pk__in=[row.id for row in rows])
    assert [row.id for row in left] == [rows[2].id]
    assert not models.Delivery.objects.filter(event_id__in=[rows[0].id, rows[1].id]).exists()


def test_a_day_with_more_to_keep_than_is_moved_is_emptied_row_by_row(cast, days, monkeypatch):
    monkeypatch.setattr(partitions, "MOVED", 1)
    an_endpoint(cast)
    days.begin()
    rows = write(cast, 4)
    models.Delivery.objects.filter(event_id=rows[3].id).update(state="delivered")
    days.begin()
    second = write(cast, 2)
    models.Delivery.objects.filter(event_id__in=[row.id for row in second]).update(state="delivered")
    days.begin()
    write(cast)
    days.grow_old()
    forget()
    left = [rows[0].id, rows[1].id, rows[2].id]
    old = models.Event.objects.filter(pk__lte=second[-1].id)
    assert sorted(old.values_list("id", flat=True)) == left  # the day behind it went into it
    assert len(homes()) == 2


def test_nobody_waits_long_for_a_day_that_goes(cast, days, monkeypatch):
    days.begin()
    write(cast, 20)
    days.begin()
    write(cast)
    days.grow_old()
    with psycopg.connect(**plain_words()) as reader:
        reader.execute("SELECT count(*) FROM calling_event")  # its transaction stays open
        started = clock.monotonic()
        with monkeypatch.context() as patched:
            patched.setattr(retention, "TRIES", 2)
            assert forget() == 0
        assert clock.monotonic() - started < 10
    assert sorted(homes().values()) == [1, 20]
    stop, waits = threading.Event(), []

    def go_on_writing() -> None:
        with psycopg.connect(**plain_words(), autocommit=True, prepare_threshold=None) as other:
            while not stop.is_set():
                began = clock.monotonic()
                other.execute(
                    "INSERT INTO calling_event (event_id, project_id, stream, type, data, body, created_at)"
                    " VALUES (%s, %s, 'project', 'project.suspended', '{}', '{}', now())",
                    [uuid7(), cast.project.id],
                )
                waits.append(clock.monotonic() - began)

    writer = threading.Thread(target=go_on_writing)
    writer.start()
    wait_for(lambda: waits, 10, "the first event")
    try:
        assert forget() == 20
    finally:
        stop.set()
        writer.join()
    assert max(waits) < 5  # a second at most where nothing else runs
    publish_round()
    assert models.Event.objects.filter(position=None).count() == 0


def test_two_sweeps_may_forget_the_same_days(cast, days):
    for _ in range(3):
        days.begin()
        write(cast, 5)
    days.begin()
    write(cast)
    days.grow_old()
    failed: list[BaseException] = []

    def forget_too() -> None:
        try:
            forget()
        except BaseException as error:
            failed.append(error)
        finally:
            connection.close()

    sweeps = [threading.Thread(target=forget_too) for _ in range(2)]
    for each in sweeps:
        each.start()
    for each in sweeps:
        each.join()
    assert failed == []
    assert list(homes().values()) == [1]


def test_an_event_that_went_takes_the_delivery_that_was_just_queued_along(cast, days):
    endpoint = an_endpoint(cast)
    write(cast, 2)
    first, second = models.Delivery.objects.order_by("event_id")
    models.Delivery.objects.filter(pk=first.pk).update(stream="one")
    models.Delivery.objects.filter(pk=second.pk).update(stream="two")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM calling_event WHERE id = %s", [first.event_id])
    claimed = {row.id for row in claimable()}
    assert claimed <= {second.id}
    assert [row.pk for row in endpoint.deliveries.all()] == [second.pk]


def claimable() -> list[delivery_queue.ClaimedDelivery]:
    return delivery_queue.claim(10, {})


def test_a_partition_shows_a_project_its_own_rows_alone(cast, mallory, days):
    days.begin()
    write(cast)
    write(mallory, 2)
    for name in [*homes(), "calling_event_first", partitions.OUTSIDE]:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('callwright.project', %s, true)", [str(cast.project.id)])
            cursor.execute(f"SET LOCAL ROLE {ROLE}")
            cursor.execute(f"SELECT count(*) FROM {name}")
            assert cursor.fetchone() == (int(name == name_of(days.day)),)
            cursor.execute("SELECT count(*) FROM calling_event")
            assert cursor.fetchone() == (1,)
            cursor.execute("RESET ROLE")
            transaction.set_rollback(True)


def test_looks_that_are_made_often_read_the_newest_days_alone(cast, days):
    for _ in range(5):
        days.begin()
        write(cast)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE callwright_event_day"
            " SET begun_at = now() - (%s - (first_number >> 36)) * interval '1 day'",
            [event_days.first_number(days.day) >> event_days.SHIFT],
        )
    event_days.forget()
    call = uuid7()
    for ask in (
        lambda: event_log.head(cast.project.id),
        lambda: event_log.page(cast.project.id, 4, 5),
        lambda: event_log.following(cast.project.id, 5, 5, ("room.*",)),
        lambda: publish.give_positions(event_days.newest_two(), told=True),
        lambda: list(event_log.of_call(call)),
        waiting.look,
    ):
        asked: list[str] = []

        def explained(execute, sql, params, many, context, asked=asked):  # type: ignore[no-untyped-def]
            last = str(sql).split("; ")[-1]  # publication sends two statements at once
            if "calling_event" in last and not last.startswith("EXPLAIN"):
                with connection.cursor() as cursor:
                    cursor.execute(f"EXPLAIN {last}", params)
                    asked.extend(line for (line,) in cursor.fetchall())
            return execute(sql, params, many, context)

        with connection.execute_wrapper(explained):
            ask()
        assert any("calling_event" in line for line in asked)
        old = name_of(days.day - timedelta(days=3))
        assert not any(old in line for line in asked), "\n".join(asked)


def plain_words() -> dict[str, object]:
    words = connection.get_connection_params()
    return {key: words[key] for key in ("dbname", "user", "password", "host", "port") if key in words}
