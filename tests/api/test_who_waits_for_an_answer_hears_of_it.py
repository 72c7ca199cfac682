"""A request that waits for a worker's answer hears of it by a nudge, and looks seldom meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from uuid import uuid4

import pytest

import clock
from calling.api import view
from calling.runtime import nudge
from calling.runtime.call_news import CallNews


@pytest.fixture
def news(monkeypatch: pytest.MonkeyPatch) -> CallNews:
    """News that are heard."""
    made = CallNews()
    monkeypatch.setattr(view, "call_news", made)
    with made.of("nobody's call") as heard:
        assert heard.wait(10)  # all are woken once it listens: nudges of before may have been lost
    assert made.hears
    return made


def looks_until(seen: list[int], enough: Callable[[], bool]) -> Callable[[], bool]:
    def waits() -> bool:
        seen.append(1)
        return not enough()

    return waits


def test_a_nudge_of_the_call_ends_the_wait(news: CallNews, monkeypatch, db) -> None:
    monkeypatch.setattr(view, "ANSWER_SECONDS", 30.0)
    monkeypatch.setattr(view, "UNHEARD_SECONDS", 30.0)
    call_id, answered, seen = str(uuid4()), threading.Event(), list[int]()

    def answer() -> None:
        while not seen:  # it waits by then
            clock.sleep(0.01)
        answered.set()
        nudge.send(nudge.EDGE, {"calls": [call_id]})

    other = threading.Thread(target=answer)
    other.start()
    with news.of(call_id) as heard:
        view.wait_while(looks_until(seen, answered.is_set), heard)
    other.join()
    assert answered.is_set() and len(seen) == 2


def test_nudges_of_other_calls_wake_nobody(news: CallNews) -> None:
    mine, others = str(uuid4()), str(uuid4())
    with news.of(mine) as heard, news.of(others) as theirs:
        nudge.send(nudge.EDGE, {"calls": [others]})
        assert theirs.wait(10)
        assert not heard.is_set()


def test_a_lost_nudge_is_found_by_looking(news: CallNews, monkeypatch, db) -> None:
    monkeypatch.setattr(view, "ANSWER_SECONDS", 30.0)
    monkeypatch.setattr(view, "UNHEARD_SECONDS", 0.01)
    seen: list[int] = []
    with news.of(str(uuid4())) as heard:
        view.wait_while(looks_until(seen, lambda: len(seen) == 3), heard)
    assert len(seen) == 3


def test_who_waits_for_nothing_is_forgotten(news: CallNews) -> None:
    with news.of(str(uuid4())):
        pass
    assert not news._waiting
