"""Statements of one message are prepared in the session that says them, and mean what they mean in full."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError, OperationalError, connection, transaction
from psycopg.types.json import Jsonb

from subscribers.postgresql import prepared
from tests.support import people

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def fresh() -> None:
    """A session that has prepared nothing yet."""
    if prepared.session() is None:
        pytest.skip("a pooler stands in front of PostgreSQL: nothing is prepared there")
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    connection.connection.session = prepared.Session()


def numbers() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_prepared_statements ORDER BY prepare_time, name")
        return [name.removeprefix(f"kept_{prepared.session().mark}_") for (name,) in cursor.fetchall()]


def generic_plans() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT generic_plans FROM pg_prepared_statements ORDER BY prepare_time")
        return [count for (count,) in cursor.fetchall()]


@pytest.mark.parametrize(
    "value",
    [
        "plain",
        "it's",
        "back\\slash'::text",
        "'; DROP TABLE calling_call; --",
        "100 %s %% $1 kept_1",
        "",
        "Grüße 🙂\n",
        7,
        -7,
        2**40,
        1.5,
        True,
        None,
        Decimal("12.30"),
        datetime(2026, 2, 3, 4, 5, 6, 789, tzinfo=UTC),
        UUID(int=5),
        b"\x00\xff'",
        ["a", "b'c", "", "{x,y}"],
        [UUID(int=1), UUID(int=2)],
        [1, 2],
        [],
    ],
    ids=repr,
)
def test_a_value_arrives_as_it_is_said_in_full(value: object) -> None:
    sql = {bytes: "SELECT %s::bytea", bool: "SELECT %s::boolean", int: "SELECT %s::bigint"}.get(
        type(value), "SELECT %s::text"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [value])
        wanted = cursor.fetchone()
    for _ in range(2):
        assert prepared.rows(sql, [value]) == [wanted]
    assert numbers() == ["1"]


def test_json_arrives_and_can_be_looked_into() -> None:
    found = prepared.rows("SELECT %s ->> 'a', %s -> 'b' ->> 0", [Jsonb({"a": "x'y"}), Jsonb({"b": [5]})])
    assert found == [("x'y", "5")]


def test_a_named_value_is_said_once_and_stands_in_all_its_places() -> None:
    sql = "SELECT %(a)s::int + %(b)s, %(a)s, '100 %%'"
    assert prepared.rows(sql, {"b": 2, "a": 1, "unused": object}) == [(3, 1, "100 %")]
    assert prepared.rows(sql, {"b": 40, "a": 2, "unused": object}) == [(42, 2, "100 %")]
    assert generic_plans() == [2]


def test_a_number_that_is_planned_for_stands_in_what_is_prepared() -> None:
    sql = "SELECT %(low)s::bigint + %(more)s::int, %(low)s"
    for low in (prepared.Planned(5), prepared.Planned(2**40), prepared.Planned(5)):
        assert prepared.rows(sql, {"low": low, "more": 1}) == [(low + 1, low)]
        with connection.cursor() as cursor:
            cursor.execute(sql, {"low": low, "more": 1})
            assert cursor.fetchone() == (low + 1, low)
    assert generic_plans() == [2, 1]
    assert prepared.rows("SELECT %s", [prepared.Planned(7)]) == [(7,)]


def test_statements_of_one_message_give_their_results_in_order() -> None:
    for _ in range(2):
        with connection.cursor() as cursor:
            prepared.send(cursor, ("SELECT %s::int", [1]), ("SELECT 2", []), ("SELECT %s::int", [3]))
            found = [cursor.fetchall()]
            while cursor.nextset():
                found.append(cursor.fetchall())
        assert found == [[(1,)], [(2,)], [(3,)]]
    assert len(numbers()) == 2  # the first and the third are one


def test_a_write_says_how_many_rows_it_changed() -> None:
    cast = people.make_cast()
    for count in (1, 1, 0):
        key = cast.project.id if count else uuid4()
        with connection.cursor() as cursor:
            prepared.send(cursor, ("UPDATE subscribers_project SET name = %s WHERE id = %s", ["x", key]))
            assert cursor.rowcount == count


def test_the_message_can_end_its_transaction() -> None:
    cast = people.make_cast()
    with transaction.atomic(), connection.cursor() as cursor:
        write = ("UPDATE subscribers_project SET name = %s WHERE id = %s", ["done", cast.project.id])
        prepared.send(cursor, write, then=["COMMIT"])
        cast.project.refresh_from_db()
    assert cast.project.name == "done"


def test_a_failed_message_leaves_no_name_that_is_not_there() -> None:
    divide = "SELECT 1 / %s::int"
    for _ in range(2):  # the second time the first message may have left its statement
        with pytest.raises(DatabaseError):
            prepared.rows(divide, [0])
    with pytest.raises(DatabaseError):
        prepared.rows("SELECT nothing FROM nowhere WHERE id = %s", [1])
    assert prepared.rows(divide, [1]) == [(1,)]
    assert prepared.rows(divide, [1]) == [(1,)]


def test_a_session_that_loses_its_statements_gets_everything_in_full() -> None:
    """A pooler that hides itself fails one message, not all that follow."""
    assert prepared.rows("SELECT %s::int", [1]) == [(1,)]
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    with pytest.raises(OperationalError):
        prepared.rows("SELECT %s::int", [2])
    assert prepared.session() is None
    assert prepared.rows("SELECT %s::int", [3]) == [(3,)]
    assert numbers() == []
    connection.connection.session = prepared.Session()


def test_what_a_rolled_back_transaction_prepared_stays_prepared() -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        prepared.rows("SELECT %s::int", [1])
        raise ZeroDivisionError
    assert prepared.rows("SELECT %s::int", [2]) == [(2,)]
    assert generic_plans() == [2]


def test_a_session_keeps_what_was_said_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared, "MOST", 3)
    for number in (1, 2, 3, 1, 4, 5):
        assert prepared.rows(f"SELECT {number}, %s::int", [number]) == [(number, number)]
    assert numbers() == ["1", "4", "5"]


def test_a_message_of_more_than_it_keeps_is_said_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared, "MOST", 2)
    for _ in range(2):
        with connection.cursor() as cursor:
            prepared.send(cursor, *((f"SELECT {number}, %s::int", [number]) for number in range(5)))
            found = [cursor.fetchone()]
            while cursor.nextset():
                found.append(cursor.fetchone())
        assert found == [(number, number) for number in range(5)]


def test_a_table_may_change_between_two_looks() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE stage (name text)")
        cursor.execute("INSERT INTO stage VALUES ('alice')")
        assert prepared.rows("SELECT name FROM stage WHERE name = %s", ["alice"]) == [("alice",)]
        cursor.execute("ALTER TABLE stage ADD COLUMN more int")
    assert prepared.rows("SELECT name FROM stage WHERE name = %s", ["alice"]) == [("alice",)]


def test_a_column_may_get_another_type_between_two_looks() -> None:
    """PostgreSQL refuses it once ("cached plan must not change result type"), and then not for ever."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE typed (name varchar(10), at int)")
        cursor.execute("INSERT INTO typed VALUES ('alice', 1)")
        for sql in ("SELECT name FROM typed WHERE at = %s", "SELECT name, at FROM typed WHERE at = %s"):
            assert prepared.rows(sql, [1])[0][0] == "alice"
        cursor.execute("ALTER TABLE typed ALTER COLUMN name TYPE varchar(20)")
    with pytest.raises(OperationalError):  # which everybody tries again, and a client is told 503
        prepared.rows("SELECT name FROM typed WHERE at = %s", [1])
    assert prepared.rows("SELECT name FROM typed WHERE at = %s", [1]) == [("alice",)]
    assert prepared.rows("SELECT name, at FROM typed WHERE at = %s", [1]) == [("alice", 1)]
    assert len(numbers()) == 2


def test_whoever_watches_what_is_said_sees_it_in_full() -> None:
    said: list[str] = []

    def watch(execute, sql, params, many, context):  # type: ignore[no-untyped-def]
        said.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        assert prepared.rows("SELECT %s::int", [1]) == [(1,)]
    assert said == ["SELECT %s::int"]


def test_no_two_sessions_use_the_same_names() -> None:
    assert prepared.Session().mark != prepared.Session().mark
