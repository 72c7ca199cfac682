"""Calls of a scenario, some at a time, each judged: what `manage.py rehearse` does.

Subscribers named `rehearse-*` stay behind, as those of `loadtest` do.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import time
import wave
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np

from bench.api import Api, Refused
from bench.rehearsal.caller import HEARD_RATE, MUMBLE, Caller, Pcm
from bench.rehearsal.conversation import Stretch, measure, stretches
from bench.rehearsal.report import Finding, Played, findings
from bench.rehearsal.scenario import Scenario
from bench.softphone import RATE, Missing

Synthesise = Callable[[str, str], Awaitable[bytes]]  # (words, voice) -> a WAV file
Recognise = Callable[[Pcm], str]  # one utterance at 16 kHz; blocks
LONGEST = 30.0
SETTLE_SECONDS = 10.0


class Rehearsal:
    """One run against one instance. `recognise`: None where no recogniser is installed."""

    def __init__(
        self,
        api: Api,
        socket_url: str,
        scenario: Scenario,
        synthesise: Synthesise,
        recognise: Recognise | None,
        progress: Callable[[str], None],
    ) -> None:
        self.api, self.socket_url, self.scenario = api, socket_url, scenario
        self.played: list[Played] = []
        self._synthesise, self._recognise, self._progress = synthesise, recognise, progress
        self._sentences: dict[str, Pcm] = {}

    async def run(self, calls: int, at_once: int) -> None:
        texts = {each.text for each in self.scenario.steps if each.kind in ("say", "interrupt")}
        for text in (*sorted(texts), MUMBLE):
            self._sentences[text] = pcm_of(await self._synthesise(text, self.scenario.voice))
        waiting = iter(range(calls))
        await asyncio.gather(*(self._lane(lane, waiting) for lane in range(min(calls, at_once))))

    async def _lane(self, lane: int, waiting: Any) -> None:
        for _ in waiting:
            self.played.append(await self._call(f"rehearse-{lane}"))
            self._progress(f"{len(self.played)} calls")

    async def _call(self, name: str) -> Played:
        played = Played()
        caller = None
        try:
            path = "/api/fabric/subscribers/tokens"
            token = (await asyncio.to_thread(self.api.ask, "POST", path, {"reference": name}))["token"]
            keeps = self._recognise is not None and bool(self.scenario.words)
            caller = Caller(name, token, self.socket_url, self._sentences, keeps=keeps)
            await caller.come_online()
            await self._play(caller, played)
        except (OSError, Missing, Refused) as why:
            played.findings.append(Finding("failed", str(why)[:200] or type(why).__name__))
        finally:
            if caller is not None:
                await caller.close()
        return played

    async def _play(self, caller: Caller, played: Played) -> None:
        played.call_id = await caller.dial(self.scenario.to)
        await caller.expect("call.answered", call_id=played.call_id)
        begin = time.monotonic()
        cut = False
        for step in self.scenario.steps:
            if cut := caller.over:
                break
            await caller.perform(step)
        end = time.monotonic()
        if not caller.over:
            await caller.send("call.hangup", call_id=played.call_id)
            with contextlib.suppress(Missing):
                await caller.expect("call.ended", SETTLE_SECONDS, call_id=played.call_id)
        theirs = stretches(caller.levels)
        played.measured = measure(stretches(caller.mouth.levels), theirs, begin, end)
        if caller.kept:
            played.words = await asyncio.to_thread(self._words, caller.kept, theirs)
        digits = await asyncio.to_thread(self._digits, played.call_id)
        played.findings += findings(
            self.scenario, played.measured, digits=digits, words=played.words, ended=cut
        )

    def _words(self, kept: list[tuple[float, Pcm]], theirs: list[Stretch]) -> str:
        assert self._recognise is not None
        said = []
        for begin, end in theirs:
            stop = min(end, begin + LONGEST) + 0.3
            pieces = [pcm for at, pcm in kept if begin - 0.3 <= at <= stop]
            said.append(self._recognise(np.concatenate(pieces)[: int(LONGEST * HEARD_RATE)]))
        return " ".join(each for each in said if each)

    def _digits(self, call_id: str) -> list[str]:
        """What was taken, each time: results of `collect`, and `digits` of a script's user events."""
        if not self.scenario.digits:
            return []
        events = self.api.ask("GET", f"/api/calls/{call_id}/events?page_size=200")["data"]
        found = []
        for each in events:
            data = each["data"]
            if each["type"] == "collect.finished":
                found.append(((data.get("result") or {}).get("params") or {}).get("digits"))
            elif each["type"] == "call.user_event":
                found.append((data.get("event") or {}).get("digits"))
        return [str(each) for each in found if each is not None]


def pcm_of(sound: bytes) -> Pcm:
    """A WAV file of one channel, at 48 kHz."""
    with wave.open(io.BytesIO(sound)) as file:
        rate = file.getframerate()
        pcm = np.frombuffer(file.readframes(1 << 26), "<i2")
    at = np.arange(len(pcm) * RATE // rate) * rate / RATE
    return np.asarray(np.interp(at, np.arange(len(pcm)), pcm), np.int16)
