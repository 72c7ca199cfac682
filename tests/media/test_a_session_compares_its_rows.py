"""A lost nudge is found by the worker's heartbeat: a session looks at rows that are not as they were."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from calling.media.worker.session import Session
from calling.media.worker.worker import Worker


@pytest.fixture
def session() -> Iterator[Session]:
    worker = Worker("media1")
    yield Session("s", 1, worker)
    worker.desk.close()
    worker.loop.close()


def looks(session: Session, number: int | None) -> bool:
    """Whether the session is woken by this number of its rows; None: it has no live call."""
    session._wake.clear()
    session.compare(number)
    return session._wake.is_set()


def test_a_call_that_ended_before_the_first_comparison_is_found(session: Session) -> None:
    assert looks(session, None)


@pytest.mark.parametrize("first", [None, 0, 7])
def test_rows_that_are_as_they_were_wake_nobody(session: Session, first: int | None) -> None:
    assert looks(session, first)
    assert not looks(session, first)


@pytest.mark.parametrize(("before", "after"), [(7, 8), (7, None), (None, 7)])
def test_rows_that_changed_are_looked_at(session: Session, before: int | None, after: int | None) -> None:
    looks(session, before)
    assert looks(session, after)
