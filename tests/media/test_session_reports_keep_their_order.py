"""Reports of a session: in order, over an outage, never under a lost epoch, and kept on disk meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError

from calling.calls import control
from calling.machine import inputs
from calling.media.session.journal import Journal, leftovers
from calling.media.session.signal_queue import SignalQueue, Turn
from calling.runtime.db_threads import DatabaseThreads


class Told:
    """A session as its signal queue sees it, and a door that can be shut."""

    id, epoch = "8c1f4b3e-0000-7000-8000-000000000001", 3

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.turns: list[tuple[str, str]] = []
        self.refused = ""
        self.away = False
        self.stale = False
        self.is_lost = False
        self.looks = 0
        self.looked = 0

    def turned(self, turns: Sequence[Turn], looks: int) -> None:
        pass

    def look(self) -> None:
        self.looked += 1

    def lost(self) -> None:
        self.is_lost = True

    def apply(
        self, call_id: str, *values: Any, fence: Any = None, agreed: Any = None, knows: Any = None
    ) -> None:
        if self.away:
            raise OperationalError("the server is away")
        if self.stale:
            raise control.StaleEpoch
        if any(value.digit == self.refused for value in values):
            raise inputs.Refused("too_late", "It came too late.")
        self.turns.append((call_id, "".join(value.digit for value in values)))
        self.heard += [value.digit for value in values]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    made = Told()
    monkeypatch.setattr(control, "apply", made.apply)
    return made


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "spool" / "worker.jsonl")


def press(queue: SignalQueue, digits: str) -> None:
    for digit in digits:
        queue.signal("call", inputs.DigitReceived("peer", digit))


async def test_reports_arrive_in_order(told: Told, journal: Journal) -> None:
    queue = SignalQueue(told, DatabaseThreads(), journal)
    press(queue, "0123456789")
    await queue.settle(5)
    assert told.heard == list("0123456789")
    assert journal.size == 0


async def test_what_one_call_has_to_report_at_once_is_one_turn(told: Told, journal: Journal) -> None:
    queue = SignalQueue(told, DatabaseThreads(), journal)
    with queue.held():
        press(queue, "12")
        await asyncio.sleep(0.05)  # while held nothing is told
        assert told.turns == []
        queue.signal("other", inputs.DigitReceived("peer", "3"))
        queue.work("call", lambda: told.turns.append(("call", "work")))
        press(queue, "45")
    await queue.settle(5)
    assert told.turns == [("call", "12"), ("other", "3"), ("call", "work"), ("call", "45")]


async def test_one_that_cannot_be_reported_takes_no_other_with_it(told: Told, journal: Journal) -> None:
    queue = SignalQueue(told, DatabaseThreads(), journal)
    told.refused = "2"
    with queue.held():
        press(queue, "123")
    await queue.settle(5)
    assert told.turns == [("call", "1"), ("call", "3")]
    press(queue, "4")
    await queue.settle(5)
    assert told.heard == list("134")


async def test_an_outage_delays_reports_and_keeps_them_on_disk(told: Told, journal: Journal) -> None:
    queue = SignalQueue(told, DatabaseThreads(), journal)
    told.away = True
    press(queue, "12")
    await asyncio.sleep(0.15)
    press(queue, "3")
    await asyncio.sleep(0.4)
    assert told.heard == []
    assert [entry.count('"DigitReceived"') for entry in journal.path.read_text().splitlines()] == [1, 1, 1]
    assert list(leftovers(journal.path.parent)) == []  # its worker lives
    told.away = False
    await queue.settle(5)
    assert told.heard == ["1", "2", "3"]


async def test_a_dead_workers_journal_can_be_replayed(told: Told, journal: Journal) -> None:
    digit = inputs.DigitReceived("peer", "7", 80)
    secret = inputs.AnswerMade("leg", "v=0 secret", 1)
    journal.append([(told.id, 3, "call", digit), (told.id, 3, "call", secret)])
    assert "secret" not in journal.path.read_text()
    journal.path.open("a").write("torn {")
    journal.close()
    ((path, entries),) = leftovers(journal.path.parent)
    assert path == journal.path
    assert entries == [(told.id, 3, "call", digit)]


async def test_a_lost_epoch_ends_all_writing(told: Told, journal: Journal) -> None:
    queue = SignalQueue(told, DatabaseThreads(), journal)
    told.stale = True
    press(queue, "12")
    await queue.settle(5)
    assert told.is_lost
    told.stale = False
    press(queue, "3")
    await asyncio.sleep(0.1)
    assert told.heard == []
