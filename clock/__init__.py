"""Time, timers, ids and dice: the only place of the product that asks the machine for them.

Everything else reads them here, as attributes (`clock.now()`, never `from clock import now`), so that one
clock can stand in for all of them; the linter refuses the sources below elsewhere. `calling.machine` and
`calling.sip.stack` get them as arguments. Timers of an event loop are the loop's own (`asyncio.sleep`,
`loop.time`): whoever brings another clock brings another loop. Secrets (keys, tokens, nonces) come from
`secrets` and are nobody's dice.

What must not live here: anything that imports more than the standard library, and any rule about time.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random as Dice
from random import SystemRandom
from time import monotonic as monotonic  # seconds since some moment, never back: for waits and durations
from time import sleep as sleep
from time import time as time  # unix seconds
from time import time_ns as time_ns

__all__ = ["Dice", "dice", "monotonic", "new_id", "now", "sleep", "time", "time_ns"]


def now() -> datetime:
    """This moment, in UTC and aware of it: what rows hold."""
    return datetime.now(UTC)


new_id: Callable[[], uuid.UUID] = uuid.uuid4  # a random id (RFC 9562 section 5.4)

# From the kernel, so that a forked child does not repeat its parent's throws.
dice: Dice = SystemRandom()
