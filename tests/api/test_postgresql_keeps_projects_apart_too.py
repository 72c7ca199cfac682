"""The second belt: under a project's role PostgreSQL shows its rows alone, whatever a query forgets."""

from __future__ import annotations

import uuid

import pytest
from django.apps import apps
from django.db import ProgrammingError, connection, transaction
from django.utils import timezone

from calling import models
from calling.api import calls
from calling.signalling.threads import with_connection
from config.addresses import give_back
from subscribers import row_security
from subscribers.models import Project, Subscriber
from tests import stage
from tests.api.tenancy import furnish
from tests.stage import Cast

# Rows of no project, and why a project's role may see them.
SHARED = {
    "django_content_type": "names of models",
    "django_migrations": "names of migrations",
    "subscribers_storedanswer": "named by a digest of who asked and sealed; read before anybody is known",
    "calling_icecandidate": "reached by the random id of a peer",
    "calling_mediaworker": "the instance's own",
}
STAFF = {
    "auth_user", "auth_group", "auth_permission", "auth_user_groups", "auth_user_user_permissions",
    "auth_group_permissions", "django_session", "django_admin_log", "calling_staffrole",
    "calling_secondfactor", "calling_staffaction",
}  # fmt: skip

pytestmark = pytest.mark.django_db


def furnish_wholly(cast: Cast) -> None:
    """One of everything, also of what only processes make."""
    ids, now = furnish(cast), timezone.now()
    own = {"project": cast.project}
    models.PhoneCharge.objects.create(leg_id=ids["leg"], number="+15550001111", created_at=now, **own)
    models.DeliveryAttempt.objects.create(delivery_id=ids["delivery"], at=now)
    models.SipDialog.objects.create(
        id=uuid.uuid4(), call_id=ids["call"], leg_id=ids["leg"], edge=uuid.uuid4(), lease_until=now
    )
    meeting = models.Meeting.objects.create(room_id=ids["room"], started_at=now, **own)
    meeting.members.create(leg_id=ids["leg"], call_id=ids["call"], joined_at=now)
    models.ScriptRun.objects.create(call_id=ids["call"], **own)
    near = models.MediaWorker.objects.create(
        name="m", host="here", pid=1, media_address="127.0.0.1", lock_key=1, heartbeat_at=now
    )
    models.Trunk.objects.create(room_id=ids["room"], near=near, far=uuid.uuid4(), description="v=0")


def tables(test: str) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            f"WHERE n.nspname = 'public' AND c.relkind = 'r' AND {test}"
        )
        return {row[0] for row in cursor.fetchall()}


def test_every_table_is_fenced_or_has_a_reason_not_to_be() -> None:
    fenced = tables("c.relrowsecurity")
    assert tables("NOT c.relrowsecurity") == SHARED.keys() | STAFF
    assert fenced == tables("EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid)")
    closed = f"NOT has_table_privilege('{row_security.ROLE}', c.oid, 'SELECT')"
    assert tables(closed) == STAFF


def test_queries_without_a_filter_find_no_row_of_another_project(cast: Cast, mallory: Cast) -> None:
    furnish_wholly(cast)
    empty = []
    for model in apps.get_models():
        if model._meta.db_table in STAFF or model._meta.db_table in SHARED:
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
    call_id = stage.talking(cast)
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
    stage.talking(cast)
    monkeypatch.setattr(calls, "visible_calls", lambda subject: models.Call.objects.all())
    assert mallory.rest.get("/api/calls").json()["data"] == []
    assert models.Call.objects.count() == 1  # and the role is gone with the request


@pytest.mark.django_db(transaction=True)
def test_work_of_a_socket_runs_as_its_project(cast: Cast, mallory: Cast) -> None:
    stage.talking(cast)
    holder = mallory.mallory.holder
    assert with_connection(lambda holder: Project.objects.get().pk, holder) == mallory.project.id


def test_nothing_of_a_project_stays_on_a_connection_that_goes_back() -> None:
    with row_security.of(uuid.uuid4()):
        give_back(connection.connection)
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user, current_setting('callwright.project', true)")
            user, project = cursor.fetchone()
    assert user != row_security.ROLE and not project
