"""The deadline for a socket's authentication, and whether the client or this process is late.

What must not live here: what a first frame may say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from calling.commands.params import InvalidParams
from calling.runtime.db_threads import run_for_sign_in
from rest import errors
from rest.errors import ApiError
from tokens.signing import InvalidToken

NO_TOKEN, TRY_AGAIN = 4401, 1013  # RFC 6455's registry: 1013 is "try again later"
LATE_SECONDS = 0.5  # a clock that rings later than that was held up, and so was the client's frame
ANSWER_SECONDS = 20.0  # for the platform to judge a first frame: so long a storm of them may last

T = TypeVar("T")


async def run_out(seconds: float) -> int:
    """Wait so long; the close code for who has said nothing until then."""
    loop = asyncio.get_running_loop()
    due = loop.time() + seconds
    await asyncio.sleep(seconds)
    return TRY_AGAIN if loop.time() - due > LATE_SECONDS else NO_TOKEN


async def judged(work: Callable[..., T], *args: object) -> T:
    """The judgement of a first frame, in a thread. Raises `unavailable` (503) where it takes too long."""
    try:
        return await asyncio.wait_for(run_for_sign_in(work, *args), ANSWER_SECONDS)
    except TimeoutError:
        raise errors.Unavailable from None


def close_code(error: Exception) -> int:
    """4401 for who was refused; 1013 where it is no fault of the client's: it should come again."""
    if isinstance(error, ApiError):
        return TRY_AGAIN if error.status >= 500 or error.status == 429 else NO_TOKEN
    return NO_TOKEN if isinstance(error, InvalidToken | InvalidParams) else TRY_AGAIN
