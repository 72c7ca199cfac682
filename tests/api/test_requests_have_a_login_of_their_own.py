"""Two logins: what a request may send to PostgreSQL, whatever it is, reaches rows of its project alone."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import psycopg
import pytest
from django.apps import apps
from django.db import ProgrammingError, connection, transaction

from calling import models
from calling.api import calls
from calling.runtime.db_threads import with_connection
from subscribers import database_roles, row_security
from subscribers.database_roles import CLOSED
from subscribers.models import Project, Subscriber
from subscribers.postgresql.base import asking
from tests.api.furnished import furnish_wholly
from tests.support import fake_worker
from tests.support.people import Cast, make_cast, make_mallory
from tests.support.two_logins import USER, session, two_logins

pytestmark = pytest.mark.django_db(transaction=True)
OWNER = str(connection.settings_dict["USER"])

# What a session of the requests' login may try, each refused for want of a right.
WAYS_OUT = (
    f"SET ROLE {OWNER}",
    "SET ROLE callwright_engine",
    f"SET SESSION AUTHORIZATION {OWNER}",
    f"GRANT {OWNER} TO {USER}",
    f"ALTER ROLE {USER} BYPASSRLS",
    f"ALTER ROLE {USER} SUPERUSER",
    f"ALTER ROLE {OWNER} PASSWORD 'x'",
    "CREATE ROLE friend LOGIN SUPERUSER",
    "CREATE DATABASE elsewhere",
    "CREATE TABLE mine (n int)",
    "CREATE TEMPORARY TABLE mine (n int)",
    "CREATE VIEW mine AS SELECT * FROM calling_call",
    "CREATE SCHEMA mine",
    "CREATE EXTENSION dblink",
    "CREATE OR REPLACE FUNCTION callwright_fenced() RETURNS boolean LANGUAGE sql AS 'SELECT false'",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE FUNCTION pg_temp.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "ALTER FUNCTION callwright_project() SECURITY INVOKER",
    "DROP POLICY of_the_project ON calling_call",
    "CREATE POLICY more ON calling_call USING (true)",
    "ALTER TABLE calling_call DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE calling_call ADD COLUMN mine int",
    "CREATE TRIGGER mine AFTER INSERT ON calling_call EXECUTE FUNCTION callwright_project()",
    "CREATE RULE mine AS ON SELECT TO calling_call DO INSTEAD SELECT 1",
    "TRUNCATE calling_call CASCADE",
    "SET session_replication_role = replica",
    "SET row_security = off; SELECT * FROM calling_call",
    "SELECT * FROM pg_authid",
    "SELECT * FROM pg_statistic",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_ls_dir('.')",
    "SELECT lo_import('/etc/passwd')",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "COPY calling_call FROM PROGRAM 'true'",
    "COPY (SELECT 1) TO '/tmp/callwright-copy'",
    "COPY calling_call FROM '/etc/passwd'",
    "SELECT pg_reload_conf()",
    "ALTER SYSTEM SET work_mem = '1MB'",
    "ALTER DATABASE callwright OWNER TO callwright_requests",
    "SELECT * FROM callwright_fence",
    "INSERT INTO callwright_fence VALUES ('', '')",
    "UPDATE calling_mediaworker SET budget = 0",
    "DELETE FROM django_migrations",
)


@pytest.fixture
def furnished(transactional_db: None) -> tuple[Cast, Cast]:
    """Two projects, the first with a row of everything: made before the logins are two."""
    with transaction.atomic():
        own, other = make_cast(), make_mallory()
        furnish_wholly(own)
    return own, other


@pytest.fixture(autouse=True)
def logins(request: pytest.FixtureRequest, transactional_db: None) -> Iterator[None]:
    if "furnished" in request.fixturenames:
        request.getfixturevalue("furnished")
    with two_logins():
        yield


@pytest.fixture
def cast(logins: None) -> Cast:
    return make_cast()


@pytest.fixture
def mallory(logins: None) -> Cast:
    return make_mallory()


def fenced_tables() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition "
            "AND c.relname NOT IN ('calling_mediaworker', 'callwright_event_day')"
        )
        return sorted(row[0] for row in cursor.fetchall() if row[0] not in CLOSED)


def counted(own: psycopg.Connection) -> dict[str, int]:
    """How many rows of each table that session sees."""
    found = {}
    for table in fenced_tables():
        row = own.execute(f"SELECT count(*) FROM {table}").fetchone()  # type: ignore[call-overload]
        found[table] = int(row[0])
    return {table: number for table, number in found.items() if number}


def test_the_login_owns_nothing_and_may_become_nobody() -> None:
    assert database_roles.login_faults(USER) == []
    with session() as own:
        for leave in ("RESET ROLE", "RESET SESSION AUTHORIZATION", "SET SESSION AUTHORIZATION DEFAULT"):
            own.execute(leave)  # nothing to go back to
        assert own.execute("SELECT current_user::text, session_user::text").fetchone() == (USER, USER)


def test_no_way_leads_out() -> None:
    with session() as own:
        for statement in WAYS_OUT:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                own.execute(statement)  # type: ignore[call-overload]
                pytest.fail(f"allowed: {statement}")


def test_a_login_that_could_leave_is_named_for_what_it_may() -> None:
    owner = database_roles.login_faults(OWNER)
    assert "has CREATEROLE" in owner and "owns something" in owner
    assert database_roles.login_faults("nobody_at_all") == ["does not exist"]


def test_without_a_project_no_table_has_a_row(furnished: tuple[Cast, Cast]) -> None:
    with session() as own:
        assert counted(own) == {}
        for leave in ("RESET ROLE", "RESET ALL", "DISCARD ALL", "SET ROLE callwright_tenant"):
            own.execute(leave)  # type: ignore[call-overload]
            assert counted(own) == {}


def test_another_project_is_not_had_by_saying_its_name(furnished: tuple[Cast, Cast]) -> None:
    """A session that knows the id of a project, and the proof of its own, sees nothing of the other."""
    cast, mallory = furnished
    wanted, own_proof = str(cast.project.id), row_security.signed(mallory.project.id)
    proof = own_proof.partition(".")[2]
    with session() as own:
        forged = (
            wanted,
            f"{wanted}.",
            f"{wanted}.{proof}",
            f"{wanted}{own_proof}",
            f"{wanted}.{'0' * 64}",
            "x",
        )
        for said in forged:
            for local in (False, True):
                with own.transaction():
                    own.execute("SELECT set_config('callwright.project', %s, %s)", [said, local])
                    assert counted(own) == {}, said
        own.execute("SELECT set_config('callwright.project', %s, false)", [own_proof])
        assert counted(own) == {"subscribers_project": 1, **counted_by_filter(mallory)}
        right = row_security.signed(cast.project.id)
        own.execute("SELECT set_config('callwright.project', %s, false)", [right])
        assert len(counted(own)) > 25  # and with the right one everything of the project is there


def counted_by_filter(cast: Cast) -> dict[str, int]:
    with row_security.of(cast.project.id):
        every = {model._meta.db_table: model for model in apps.get_models()}
        shown = {name: every[name]._default_manager.count() for name in fenced_tables_of(every)}
    return {table: number for table, number in shown.items() if number}


def fenced_tables_of(every: dict[str, object]) -> list[str]:
    return [name for name in every if name not in {*CLOSED, "calling_mediaworker"}]


def test_every_table_with_a_project_has_its_policy() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.table_name FROM information_schema.columns c WHERE c.table_schema = 'public' "
            "AND c.column_name = 'project_id' AND NOT EXISTS (SELECT FROM pg_policies p JOIN pg_class t "
            "ON t.relname = p.tablename WHERE p.tablename = c.table_name AND t.relrowsecurity "
            "AND p.policyname = 'of_the_project' AND p.qual LIKE '%callwright_project()%')"
        )
        assert {row[0] for row in cursor.fetchall()} <= set(CLOSED)


def test_the_audit_log_takes_supervision_of_the_own_project_alone(cast: Cast, mallory: Cast) -> None:
    note = "SELECT callwright_note_supervision(%s, 'eve', %s, '', '{}')"
    with session() as own:
        proof = row_security.signed(mallory.project.id)
        own.execute("SELECT set_config('callwright.project', %s, false)", [proof])
        for project, action in ((cast.project.id, "call.supervising"), (mallory.project.id, "login.failed")):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                own.execute(note, [project, action])
        own.execute(note, [mallory.project.id, "call.supervising"])
    assert models.StaffAction.objects.get().project_id == mallory.project.id


def test_what_other_sessions_ask_is_not_told() -> None:
    """Their statements hold rows of other projects, and their proofs."""
    with session() as own, session() as other:
        other.execute("SELECT 'a word of another project'")
        told = own.execute("SELECT query FROM pg_stat_activity WHERE usename = current_user").fetchall()
        assert not [words for (words,) in told if words and "another project" in words]


def test_a_request_logs_in_so_and_what_serves_everybody_does_not(cast: Cast) -> None:
    def who() -> str:
        with connection.cursor() as cursor:
            cursor.execute("SELECT session_user::text")
            return str(cursor.fetchone()[0])

    assert who() == OWNER
    with row_security.of(cast.project.id):
        assert who() == USER
        with row_security.lifted():
            assert who() == OWNER
        assert who() == USER
    assert who() == OWNER
    assert with_connection(lambda holder: who(), cast.alice.holder) == USER


def test_a_transaction_does_not_change_sides(cast: Cast) -> None:
    with row_security.of(cast.project.id), transaction.atomic():
        assert Project.objects.get().pk == cast.project.id
        with row_security.lifted(), pytest.raises(ProgrammingError, match="between the instance"):
            Project.objects.count()
    with transaction.atomic():
        Project.objects.count()
        row_security.enter(cast.project.id)
        with pytest.raises(ProgrammingError, match="between the instance"):
            Project.objects.count()
        row_security.leave()


def test_each_transaction_says_its_project_and_the_session_keeps_nothing(cast: Cast, mallory: Cast) -> None:
    for project in (cast.project.id, mallory.project.id, cast.project.id):
        with row_security.of(project):
            assert Project.objects.get().pk == project  # one statement, one transaction
            with transaction.atomic():
                assert Project.objects.get().pk == project
                with transaction.atomic():
                    assert Subscriber.objects.exclude(project_id=project).count() == 0
            with transaction.atomic(), pytest.raises(ProgrammingError), transaction.atomic():
                Subscriber.objects.create(project_id=uuid.uuid4(), reference="eve")
            with connection.cursor() as cursor:
                cursor.executemany("SELECT callwright_project()", [[], []])
                asked, kept = asking.get(), []
                asking.set(None)
                # What the session keeps between two transactions, asked without saying a project.
                raw = connection.connection.execute("SELECT current_setting('callwright.project', true)")
                kept.append(raw.fetchone()[0])
                asking.set(asked)
            assert kept == [""]


def test_calls_are_dialled_ended_listed_and_erased_so(cast: Cast, mallory: Cast) -> None:
    placed = cast.alice.rest.post("/api/calls", {"to": "/private/bob", "sdp": fake_worker.SDP})
    assert placed.status_code == 201, placed.content
    call_id = placed.json()["id"]
    assert [each["id"] for each in cast.rest.get("/api/calls").json()["data"]] == [call_id]
    assert mallory.rest.get(f"/api/calls/{call_id}").status_code == 404
    ended = cast.rest.post(f"/api/calls/{call_id}/hangup")
    assert ended.json()["state"] == "ended"
    assert cast.rest.delete(f"/api/calls/{call_id}").status_code == 204
    assert not models.Call.objects.exists()


def test_a_view_that_forgot_its_filter_tells_nothing(
    cast: Cast, mallory: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_worker.talking(cast)
    monkeypatch.setattr(calls, "visible_calls", lambda subject: models.Call.objects.all())
    assert mallory.rest.get("/api/calls").json()["data"] == []
    assert len(cast.rest.get("/api/calls").json()["data"]) == 1
