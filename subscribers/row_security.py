"""The second belt between projects: PostgreSQL's row-level security.

Views ask for rows of their own project; that is the first belt. While a request or a socket message of a
project is at work its statements also come from a login that owns nothing, to which the policies of migration
`calling.0015` show that project's rows alone: a view that forgets its filter, and a statement that somebody
injected, find nothing of others. The login says for which project each transaction is, with a proof made of a
key that it cannot read, so it cannot say another's; and it has no other role to fall back to.

Where the instance has one login for everything (DATABASE_URL without CALLWRIGHT_REQUESTS_DATABASE_URL) its
connections take the role `callwright_tenant` instead: that catches a forgotten filter, but such a session can
leave its role.

Lives here: entering and leaving a project. Sweeps, media workers and staff pages never do. The roles are made
in `subscribers.database_roles`.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from uuid import UUID

from django.db import DatabaseError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.http import HttpRequest, HttpResponse

from subscribers.database_roles import ROLE
from subscribers.postgresql.base import asking

_TAKE = "SELECT set_config('callwright.project', %s, false), set_config('role', %s, false)"
_MAY = "SELECT CASE WHEN to_regrole(%s) IS NULL THEN false ELSE pg_has_role(current_user, %s, 'MEMBER') END"

_project: ContextVar[UUID | None] = ContextVar("row_security_project", default=None)
_lock = threading.Lock()
_usable: dict[str, bool] = {}
_keys: dict[str, tuple[bytes, bytes]] = {}


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


def two_logins() -> bool:
    """Whether requests have a login of their own."""
    return bool(connection.settings_dict.get("REQUESTS"))


def enter(project_id: UUID) -> None:
    """From now on this context's statements show rows of that project alone. `leave` ends it.

    Between two transactions: the connection is exchanged for one of the other login.
    """
    if two_logins():
        asking.set(None)
        asking.set(signed(project_id))
    elif usable():
        _project.set(project_id)
        _take(str(project_id), ROLE)


def leave() -> None:
    """Everything is visible again. Nothing happens where nobody entered."""
    asking.set(None)
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


def signed(project_id: UUID) -> str:
    """What PostgreSQL takes for that project: "uuid.proof". Asks for the key once per process and database.

    The proof is a keyed hash, nested over SHA-256 (NMAC: Bellare, Canetti, Krawczyk, 1996), with a key of one
    block inside and another outside; `callwright_project()` makes the same.
    """
    name = str(connection.settings_dict["NAME"])
    with _lock:
        key = _keys.get(name)
    if key is None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT inside, outside FROM callwright_fence")
            inside, outside = cursor.fetchone()
        key = bytes(inside), bytes(outside)
        with _lock:
            _keys[name] = key
    proof = hashlib.sha256(key[1] + hashlib.sha256(key[0] + str(project_id).encode()).digest())
    return f"{project_id}.{proof.hexdigest()}"


@contextlib.contextmanager
def of(project_id: UUID) -> Iterator[None]:
    """`enter` and `leave` around a block."""
    enter(project_id)
    try:
        yield
    finally:
        leave()


@contextlib.contextmanager
def lifted() -> Iterator[None]:
    """Without the role for a while: for a question about the whole instance whose answer tells nothing of
    another project's rows, and for rows that no project may see, such as the audit log.

    Nothing happens where nobody entered. With two logins the block begins and ends between two transactions.
    After a broken statement the rollback puts the role back.
    """
    asked = asking.get()
    if asked is not None:
        asking.set(None)
        try:
            yield
        finally:
            asking.set(asked)
        return
    project = _project.get()
    if project is None:
        yield
        return
    _project.set(None)
    _take("", "none")
    try:
        yield
    finally:
        _project.set(project)
        with contextlib.suppress(DatabaseError):
            _take(str(project), ROLE)


class RowSecurityMiddleware:
    """Leaves what authentication entered. Innermost: what stands outside works on rows of every project."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            return self.get_response(request)
        finally:
            leave()


def _take(project: str, role: str, to: BaseDatabaseWrapper = connection) -> None:
    with to.cursor() as cursor:
        cursor.connection.of_a_project = bool(project)  # see `give_back` in config.connection_urls
        cursor.execute(_TAKE, [project, role])


def _again(sender: object, connection: BaseDatabaseWrapper, **_: object) -> None:
    """A request that gave its connection back while it waited goes on with another one."""
    project = _project.get()
    if project is not None:
        _take(str(project), ROLE, connection)


connection_created.connect(_again, dispatch_uid="row_security")
