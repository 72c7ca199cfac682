"""What a script's actions do to the call it talks to: the media worker's side of `calling.swml.run`.

Every change of the call goes through the door (`calling.commands.dial`, the session's lane); sound goes to
the party's peer. Outcomes are those `calling.swml.actions` names.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

from calling import models
from calling.machine.plan import ScriptRunPlan
from calling.machine.states import Leg, LegState
from calling.media.files.prepare import Picture
from calling.media.operations.hearing import Hearing
from calling.media.operations.playback import Playback, PlaybackFailed, asker_of, picture_of
from calling.media.operations.recording_job import RecordingJob
from calling.media.session.context import SessionContext
from calling.media.sources import tones
from calling.media.swml_host.background import record_params
from calling.media.swml_host.connect import FAILED, Outcome, item_of
from calling.media.swml_host.spoken import SpokenActions, sentence, voice
from calling.models.ids import uuid7
from calling.outbound_http.client import FetchFailed
from calling.outbound_http.url_guard import UnsafeUrl
from calling.runtime.db_threads import DATABASE_UNAVAILABLE
from calling.swml import actions, load
from calling.swml.checks import BadScript
from calling.swml.parse import Document
from calling.swml.run import Runner

log = logging.getLogger(__name__)
CONFIRM_SECONDS: Final = 120.0
SENTENCE_SECONDS: Final = 60.0


class ScriptHost(SpokenActions):
    """One script run's hands."""

    def __init__(self, plan: ScriptRunPlan, session: SessionContext, row: models.ScriptRun) -> None:
        super().__init__(plan, session, row)
        self.digits: asyncio.Queue[str] = asyncio.Queue(maxsize=256)
        self.guest: ConfirmHost | None = None

    async def perform(self, action: actions.Action) -> Outcome:
        work = PERFORMED.get(type(action))
        return await work(self, action) if work is not None else FAILED

    # --- sound

    async def play(self, action: actions.Play) -> Outcome:
        async with self._told("play", action.playing.status_url) as end:
            outcome = await self._sound(self._sounding(action.playing))
            end(outcome, {})
        return outcome

    @contextlib.asynccontextmanager
    async def _told(self, verb: str, url: str) -> AsyncIterator[Callable[[Outcome, dict[str, Any]], None]]:
        """A step whose beginning and end are told to its status_url, if it has one."""
        control_id = str(uuid7())
        await self.follow(verb, control_id, url)
        if url:
            self._tell(verb, control_id, "started", {})

        def end(outcome: Outcome, data: dict[str, Any]) -> None:
            if url:
                failed = outcome.get("result") == "failed"
                self._tell(verb, control_id, "failed" if failed else "finished", data)

        yield end

    def _sounding(self, playing: actions.Playing) -> Playback:
        items = [item_of(each, playing) for each in playing.items]
        ask = partial(self.session.desk.run, asker_of, self.plan.call_id)
        return Playback(
            items, self.give, volume=playing.volume, loops=playing.loops, picture=self._picture, ask=ask
        )

    def _picture(self) -> Picture:
        peer = self.peer()
        return "vp8" if peer is None else picture_of(peer.port)

    async def _sound(self, sounding: Playback) -> Outcome:
        try:
            return {"result": await sounding.play()}
        except PlaybackFailed as why:
            log.info("A script could not play", extra={"why": str(why)})
            return FAILED

    async def prompt(self, action: actions.Prompt) -> Outcome:
        """Play and take keys or words; the first of them stops the sound. Keys pressed before count."""
        await self.answer(action)
        async with self._told("collect", action.playing.status_url) as end:
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
        hearing = await self.listen(action.speech) if action.speech is not None else None
        if action.speech is not None and hearing is None:
            return FAILED
        loop = asyncio.get_running_loop()
        sounding = self._sounding(action.playing)
        playing = loop.create_task(self._sound(sounding))
        first = loop.create_task(self.digits.get())
        speaking = loop.create_task(voice(hearing)) if hearing is not None else None
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
            self.give(None)

    async def _words(self, speaking: asyncio.Task[None], hearing: Hearing, action: actions.Prompt) -> Outcome:
        if speaking.exception() is not None:
            return FAILED  # the speech worker was lost
        longest = float((action.speech or {}).get("speech_timeout") or SENTENCE_SECONDS)
        return await sentence(hearing, longest)

    def forget_keys(self) -> None:
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
        peer = self.peer()
        sent = peer is not None and peer.port.send_digits(action.digits)
        return {"result": "finished"} if sent else FAILED

    # --- recording

    async def record(self, action: actions.Record) -> Outcome:
        await self.answer(action)
        call_id, leg_id, control_id = self.plan.call_id, self.plan.leg_id, str(uuid7())
        job = RecordingJob(self.session, call_id, leg_id, control_id, record_params(action))
        await self.follow("record", control_id, action.status_url)
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
        session, call_id, leg_id = self.session, self.plan.call_id, self.plan.leg_id
        body = {"control_id": control_id, "verb": verb, **data}
        session.lane.work(call_id, lambda: session.record(f"{verb}.{word}", call_id, leg_id, body))

    async def _terminator(self, job: RecordingJob, terminators: str) -> None:
        while terminators:
            if await self.digits.get() in terminators and job.recorder is not None:
                job.recorder.stop("terminator")

    def digit(self, digit: str) -> None:
        """The party pressed a key."""
        if not self.digits.full():
            self.digits.put_nowait(digit)

    # --- asking who answered

    async def confirm_answer(
        self, target: Leg, device: actions.Device, ringing: asyncio.Task[Outcome] | None
    ) -> bool:
        """Let the target hear the `confirm` steps while the party hears ringing still. A hangup of theirs, an
        error, or no end within two minutes is a no."""
        if ringing is None:
            self.give(tones.ringback())
        plan = ScriptRunPlan(self.plan.run_id, self.plan.call_id, target.id)
        self.guest = guest = ConfirmHost(plan, self.session, self.row)
        guest.give(tones.silence())
        asking = asyncio.get_running_loop().create_task(self._confirm(guest, device))
        try:
            async with asyncio.timeout(CONFIRM_SECONDS):
                asking.add_done_callback(lambda _: self.session.stir())
                while not asking.done() and self._state(target.id) is LegState.ANSWERED:
                    await self.session.change()
            return asking.done() and asking.result() and self._state(target.id) is LegState.ANSWERED
        except TimeoutError:
            return False
        finally:
            asking.cancel()
            guest.give(None)
            self.guest = None

    async def _confirm(self, guest: ConfirmHost, device: actions.Device) -> bool:
        key, run = str(self.row.project.signing_key), self.row.progress.get("envs") or {}
        call = {"call_id": self.plan.call_id, "to": device.to, "project_id": str(self.row.project_id)}
        try:
            if isinstance(device.confirm, list):
                document = Document({"main": device.confirm})
            else:
                body = {"call": call, "vars": {}, "envs": run, "params": {}}
                async with asyncio.timeout(device.confirm_timeout or CONFIRM_SECONDS):
                    document = await load.fetched(str(device.confirm), body, signing_key=key)
            end = await Runner.begin(document, guest, call=call, envs=run, signing_key=key).run()
        except (BadScript, FetchFailed, UnsafeUrl, TimeoutError) as problem:
            log.info("A confirmation could not be asked for", extra={"why": str(problem)[:200]})
            return False
        return not (end.hangup or end.error)

    def digit_of(self, peer_id: str, digit: str) -> None:
        """A party pressed a key: the one that the script talks with, or the one that it asks."""
        for host in (self, self.guest):
            peer = host.peer() if host is not None else None
            if host is not None and peer is not None and peer.plan.peer_id == peer_id:
                host.digit(digit)

    # --- keeping

    async def keep(self, progress: Mapping[str, Any]) -> None:
        """Write down where the script is, so that another worker may go on."""
        run_id, caller = self.row.pk, self.row.progress.get("caller")
        kept = {"run": dict(progress), **({"caller": caller} if caller else {})}
        with contextlib.suppress(*DATABASE_UNAVAILABLE):
            await self.session.desk.run(
                lambda: models.ScriptRun.objects.filter(pk=run_id).update(progress=kept, state="running")
            )


class ConfirmHost(ScriptHost):
    """Who answered a `connect` and is asked first. The run that asks is kept, not this one."""

    async def keep(self, progress: Mapping[str, Any]) -> None:
        """Nothing to go on with in another worker."""


PERFORMED: Final[Mapping[type[actions.Action], Callable[[ScriptHost, Any], Awaitable[Outcome]]]] = {
    actions.Answer: ScriptHost.answer,
    actions.Play: ScriptHost.play,
    actions.Prompt: ScriptHost.prompt,
    actions.SendDigits: ScriptHost.send_digits,
    actions.Record: ScriptHost.record,
    actions.StartRecord: ScriptHost.start_record,
    actions.StopRecord: ScriptHost.stop_record,
    actions.StartStream: ScriptHost.start_stream,
    actions.StopStream: ScriptHost.stop_stream,
    actions.DetectMachine: ScriptHost.detect_machine,
    actions.StartTranscribe: ScriptHost.start_transcribe,
    actions.StopTranscribe: ScriptHost.stop_transcribe,
    actions.ConnectRelay: ScriptHost.connect_relay,
    actions.StartDenoise: ScriptHost.start_denoise,
    actions.StopDenoise: ScriptHost.stop_denoise,
    actions.JoinRoom: ScriptHost.join_room,
    actions.Transfer: ScriptHost.transfer,
    actions.Refer: ScriptHost.refer,
    actions.UserEvent: ScriptHost.user_event,
}
