"""What an instance costs that carries no call: CPU by process, transactions and WAL per second.

CPU is read from the process accounts, so it holds on a busy machine too, if a little high. Transactions are
counted by PostgreSQL.
Run alone with `python -m bench.idle [--seconds N]`.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections import Counter
from pathlib import Path

import psycopg

from bench.instance import Instance
from config.embedded import paths

SETTLED_SECONDS = 15.0
TICK = os.sysconf("SC_CLK_TCK")
CPU_PROMISE = 2.0
TRANSACTIONS_PROMISE = 8.0

ROLES = (
    ("config.serve", "web"),
    ("worker -n media", "media worker"),
    ("worker -n tasks", "task worker"),
    ("celery.*beat", "beat"),
    ("manage.py sweep", "sweep"),
    ("manage.py sip", "SIP edge"),
    ("manage.py speech", "speech worker"),
    ("config.supervisor", "supervisor"),
    ("postgres", "PostgreSQL"),
    ("valkey", "Valkey"),
)


def role_of(command: str) -> str:
    return next((role for pattern, role in ROLES if re.search(pattern, command)), "other")


def cpu_seconds(root: int) -> Counter[str]:
    """Seconds of CPU so far by role, of a process and all below it."""
    found: Counter[str] = Counter()
    for role, _, seconds in processes(root):
        found[role] += seconds
    return found


def pids(root: int, wanted: str) -> list[int]:
    """The processes of one role."""
    return [pid for role, pid, _ in processes(root) if role == wanted]


def processes(root: int) -> list[tuple[str, int, float]]:
    """(role, pid, seconds of CPU so far) of a process and all below it."""
    above: dict[int, int] = {}
    used: dict[int, float] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        above[int(entry.name)] = int(fields[1])
        used[int(entry.name)] = (int(fields[11]) + int(fields[12])) / TICK
    found: list[tuple[str, int, float]] = []
    for pid, seconds in used.items():
        one: int | None = pid
        while one is not None and one != root:
            one = above.get(one)
        if one == root:
            try:
                command = (
                    Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                )
            except OSError:
                continue
            found.append((role_of(command), pid, seconds))
    return found


def counted(connection: psycopg.Connection) -> tuple[int, int]:
    """(transactions, bytes of WAL) so far."""
    connection.execute("SELECT pg_stat_clear_snapshot()")
    row = connection.execute(
        "SELECT xact_commit + xact_rollback, pg_current_wal_lsn() - '0/0' FROM pg_stat_database"
        " WHERE datname = current_database()"
    ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.idle")
    parser.add_argument("--seconds", type=float, default=30.0)
    seconds = parser.parse_args().seconds
    with Instance(CALLWRIGHT_SIP_PORT="0") as one:
        assert one.process is not None
        url = paths.postgres_url(one.directory / "data")
        time.sleep(SETTLED_SECONDS)
        with psycopg.connect(url, autocommit=True) as connection:
            began, cpu, (transactions, wal) = (
                time.monotonic(),
                cpu_seconds(one.process.pid),
                counted(connection),
            )
            time.sleep(seconds)
            spent = cpu_seconds(one.process.pid)
            spent.subtract(cpu)
            after, wal_after = counted(connection)
            took = time.monotonic() - began
    print(f"idle for {took:.0f} s, load {os.getloadavg()[0]:.1f}")
    for role, used in sorted(spent.items(), key=lambda each: -each[1]):
        print(f"{used / took * 100:8.2f} % of a core  {role}")
    total, rate = sum(spent.values()) / took * 100, (after - transactions - 4) / took
    print(f"{total:8.2f} % of a core  in all (promise {CPU_PROMISE} %)")
    print(f"{rate:8.2f} transactions/s (promise {TRANSACTIONS_PROMISE})")
    print(f"{(wal_after - wal) / took:8.0f} bytes of WAL/s")
    return int(total > CPU_PROMISE or rate > TRANSACTIONS_PROMISE)


if __name__ == "__main__":
    sys.exit(main())
