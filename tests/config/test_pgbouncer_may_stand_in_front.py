"""PgBouncer in transaction mode, two server connections a login: no request unfenced, no sweep blind.

A process on both logins through a real PgBouncer, in front of the test's own PostgreSQL.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import psycopg
import pytest
from django.db import connection

from calling import models
from config.env import ROOT
from tests.run import find_program
from tests.support import people, two_logins
from tests.support.ports import free_port

pytestmark = pytest.mark.needs("pgbouncer")

SETTINGS = """
[databases]
{name} = host={host} port={port} dbname={name}{password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = trust
auth_file = {directory}/users
pool_mode = transaction
default_pool_size = 2
max_client_conn = 200
ignore_startup_parameters = extra_float_digits,options
"""

# Requests of two projects and looks at the whole instance, at once; then what a worker and an export do.
PROGRAM = """
import asyncio, json, sys, threading
import django; django.setup()
from django.db import connection
from calling import models
from calling.alerts.watch import every_alert
from calling.calls import event_log
from calling.dashboard.pages.history import in_pages
from calling.media.worker import lease
from calling.sockets import call_updates
from subscribers import row_security
from subscribers.models import Project
from subscribers.postgresql import prepared

mine, other, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
told = {"asked": 0, "unfenced": 0, "looks": 0, "blind": 0}
lock = threading.Lock()

def ask(project):
    for _ in range(count):
        row_security.enter(project)
        try:
            seen = set(map(str, models.Call.objects.values_list("project_id", flat=True)))
        finally:
            row_security.leave()
            connection.close()
        with lock:
            told["asked"] += 1
            told["unfenced"] += seen != {project}

def look():
    for _ in range(count):
        seen = Project.objects.count()
        connection.close()
        with lock:
            told["looks"] += 1
            told["blind"] += seen != 2

threads = [threading.Thread(target=ask, args=(each,)) for each in (mine, other, mine)]
threads += [threading.Thread(target=look) for _ in range(2)]
for each in threads: each.start()
for each in threads: each.join()

async def beats():
    own = await lease.open_connection(4711)
    for number in range(20):
        await (await own.execute("SELECT %s::int", [number])).fetchall()
    await own.close()

asyncio.run(beats())
rows = models.Call.objects.order_by("pk").values("id")
told["exported"] = len(list(in_pages(rows, "pk", lambda row: row["id"])))
told["alerts"] = len(list(every_alert()))
for _ in range(20):
    call_updates.read([], {})
    told["prepares"] = prepared.session() is not None
    connection.close()
print(json.dumps(told))
"""


@pytest.fixture
def bouncer(transactional_db: None) -> Iterator[int]:
    """The port of a PgBouncer in front of the test's PostgreSQL; it runs as whoever owns its socket."""
    given = urlsplit(os.environ["DATABASE_URL"])
    host = given.hostname or parse_qs(given.query)["host"][0]
    port, listen = given.port or 5432, free_port()
    directory = Path(tempfile.mkdtemp(prefix="pgbouncer-"))
    password = f" password={unquote(given.password)}" if given.password else ""
    words = {"name": connection.settings_dict["NAME"], "host": unquote(host), "port": port, "listen": listen}
    (directory / "ini").write_text(SETTINGS.format(**words, directory=directory, password=password))
    users = (given.username, two_logins.USER)
    (directory / "users").write_text("".join(f'"{user}" ""\n' for user in users))
    owner = Path(host).stat().st_uid if host.startswith("/") else 65534
    if os.geteuid() == 0:
        for each in (directory, *directory.iterdir()):
            os.chown(each, owner, -1)
    program = find_program("pgbouncer")
    assert program is not None
    process = subprocess.Popen(
        [program, "-q", str(directory / "ini")], user=owner if os.geteuid() == 0 else None
    )
    try:
        wait_for(listen, str(given.username))
        yield listen
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(directory, ignore_errors=True)


def wait_for(port: int, user: str) -> None:
    end = time.monotonic() + 20
    while True:
        try:
            name = connection.settings_dict["NAME"]
            psycopg.connect(f"postgresql://{user}@127.0.0.1:{port}/{name}", connect_timeout=3).close()
            return
        except psycopg.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def test_no_request_is_unfenced_and_no_look_is_blind(bouncer: int, figure: Callable[[int, int], int]) -> None:
    cast, mallory = people.make_cast(), people.make_mallory()
    mine, other = str(cast.project.id), str(mallory.project.id)
    for project in (mine, other):
        models.Call.objects.bulk_create(
            models.Call(
                project_id=project, state="ended", end_reason="completed", kind="subscriber",
                to_address="/private/bob", created_at="2026-01-01T00:00:00Z",
            )
            for _ in range(3)
        )  # fmt: skip
    count = figure(100, 33_334)
    user, name = urlsplit(os.environ["DATABASE_URL"]).username, connection.settings_dict["NAME"]
    with two_logins.two_logins():
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DATABASE_URL": f"postgresql://{user}@127.0.0.1:{bouncer}/{name}",
            "CALLWRIGHT_REQUESTS_DATABASE_URL": f"postgresql://{two_logins.USER}@127.0.0.1:{bouncer}/{name}",
        }
        run = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", PROGRAM, mine, other, str(count)],
            cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60 + count // 10, check=False,
        )  # fmt: skip
    assert run.returncode == 0, run.stderr[-3000:]
    told = json.loads(run.stdout.splitlines()[-1])
    assert told == {
        "asked": 3 * count, "unfenced": 0, "looks": 2 * count, "blind": 0, "exported": 6, "alerts": 0,
        "prepares": False,
    }  # fmt: skip
