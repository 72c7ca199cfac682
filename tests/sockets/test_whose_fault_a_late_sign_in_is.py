"""A socket that says nothing is refused (4401); where the platform itself is late it says: come again."""

from __future__ import annotations

import asyncio
import time

import pytest
from django.db import OperationalError

from calling.commands.params import invalid
from calling.sockets import patience
from rest import errors
from tokens.signing import InvalidToken


async def test_a_client_that_says_nothing_is_refused() -> None:
    assert await patience.run_out(0.05) == 4401


async def test_a_clock_that_was_held_up_blames_the_platform() -> None:
    waiting = asyncio.create_task(patience.run_out(0.05))
    await asyncio.sleep(0)
    time.sleep(0.8)  # noqa: ASYNC251 - as a process that has no turn
    assert await waiting == 1013


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidToken("token_expired", "It is over."), 4401),
        (invalid("token", "It is missing."), 4401),
        (errors.Forbidden(), 4401),
        (errors.NotFound(), 4401),
        (errors.Unavailable(), 1013),
        (OperationalError("server closed the connection"), 1013),
        (TimeoutError(), 1013),
        (RuntimeError("a fault of ours"), 1013),
    ],
)
def test_a_refusal_is_4401_and_everything_else_comes_again(error: Exception, code: int) -> None:
    assert patience.close_code(error) == code


async def test_a_judgement_that_takes_too_long_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "ANSWER_SECONDS", 0.05)
    with pytest.raises(errors.Unavailable):
        await patience.judged(time.sleep, 0.5)
