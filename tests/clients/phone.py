"""A subscriber's phone that answers whatever rings, in a thread of its own, and notes what it hears."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

from bench.softphone import Missing, SoftPhone, stay_on_loopback

LOOK_SECONDS = 0.1
NEAR = 12.0  # Hz


class AnsweringPhone:
    """`with AnsweringPhone(...) as phone:` is online until the block ends.

    `heard`: the strongest frequency in Hz, every tenth of a second, None for silence.
    """

    def __init__(self, name: str, token: str, url: str, hertz: float) -> None:
        stay_on_loopback()
        self.heard: list[float | None] = []
        self.calls: list[dict[str, Any]] = []
        self.loop = asyncio.new_event_loop()
        self.phone = SoftPhone(name, token, url.replace("http", "ws", 1) + "/ws/phone", hertz)

    def __enter__(self) -> AnsweringPhone:
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self._run(self.phone.come_online(), 30.0)
        asyncio.run_coroutine_threadsafe(self._answer(), self.loop)
        asyncio.run_coroutine_threadsafe(self._listen(), self.loop)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(Exception):
            self._run(self.phone.close(), 5.0)
        self._run(self._cancel_all(), 5.0)
        self.loop.call_soon_threadsafe(self.loop.stop)

    def has_heard(self, hertz: float) -> bool:
        """Whether it heard that tone for a while."""
        near = [found is not None and abs(found - hertz) < NEAR for found in list(self.heard)]
        return any(all(near[place : place + 3]) for place in range(len(near) - 2))

    def has_heard_speech(self) -> bool:
        """Whether it heard sound that stays at no frequency."""
        sounds = [found for found in list(self.heard) if found is not None]
        return len({round(found / 40) for found in sounds}) >= 4

    def until(self, test: Callable[[], object], what: str, seconds: float = 40.0) -> None:
        deadline = time.monotonic() + seconds
        while not test():
            assert time.monotonic() < deadline, f"{what}; heard {self.heard[-60:]}"
            time.sleep(LOOK_SECONDS)

    def dial(self, destination: str) -> str:
        """Calls; the call's id, when the platform has answered with its description."""
        return str(self._run(self.phone.dial(destination), 30.0))

    def told(self, type: str, **fields: Any) -> bool:
        """Whether it was ever told that."""
        heard = [each for each in list(self.phone.heard) if each["type"] == type]
        return any(all(each.get(name) == value for name, value in fields.items()) for each in heard)

    def send(self, type: str, **fields: Any) -> None:
        self._run(self.phone.send(type, **fields), 10.0)

    def _run(self, work: Any, seconds: float) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(seconds)

    async def _answer(self) -> None:
        while True:
            try:
                ringing = await self.phone.expect("call.incoming", seconds=3600.0)
            except Missing:  # an error of a call before is not its next one
                continue
            self.calls.append(ringing)
            self.phone.call_id = ringing["call_id"]
            with contextlib.suppress(Missing):
                await self.phone.pick_up()

    async def _listen(self) -> None:
        while True:
            self.heard.append(self.phone.frequency(0.2))
            await asyncio.sleep(LOOK_SECONDS)

    async def _cancel_all(self) -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
