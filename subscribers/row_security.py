"""The second belt between projects: PostgreSQL's row-level security.

Views ask for rows of their own project; that is the first belt. While a request or a socket message of a
project is at work its connection also has the role `callwright_tenant`, to which the policies of migration
`calling.0006` show that project's rows alone: a view that forgets its filter finds nothing of others.

Lives here: making, taking and leaving that role. Sweeps, media workers and staff pages never take it.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any
from uuid import UUID

from django.db import DatabaseError, connection
from django.db.backends.signals import connection_created
from django.http import HttpRequest, HttpResponse

ROLE = "callwright_tenant"

# What no request of a project needs at all: the people who run the instance.
STAFF = (
    "auth_user", "auth_group", "auth_permission", "auth_user_groups", "auth_user_user_permissions",
    "auth_group_permissions", "django_session", "django_admin_log", "calling_staffrole",
    "calling_secondfactor", "calling_staffaction",
)  # fmt: skip

# Roles belong to the cluster: another database of it may have made this one, even this moment.
MAKE_ROLE = f"""
DO $$ BEGIN
    IF to_regrole('{ROLE}') IS NULL THEN
        BEGIN
            CREATE ROLE {ROLE} NOLOGIN NOBYPASSRLS;
            EXECUTE format('GRANT {ROLE} TO %I', current_user);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END;
    END IF;
    IF NOT pg_has_role(current_user, '{ROLE}', 'MEMBER') THEN
        EXECUTE format('GRANT {ROLE} TO %I', current_user);
    END IF;
    GRANT USAGE ON SCHEMA public TO {ROLE};
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {ROLE};
    GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {ROLE};
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {ROLE};
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {ROLE};
    REVOKE ALL ON {", ".join(STAFF)} FROM {ROLE};
EXCEPTION WHEN insufficient_privilege THEN
    RAISE WARNING 'row-level security is not in use: the database user may not create the role {ROLE}';
END $$;
"""

_TAKE = "SELECT set_config('callwright.project', %s, false), set_config('role', %s, false)"
_MAY = "SELECT CASE WHEN to_regrole(%s) IS NULL THEN false ELSE pg_has_role(current_user, %s, 'MEMBER') END"

_project: ContextVar[UUID | None] = ContextVar("row_security_project", default=None)
_lock = threading.Lock()
_usable: dict[str, bool] = {}


def make_role() -> None:
    """Make the role and grant it what it needs; again and again without harm. A warning where we may not."""
    with connection.cursor() as cursor:
        cursor.execute(MAKE_ROLE)
    with _lock:
        _usable.clear()


def usable() -> bool:
    """Whether the role is there and ours to take; asked once per process and database."""
    name = str(connection.settings_dict["NAME"])
    with _lock:
        if name in _usable:
            return _usable[name]
    with connection.cursor() as cursor:
        cursor.execute(_MAY, [ROLE, ROLE])
        found = bool(cursor.fetchone()[0])
    with _lock:
        _usable[name] = found
    return found


def enter(project_id: UUID) -> None:
    """From now on this context's connection shows rows of that project alone. `leave` ends it."""
    if not usable():
        return
    _project.set(project_id)
    _take(str(project_id), ROLE)


def leave() -> None:
    """Everything is visible again. Nothing happens where nobody entered."""
    if _project.get() is None:
        return
    _project.set(None)
    if connection.connection is None:
        return
    try:
        _take("", "none")
    except DatabaseError:  # a broken connection must not go back to the pool as a tenant's
        with contextlib.suppress(Exception):
            connection.connection.close()
        connection.close()


@contextlib.contextmanager
def of(project_id: UUID) -> Iterator[None]:
    """`enter` and `leave` around a block."""
    enter(project_id)
    try:
        yield
    finally:
        leave()


class RowSecurityMiddleware:
    """Leaves what authentication entered. Innermost: what stands outside works on rows of every project."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            return self.get_response(request)
        finally:
            leave()


def _take(project: str, role: str, to: Any = connection) -> None:
    with to.cursor() as cursor:
        cursor.connection.of_a_project = bool(project)  # see `give_back` in config.addresses
        cursor.execute(_TAKE, [project, role])


def _again(sender: Any, connection: Any, **_: Any) -> None:
    """A request that gave its connection back while it waited goes on with another one."""
    project = _project.get()
    if project is not None:
        _take(str(project), ROLE, connection)


connection_created.connect(_again, dispatch_uid="row_security")
