"""The recorder between sockets and rows: whose a message is, what finds no room, and how few statements."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

import clock
from calling import models
from calling.runtime import db_threads
from calling.sip.edge import sip_trace, trace_rows
from calling.sip.edge.sip_trace import SipTrace
from calling.sip.edge.trace_rows import Traced
from calling.sip.stack.transaction import Hop
from tests.dashboard.sample_data import call as a_call
from tests.support.people import make_cast

HOP = Hop("UDP", "192.0.2.7", 5060)


class Sockets:
    """The part of a transport that the recorder uses."""

    tap: Any = None

    def local_of(self, hop: Hop) -> tuple[str, int]:
        return "0.0.0.0", 5060

    def receive(self, method: str, call_id: str, *, hop: Hop = HOP, body: str = "") -> None:
        if self.tap is not None:
            data = f"{method} sip:x@y SIP/2.0\r\nCall-ID: {call_id}\r\nCSeq: 1 {method}\r\n\r\n{body}"
            self.tap(data.encode(), hop, False)


@dataclass(eq=False)
class Leg:
    project_id: str
    call_id: str = "c"
    leg_id: str = "l"


class Recorder:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int = 10**6) -> None:
        self.sockets, self.kept, self.rooms = Sockets(), list[Traced](), {"p": room}
        self.tasks = set[asyncio.Task[None]]()
        self.trace = SipTrace(self.sockets, "198.51.100.2", self.spawn)  # type: ignore[arg-type]
        monkeypatch.setattr(trace_rows, "rooms", lambda: dict(self.rooms))
        monkeypatch.setattr(trace_rows, "keep", self.kept.extend)
        monkeypatch.setattr(db_threads, "run", self.run)
        monkeypatch.setattr(sip_trace, "WRITE_SECONDS", 0.0)

    async def run(self, work: Any, *args: Any) -> Any:
        return work(*args)

    def spawn(self, work: Any) -> None:
        self.tasks.add(asyncio.ensure_future(work))

    async def methods(self) -> list[str]:
        for _ in range(10):
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        return [each.data.split()[0].decode() for each in self.kept]


async def test_what_came_before_the_call_was_placed_belongs_to_it(monkeypatch: Any) -> None:
    one = Recorder(monkeypatch)
    await one.trace.look([])
    leg = Leg("p")
    one.sockets.receive("INVITE", "a")
    one.sockets.receive("INVITE", "another")
    one.trace.follow("a", leg)
    one.sockets.receive("INFO", "a")
    leg.call_id = "after a transfer"
    one.sockets.receive("BYE", "a")
    assert await one.methods() == ["INVITE", "INFO", "BYE"]
    assert [each.call_id for each in one.kept] == ["c", "c", "after a transfer"]
    assert {each.local for each in one.kept} == {("198.51.100.2", 5060)}


async def test_other_projects_and_no_switch_leave_nothing(monkeypatch: Any) -> None:
    one = Recorder(monkeypatch)
    await one.trace.look([])
    one.sockets.receive("INVITE", "a")
    one.trace.follow("a", Leg("q"))
    one.sockets.receive("BYE", "a")
    one.rooms = {}
    await one.trace.look([("b", Leg("p"))])
    assert one.sockets.tap is None and not one.trace.on
    one.sockets.receive("BYE", "b")
    assert await one.methods() == []


async def test_a_call_that_goes_on_is_traced_from_the_switch_to_its_last_answer(monkeypatch: Any) -> None:
    one, leg = Recorder(monkeypatch), Leg("p")
    await one.trace.look([("a", leg)])
    one.sockets.receive("INFO", "a")
    one.trace.leave(leg)
    await one.trace.look([])
    one.sockets.receive("BYE", "a")
    assert await one.methods() == ["INFO", "BYE"]
    monkeypatch.setattr(sip_trace, "LEFT_SECONDS", 0.0)
    await one.trace.look([])
    one.sockets.receive("INFO", "a")
    assert len(await one.methods()) == 2


async def test_a_flood_finds_no_more_room_than_there_is(monkeypatch: Any) -> None:
    one, leg = Recorder(monkeypatch, room=30_000), Leg("p")
    await one.trace.look([("a", leg), ("b", leg)])
    for _ in range(100):
        one.sockets.receive("INFO", "a", body="x" * 10_000)
    assert len(await one.methods()) == 2 and one.trace.dropped == 98
    one.rooms = {"p": 10**9}
    await one.trace.look([])
    for _ in range(2 * sip_trace.PER_CALL_ID):
        one.sockets.receive("INFO", "b")
    assert len(await one.methods()) == 2 + sip_trace.PER_CALL_ID


async def test_strangers_do_not_fill_the_memory(monkeypatch: Any) -> None:
    one = Recorder(monkeypatch)
    await one.trace.look([])
    for number in range(3000):
        one.sockets.receive("INVITE", f"{number}", body="x" * 30_000)
        one.sockets.receive("REGISTER", f"r{number}")
    assert one.trace._octets <= sip_trace.WAITING_OCTETS
    assert len(one.trace._waiting) <= sip_trace.WAITING_IDS
    monkeypatch.setattr(sip_trace, "WAITING_SECONDS", 0.0)
    await one.trace.look([])
    assert one.trace._octets == 0 and not one.trace._waiting


async def test_odd_addresses_become_literal_ones(monkeypatch: Any) -> None:
    one = Recorder(monkeypatch)
    await one.trace.look([("a", Leg("p"))])
    for host in ("fe80::1%eth0", "trunk.example.com"):
        one.sockets.receive("INFO", "a", hop=Hop("TCP", host, 5060))
    await one.methods()
    assert [each.remote[0] for each in one.kept] == ["fe80::1", "0.0.0.0"]


@pytest.mark.django_db
def test_many_messages_are_few_statements_and_the_calls_rows_are_not_locked() -> None:
    cast = make_cast()
    call = a_call(cast.project, "/private/alice", "/private/bob", "answered", 9.0)
    models.SipTracing.objects.create(project=cast.project, until=clock.now() + timedelta(hours=1))
    here, there = ("198.51.100.2", 5060), ("2001:db8::1", 1)
    messages = [
        Traced(str(cast.project.pk), id, id, clock.now(), True, "TCP", here, there,
               b"BYE sip:x@y SIP/2.0\r\n\r\n" + b"x" * 20_000, 20_023)
        for id in (str(call.pk), str(clock.new_id()))
        for _ in range(250)
    ]  # fmt: skip
    with CaptureQueriesContext(
        connection,
    ) as seen:
        trace_rows.keep(messages)
    statements = [each["sql"] for each in seen if "SAVEPOINT" not in each["sql"]]
    assert len(statements) == 3 and not any("FOR " in each for each in statements)
    assert models.SipMessage.objects.count() == 250, "a call that is gone gets none"
    row = models.SipMessage.objects.first()
    assert (len(row.data), row.size) == (trace_rows.PER_MESSAGE, 20_023)
    assert models.SipTracing.objects.get().bytes == 250 * trace_rows.PER_MESSAGE
