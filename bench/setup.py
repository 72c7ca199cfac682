"""What a call costs the servers: CPU by process, SQL statements, transactions and WAL.

One instance of `make run`, two software phones in this process, one call after the other, each with sound for
some seconds. What the instance costs in the same time without a call is measured first and taken off. CPU is
read from the process accounts, transactions and WAL from PostgreSQL: its records, without the page images
that follow a checkpoint, what is written to its own catalogues (a new day's partition) and autovacuum, which
tables of a few rows keep busy. Messages (each a round
trip) and the statements in them, BEGIN and COMMIT too, are counted in its log, in calls of their own, because
writing that log costs CPU too.
Run alone with `python -m bench setup [--calls N] [--talk S] [--texts]`; `--texts` names what was counted: the
statements that were said most, and the WAL by kind of record.
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
from typing import Any

import psycopg
from psycopg.rows import TupleRow

from bench.calls import phone
from bench.idle import counted, cpu_seconds
from bench.instance import Instance
from bench.softphone import SoftPhone, stay_on_loopback
from config.embedded import paths, postgres

TOP, SHOWN = 60, 110  # statements of `--texts`, and letters of both their ends
PROMISED_MESSAGES = 35
PROMISED_STATEMENTS = 80
PROMISED_TRANSACTIONS = 25
PROMISED_WAL_KB = 34
SETTLED_SECONDS = 10.0
DAY_BEGINS_SECONDS = 100
FEW = 3  # calls whose statements are counted
SOUND_SECONDS = 5.0
MESSAGE = re.compile(
    rb"^[^\n]* LOG:  (?:statement|execute [^:\n]*): (.*?)(?=^\d{4}-\d\d-\d\d |\Z)", re.MULTILINE | re.DOTALL
)
LITERAL = re.compile(rb"'(?:[^'\\]|''|\\.)*'", re.DOTALL)


@dataclass(frozen=True)
class Account:
    """What has been spent until a moment: CPU by process, bytes of WAL by kind and relation, statements."""

    at: float
    transactions: float
    messages: float
    cpu: Counter[str]
    wal: Counter[str]
    said: Counter[str]

    def less(self, before: Account, share: float = 1.0) -> Account:
        """What remains of it once a share of another is taken off."""

        def counted(now: Counter[str], then: Counter[str]) -> Counter[str]:
            return Counter({name: now[name] - then[name] * share for name in now | then})  # type: ignore[misc]

        return Account(
            self.at - before.at,
            self.transactions - before.transactions * share,
            self.messages - before.messages * share,
            counted(self.cpu, before.cpu),
            counted(self.wal, before.wal),
            counted(self.said, before.said),
        )


class Books:
    """The accounts of one instance."""

    def __init__(self, one: Instance, connection: psycopg.Connection) -> None:
        assert one.process is not None
        self.root, self.connection = one.process.pid, connection
        self.log = Path(one.environment["CALLWRIGHT_DATA_DIR"]) / "logs" / "postgres.log"
        self.connection.execute("CREATE EXTENSION pg_walinspect")
        self.set("autovacuum", "off")
        self.wal: Counter[str] = Counter()
        self.wal_until = self.position()

    def now(self) -> Account:
        at, cpu = time.monotonic(), cpu_seconds(self.root)  # before the looks, which cost some too
        transactions, _ = counted(self.connection)
        messages = said(self.log.read_bytes())
        return Account(at, transactions, len(messages), cpu, self.records(), texts(messages))

    def records(self) -> Counter[str]:
        """Bytes of WAL records since the beginning, by kind and relation."""
        until = self.position()
        asked = """
            SELECT concat_ws(' ', r.resource_manager, r.record_type, 'of ' || c.relname),
                sum(r.record_length - coalesce(r.fpi_length, 0))::bigint
            FROM pg_get_wal_records_info(%(since)s, %(until)s) r
            LEFT JOIN pg_get_wal_block_info(%(since)s, %(until)s, false) b
                ON b.start_lsn = r.start_lsn AND b.block_id = 0
            LEFT JOIN pg_class c ON c.oid = pg_filenode_relation(b.reltablespace, b.relfilenode)
            WHERE c.relname IS NULL OR c.relname NOT LIKE 'pg\\_%%' OR c.relname LIKE 'pg\\_toast%%'
            GROUP BY 1
        """
        if until != self.wal_until:
            self.wal.update(
                dict(self.connection.execute(asked, {"since": self.wal_until, "until": until}).fetchall())
            )
        self.wal_until = until
        return Counter(self.wal)

    async def day_has_begun(self) -> None:
        """Until the sweep has made the partitions of events that are to come, which costs once a day."""
        for _ in range(DAY_BEGINS_SECONDS):
            begun = one_value(self.connection.execute("SELECT count(*) FROM callwright_event_day"))
            if begun:
                return
            await asyncio.sleep(1.0)
        raise TimeoutError("no day of events has begun")

    def position(self) -> str:
        return str(one_value(self.connection.execute("SELECT pg_current_wal_insert_lsn()::text")))

    def set(self, name: str, value: str) -> None:
        """A setting of PostgreSQL: the instance is ours and gone soon."""
        self.connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        self.connection.execute("SELECT pg_reload_conf()")


def said(log: bytes) -> list[bytes]:
    """The messages of a log of PostgreSQL."""
    return MESSAGE.findall(log)


def texts(messages: list[bytes]) -> Counter[str]:
    """The statements of some messages, by their first and last words."""
    found: Counter[str] = Counter()
    for message in messages:
        for part in LITERAL.sub(b"?", message).split(b";"):
            if words := re.sub(r"\s+", " ", part.decode(errors="replace")).strip():
                found[words if len(words) <= 2 * SHOWN else f"{words[:SHOWN]} … {words[-SHOWN:]}"] += 1
    return found


def one_value(cursor: psycopg.Cursor[TupleRow]) -> Any:
    row = cursor.fetchone()
    assert row is not None
    return row[0]


async def one_call(alice: SoftPhone, bob: SoftPhone, talk: float) -> None:
    """alice dials, bob answers, both hear each other for `talk` seconds, alice hangs up."""
    await alice.send("call.create", req_id="dial", destination="/private/bob", sdp=await alice.offer())
    bob.call_id = alice.call_id = (await bob.expect("call.incoming"))["call_id"]
    await alice.take_answer()
    offer = await bob.offer()
    alice.forget_sound()
    bob.forget_sound()
    await bob.send("call.answer", call_id=bob.call_id, sdp=offer)
    await bob.take_answer()
    begun = time.monotonic()
    while not (alice.has_sound and bob.has_sound):
        if time.monotonic() - begun > SOUND_SECONDS:
            raise TimeoutError("no sound both ways")
        await asyncio.sleep(0.01)
    await asyncio.sleep(talk)
    await alice.send("call.hangup", call_id=alice.call_id)
    await asyncio.gather(alice.expect("call.ended"), bob.expect("call.ended"))
    for each in (alice, bob):
        if each.pc is not None:
            await each.pc.close()


async def costs(books: Books, pair: tuple[SoftPhone, SoftPhone], calls: int, talk: float) -> Account:
    """What `calls` calls cost beyond what the same time costs without them."""
    await asyncio.sleep(SETTLED_SECONDS)
    before = await asyncio.to_thread(books.now)
    await asyncio.sleep(max(20.0, talk * 2))
    between = await asyncio.to_thread(books.now)
    for _ in range(calls):
        await one_call(*pair, talk)
    await asyncio.sleep(1.0)  # the last looks and figures
    quiet, busy = between.less(before), (await asyncio.to_thread(books.now)).less(between)
    return busy.less(quiet, busy.at / quiet.at)


async def measure(one: Instance, books: Books, calls: int, talk: float) -> tuple[Account, Account]:
    """The calls as they are, and a few more whose statements are logged."""
    pair = (await phone(one, "alice", 425), await phone(one, "bob", 610))
    for _ in range(2):  # the first calls warm the pools up
        await one_call(*pair, 0.0)
    await books.day_has_begun()
    plain = await costs(books, pair, calls, talk)
    books.set("log_statement", "all")
    logged = await costs(books, pair, FEW, talk)
    for each in pair:
        await each.close()
    return plain, logged


def main(arguments: list[str] | None = None) -> int:
    """Print the table; 0 if every promise holds."""
    parser = argparse.ArgumentParser(prog="bench setup", description=__doc__)
    parser.add_argument("--calls", type=int, default=6, choices=range(1, 101), metavar="1-100")
    parser.add_argument("--talk", type=float, default=10.0, help="seconds that each call talks")
    parser.add_argument(
        "--texts", action="store_true", help="name the statements and the kinds of WAL records"
    )
    options = parser.parse_args(arguments)
    stay_on_loopback()
    with Instance() as one:
        url = paths.postgres_url(one.directory / "data", postgres.SUPERUSER)
        with psycopg.connect(url, dbname=paths.DATABASE, autocommit=True) as connection:
            books = Books(one, connection)
            plain, logged = asyncio.run(measure(one, books, options.calls, options.talk))
    print(f"\na call of {options.talk:g} s between two devices, load {os.getloadavg()[0]:.1f}")
    for role, used in plain.cpu.most_common():
        if used >= 0.0005 * options.calls:
            print(f"{used / options.calls * 1000:8.0f} ms of CPU  {role}")
    print(f"{plain.cpu.total() / options.calls * 1000:8.0f} ms of CPU  in all")
    if options.texts:
        for kind, size in plain.wal.most_common(TOP):
            print(f"{size / options.calls:8.0f} bytes of WAL  {kind}")
        for text, times in logged.said.most_common(TOP):
            print(f"{times / FEW:8.1f} times  {text}")
    rows = (
        ("messages to PostgreSQL", logged.messages / FEW, PROMISED_MESSAGES),
        ("statements in them", logged.said.total() / FEW, PROMISED_STATEMENTS),
        ("transactions", plain.transactions / options.calls, PROMISED_TRANSACTIONS),
        ("kB of WAL", plain.wal.total() / options.calls / 1000, PROMISED_WAL_KB),
    )
    for name, value, promise in rows:
        print(f"{value:8.0f} {name} (promise {promise})")
    return int(any(value > promise for _, value, promise in rows))


if __name__ == "__main__":
    sys.exit(main())
