"""What an instance costs that carries no call, without phones and with thousands online: CPU by process,
transactions, rows updated and WAL per second.

CPU is read from the process accounts, so it holds on a busy machine too, if a little high. Transactions are
counted by PostgreSQL.
Run alone with `python -m bench.idle [--seconds N] [--phones N]`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import psycopg
from websockets.protocol import State

from bench.crowd import allowed, come_online
from bench.instance import Instance
from bench.softphone import stay_on_loopback
from config.embedded import paths

SETTLED_SECONDS = 15.0
TICK = os.sysconf("SC_CLK_TCK")
CPU_PROMISE = 2.0
TRANSACTIONS_PROMISE = 8.0
PHONES_CPU_PROMISE = 10.0
UPDATES_PROMISE = 50.0

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
    transactions, wal, _ = activity(connection)
    return transactions, wal


def activity(connection: psycopg.Connection) -> tuple[int, int, int]:
    """(transactions, bytes of WAL, rows updated) so far."""
    connection.execute("SELECT pg_stat_clear_snapshot()")
    row = connection.execute(
        "SELECT xact_commit + xact_rollback, pg_current_wal_lsn() - '0/0', tup_updated FROM pg_stat_database"
        " WHERE datname = current_database()"
    ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1]), int(row[2])


@dataclass(frozen=True)
class Spent:
    """Seconds of CPU by role; and transactions, bytes of WAL and rows updated in each second."""

    seconds: float
    cpu: Counter[str]
    transactions: float
    wal: float
    updates: float

    @property
    def core(self) -> float:
        """Per cent of a core."""
        return self.cpu.total() / self.seconds * 100

    def show(self) -> None:
        for role, used in sorted(self.cpu.items(), key=lambda each: -each[1]):
            print(f"{used / self.seconds * 100:8.2f} % of a core  {role}")


def spend(root: int, connection: psycopg.Connection, seconds: float) -> Spent:
    began, before = time.monotonic(), activity(connection)
    used = {pid: cpu for _, pid, cpu in processes(root)}
    time.sleep(seconds)
    spent: Counter[str] = Counter()
    for role, pid, cpu in processes(root):  # by process: one that has ended takes nothing off
        spent[role] += cpu - used.get(pid, 0.0)
    after, took = activity(connection), time.monotonic() - began
    return Spent(took, spent, *((now - then) / took for now, then in zip(after, before, strict=True)))


async def online(one: Instance, count: int, connection: psycopg.Connection, seconds: float) -> Spent:
    """The same while so many phones are online."""
    assert one.process is not None
    devices = await come_online(one, count)
    await asyncio.sleep(SETTLED_SECONDS)
    spent = await asyncio.to_thread(spend, one.process.pid, connection, seconds)
    left = sum(each.socket is not None and each.socket.state is State.OPEN for each in devices)
    print(f"{left} of {count} phones online for {spent.seconds:.0f} s, load {os.getloadavg()[0]:.1f}")
    for each in devices:
        each.cut()
    return spent


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.idle")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--phones", type=int, default=5000)
    chosen = parser.parse_args()
    count = allowed(chosen.phones)
    stay_on_loopback()
    with Instance(CALLWRIGHT_SIP_PORT="0") as one:
        assert one.process is not None
        url = paths.postgres_url(one.directory / "data")
        time.sleep(SETTLED_SECONDS)
        with psycopg.connect(url, autocommit=True) as connection:
            alone = spend(one.process.pid, connection, chosen.seconds)
            print(f"idle for {alone.seconds:.0f} s, load {os.getloadavg()[0]:.1f}")
            alone.show()
            print(f"{alone.core:8.2f} % of a core  in all (promise {CPU_PROMISE} %)")
            print(f"{alone.transactions:8.2f} transactions/s (promise {TRANSACTIONS_PROMISE})")
            print(f"{alone.wal:8.0f} bytes of WAL/s")
            crowded = asyncio.run(online(one, count, connection, max(60.0, chosen.seconds)))
    crowded.show()
    print(f"{crowded.core:8.2f} % of a core  in all (promise {PHONES_CPU_PROMISE} %)")
    print(f"{crowded.updates:8.2f} rows updated/s (promise {UPDATES_PROMISE})")
    print(f"{crowded.transactions:8.2f} transactions/s, {crowded.wal:.0f} bytes of WAL/s")
    kept = alone.core <= CPU_PROMISE and alone.transactions <= TRANSACTIONS_PROMISE
    return int(not (kept and crowded.core <= PHONES_CPU_PROMISE and crowded.updates <= UPDATES_PROMISE))


if __name__ == "__main__":
    sys.exit(main())
