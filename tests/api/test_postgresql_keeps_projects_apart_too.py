"""The second belt: under a project's role PostgreSQL shows its rows alone, whatever a query forgets."""

from __future__ import annotations

import uuid

import pytest
from django.apps import apps
from django.db import ProgrammingError, connection, transaction

from calling import models
from calling.api import calls
from calling.runtime.db_threads import with_connection
from config.connection_urls import give_back
from subscribers import row_security
from subscribers.database_roles import CLOSED, ROLE
from subscribers.models import Project, Subscriber
from tests.api.furnished import furnish_wholly
from tests.support import fake_worker
from tests.support.people import Cast

# Rows of no project, and why a project's role may see them.
SHARED = {
    "calling_mediaworker": "the instance's own: where there is room for a call",
    "callwright_event_day": "which numbers events of all projects have, by day",
}

pytestmark = pytest.mark.django_db


def tables(test: str) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            f"WHERE n.nspname = 'public' AND c.relkind = 'r' AND {test}"
        )
        return {row[0] for row in cursor.fetchall()}


def test_every_table_is_fenced_or_has_a_reason_not_to_be() -> None:
    fenced = tables("c.relrowsecurity")
    assert tables("NOT c.relrowsecurity") == SHARED.keys() | set(CLOSED)
    assert fenced == tables("EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid)")
    closed = f"NOT has_table_privilege('{ROLE}', c.oid, 'SELECT')"
    assert tables(closed) == set(CLOSED)
    assert tables(f"NOT has_table_privilege('{ROLE}', c.oid, 'UPDATE')") == {*CLOSED, *SHARED}


def test_queries_without_a_filter_find_no_row_of_another_project(cast: Cast, mallory: Cast) -> None:
    furnish_wholly(cast)
    empty = []
    for model in apps.get_models():
        if model._meta.db_table in {*CLOSED, *SHARED}:
            continue
        rows = model._default_manager
        everything = set(rows.values_list("pk", flat=True))
        with row_security.of(cast.project.id):
            own = set(rows.values_list("pk", flat=True))
        with row_security.of(mallory.project.id):
            foreign = set(rows.values_list("pk", flat=True))
        with row_security.of(uuid.uuid4()):
            assert not rows.exists(), model
        assert not own & foreign, model
        assert own | foreign == everything, model
        if not own:
            empty.append(model.__name__)
    assert empty == []


def test_rows_of_another_project_can_be_neither_changed_nor_made(cast: Cast, mallory: Cast) -> None:
    call_id = fake_worker.talking(cast)
    with row_security.of(mallory.project.id):
        assert models.Call.objects.filter(pk=call_id).update(state="ended") == 0
        assert models.Leg.objects.filter(call_id=call_id).delete()[0] == 0
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            Subscriber.objects.create(project_id=cast.project.id, reference="eve")
    assert models.Call.objects.get(pk=call_id).state == "answered"


def test_rates_of_the_instance_are_read_by_every_project_and_changed_by_none(cast: Cast) -> None:
    models.PhoneRate.objects.create(project=None, prefix="+1", per_minute=1)
    with row_security.of(cast.project.id):
        rate = models.PhoneRate.objects.get()
        assert models.PhoneRate.objects.update(per_minute=0) == 0
    assert rate.per_minute == 1


def test_a_view_that_forgot_its_filter_tells_nothing(
    cast: Cast, mallory: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_worker.talking(cast)
    monkeypatch.setattr(calls, "visible_calls", lambda subject: models.Call.objects.all())
    assert mallory.rest.get("/api/calls").json()["data"] == []
    assert models.Call.objects.count() == 1  # and the role is gone with the request


@pytest.mark.django_db(transaction=True)
def test_work_of_a_socket_runs_as_its_project(cast: Cast, mallory: Cast) -> None:
    fake_worker.talking(cast)
    holder = mallory.mallory.holder
    assert with_connection(lambda holder: Project.objects.get().pk, holder) == mallory.project.id


def test_nothing_of_a_project_stays_on_a_connection_that_goes_back() -> None:
    with row_security.of(uuid.uuid4()):
        give_back(connection.connection)
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user, current_setting('callwright.project', true)")
            user, project = cursor.fetchone()
    assert user != ROLE and not project
