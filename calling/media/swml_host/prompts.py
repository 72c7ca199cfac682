"""What a script's party hears and gives back in words, keys and recordings: `play`, `prompt`, `send_digits`,
`record`. Recordings that go on beside the script are in background.py."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, Final
from uuid import UUID, uuid5

from calling.media.files.prepare import Picture
from calling.media.operations.hearing import Hearing
from calling.media.operations.playback import Playback, PlaybackFailed, asker_of, picture_of
from calling.media.operations.recording_job import RecordingJob
from calling.media.rtp.telephone_event import seconds_of
from calling.media.swml_host import words
from calling.media.swml_host.background import record_params
from calling.media.swml_host.party import FAILED, Outcome, ScriptParty
from calling.media.swml_host.relay import Follow
from calling.models.ids import uuid7
from calling.swml import actions

log = logging.getLogger(__name__)
SENTENCE_SECONDS: Final = 60.0


class PromptActions:
    """The actions that the script waits for with its ears and its voice."""

    def __init__(self, party: ScriptParty, follow: Follow) -> None:
        self.party, self._session = party, party.session
        self._follow = follow
        self.digits: asyncio.Queue[str] = asyncio.Queue(maxsize=256)

    async def play(self, action: actions.Play) -> Outcome:
        async with self._told("play", action.path, action.playing.status_url) as end:
            outcome = await self.sound(action.playing)
            end(outcome, {})
        return outcome

    @contextlib.asynccontextmanager
    async def _told(
        self, verb: str, path: str, url: str
    ) -> AsyncIterator[Callable[[Outcome, dict[str, Any]], None]]:
        """A step whose beginning and end are told to its status_url, if it has one."""
        control_id = self._control_id(path, url)
        await self._follow(verb, control_id, url)
        if url:
            self._tell(verb, control_id, "started", {})

        def end(outcome: Outcome, data: dict[str, Any]) -> None:
            if url:
                failed = outcome.get("result") == "failed"
                self._tell(verb, control_id, "failed" if failed else "finished", data)

        try:
            yield end
        except asyncio.CancelledError:
            end({}, {"reason": "leg_ended"})
            raise

    def _control_id(self, path: str, url: str) -> str:
        """The same each time the step comes again, where it is told of: one endpoint hears of them all."""
        return str(uuid7()) if not url else str(uuid5(UUID(self.party.plan.run_id), f"{path} {url}"))

    async def sound(self, playing: actions.Playing) -> Outcome:
        """Let the party hear it to its end; nobody is told."""
        return await self._sound(self._sounding(playing))

    def _sounding(self, playing: actions.Playing) -> Playback:
        items = [item_of(each, playing) for each in playing.items]
        ask = partial(self._session.desk.run, asker_of, self.party.plan.call_id)
        return Playback(
            items, self.party.give, volume=playing.volume, loops=playing.loops, picture=self._picture, ask=ask
        )

    def _picture(self) -> Picture:
        peer = self.party.peer()
        return "vp8" if peer is None else picture_of(peer.port)

    async def _sound(self, sounding: Playback) -> Outcome:
        try:
            return {"result": await sounding.play()}
        except PlaybackFailed as why:
            log.info("A script could not play", extra={"why": str(why)})
            return FAILED

    async def prompt(self, action: actions.Prompt) -> Outcome:
        """Play and take keys or words; the first of them stops the sound. Keys pressed before count."""
        await self.party.answer(action)
        async with self._told("collect", action.path, action.playing.status_url) as end:
            outcome = await self._prompt(action)
            kind, params = str(outcome.get("result")), {}
            if kind == "match_digits":
                kind, params = "digit", {"digits": outcome["value"], "terminator": outcome["terminator"]}
            elif kind == "match_speech":
                kind = "speech"
                params = {"text": outcome["value"], "confidence": outcome["confidence"]}
            end(outcome, {"result": {"type": kind, "params": params}})
        return outcome

    async def _prompt(self, action: actions.Prompt) -> Outcome:
        hearing = await words.listen(self.party, action.speech) if action.speech is not None else None
        if action.speech is not None and hearing is None:
            return FAILED
        loop = asyncio.get_running_loop()
        sounding = self._sounding(action.playing)
        playing = loop.create_task(self._sound(sounding))
        first = loop.create_task(self.digits.get())
        speaking = loop.create_task(words.voice(hearing)) if hearing is not None else None
        inputs: set[asyncio.Task[Any]] = {first} if action.digits else set()
        inputs |= {speaking} if speaking is not None else set()
        try:
            done, _ = await asyncio.wait({playing, *inputs}, return_when=asyncio.FIRST_COMPLETED)
            if not done & inputs:
                done, _ = await asyncio.wait(
                    inputs, timeout=action.initial_timeout, return_when=asyncio.FIRST_COMPLETED
                )
            sounding.stop()
            await playing
            if first in done:
                return await self._digits(first.result(), action)
            if speaking in done and hearing is not None and action.speech is not None:
                return await self._words(speaking, hearing, action)
            return FAILED if playing.result() == FAILED else {"result": "no_input"}
        finally:
            for task in (playing, first, *filter(None, (speaking,))):
                task.cancel()
            if hearing is not None:
                hearing.close()
            self.party.give(None)

    async def _words(self, speaking: asyncio.Task[None], hearing: Hearing, action: actions.Prompt) -> Outcome:
        if speaking.exception() is not None:
            return FAILED  # the speech worker was lost
        longest = float((action.speech or {}).get("speech_timeout") or SENTENCE_SECONDS)
        return await words.sentence(hearing, longest)

    def forget_keys(self) -> None:
        """Keys that a program has taken are not those of the next step."""
        while not self.digits.empty():
            self.digits.get_nowait()

    async def _digits(self, digit: str, action: actions.Prompt) -> Outcome:
        got, terminator = "", ""
        while True:
            if digit in action.terminators:
                terminator = digit
                break
            got += digit
            if len(got) >= action.max_digits:
                break
            try:
                digit = await asyncio.wait_for(self.digits.get(), action.digit_timeout)
            except TimeoutError:
                break
        result = "match_digits" if got else "no_match"
        return {"result": result, "value": got, "terminator": terminator}

    async def send_digits(self, action: actions.SendDigits) -> Outcome:
        peer = self.party.peer()
        if peer is None or not peer.port.send_digits(action.digits):
            return FAILED
        await asyncio.sleep(seconds_of(action.digits))  # a hangup or a sound comes after the last of them
        return {"result": "finished"}

    # --- recording

    async def record(self, action: actions.Record) -> Outcome:
        await self.party.answer(action)
        call_id, leg_id = self.party.plan.call_id, self.party.plan.leg_id
        control_id = self._control_id(action.path, action.status_url)
        job = RecordingJob(self._session, call_id, leg_id, control_id, record_params(action))
        await self._follow("record", control_id, action.status_url)
        try:
            await self._begin(job)
            ending = asyncio.get_running_loop().create_task(self._terminator(job, action.terminators))
            try:
                found = await self._finish(job)
            finally:
                ending.cancel()
        except OSError:
            return FAILED
        return {**found, "result": "no_input" if found["reason"] == "no_input" else "finished"}

    async def _begin(self, job: RecordingJob) -> None:
        try:
            begun = await job.start()
        except OSError:
            self._tell("record", job.control_id, "failed", {"reason": "the recording could not be written"})
            raise
        self._tell("record", job.control_id, "started", begun)

    async def _finish(self, job: RecordingJob) -> dict[str, Any]:
        try:
            found = await job.finish()
        except asyncio.CancelledError:
            self._tell("record", job.control_id, "finished", job.summary("leg_ended"))
            raise
        except OSError as problem:
            self._tell("record", job.control_id, "failed", {"reason": problem.strerror or "error"})
            raise
        self._tell("record", job.control_id, "finished", found)
        return found

    def _tell(self, verb: str, control_id: str, word: str, data: dict[str, Any]) -> None:
        session, call_id, leg_id = self._session, self.party.plan.call_id, self.party.plan.leg_id
        body = {"control_id": control_id, "verb": verb, **data}
        session.signal_queue.work(call_id, lambda: session.record(f"{verb}.{word}", call_id, leg_id, body))

    async def _terminator(self, job: RecordingJob, terminators: str) -> None:
        while terminators:
            if await self.digits.get() in terminators and job.recorder is not None:
                job.recorder.stop("terminator")

    def digit(self, digit: str) -> None:
        """The party pressed a key."""
        if not self.digits.full():
            self.digits.put_nowait(digit)


def item_of(item: actions.Item, playing: actions.Playing) -> dict[str, Any]:
    """A script's item as `sounding` plays it."""
    match item.kind:
        case "url":
            return {"type": "audio", "url": item.text}
        case "say":
            voice = {"language": playing.language, "voice": playing.voice, "gender": playing.gender}
            return {"type": "tts", "text": item.text, **voice}
        case "silence":
            return {"type": "silence", "duration": item.seconds}
        case _:
            return {"type": "ringtone", "name": item.text, "duration": item.seconds}
