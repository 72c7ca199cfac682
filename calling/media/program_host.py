"""What a script's actions do to the call it talks to: the media worker's side of `calling.scripts.run`.

Every change of the call goes through the door (`calling.placing`, the session's lane); sound goes to the
party's peer. Outcomes are those `calling.scripts.actions` names.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from calling import dialling, models, placing
from calling.machine import inputs
from calling.machine.plan import ProgramPlan
from calling.machine.states import Call, Leg, LegState
from calling.media.desk import AWAY
from calling.media.program_facts import caller_of, item_of, new_targets, problem_code
from calling.media.recording_job import Job
from calling.media.sounding import CannotPlay, Sounding
from calling.media.stream import StreamFailed
from calling.media.stream_job import StreamJob
from calling.models.ids import uuid7
from calling.scripts import actions
from subscribers.addressing import slugify_reference
from subscribers.http.problems import ApiError
from tokens.subjects import ApiKey

if TYPE_CHECKING:
    from calling.media.session import Session

log = logging.getLogger(__name__)
ANSWER_SECONDS: Final = 10.0
MAX_ROOM_NAME = 64
LOOK_SECONDS: Final = 0.05
STALE_SECONDS: Final = 5.0
Outcome = Mapping[str, Any]
FAILED: Final[Outcome] = {"result": "failed"}


class ProgramHost:
    """One script run's hands. `plan` may change: another leg may become the one it talks with."""

    def __init__(self, plan: ProgramPlan, session: Session, row: models.ScriptRun, key: str) -> None:
        self.plan, self.session, self.row = plan, session, row
        self.digits: asyncio.Queue[str] = asyncio.Queue(maxsize=256)
        self._key = key
        self._records: dict[str, tuple[Job, asyncio.Task[dict[str, Any]]]] = {}
        self._streams: dict[str, tuple[StreamJob, asyncio.Task[None]]] = {}

    # --- whom it talks with

    @property
    def call(self) -> Call | None:
        return self.session.calls.get(self.plan.call_id)

    def peer(self) -> Any:
        return self.session.peer_of_leg(self.plan.leg_id) if self.plan.leg_id else None

    def give(self, source: Any) -> None:
        """Let the party hear something, or None: the call again."""
        peer = self.peer()
        if peer is not None:
            peer.play(source)

    async def _until(self, test: Callable[[], object], seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not test():
                    await asyncio.sleep(LOOK_SECONDS)
                return True
        return False

    # --- answering and sound

    async def answer(self, action: actions.Answer | actions.Play) -> None:
        """Take the call, where it is the script's to take, and wait until sound can flow."""
        app = self.session.leg(self.plan.app_leg_id) if self.plan.app_leg_id else None
        if app is not None and app.state is LegState.RINGING:
            self.session.lane.signal(self.plan.call_id, inputs.AppAnswered(app.id))
            await self._until(lambda: self._state(app.id) is not LegState.RINGING, ANSWER_SECONDS)
        await self._until(lambda: (peer := self.peer()) is None or peer.up, ANSWER_SECONDS)

    def _state(self, leg_id: str) -> LegState | None:
        leg = self.session.leg(leg_id)
        return leg.state if leg is not None else None

    async def play(self, action: actions.Play) -> Outcome:
        return await self._sound(self._sounding(action.playing))

    def _sounding(self, playing: actions.Playing) -> Sounding:
        items = [item_of(each, playing) for each in playing.items]
        return Sounding(items, self.give, volume=playing.volume, loops=playing.loops)

    async def _sound(self, sounding: Sounding) -> Outcome:
        try:
            return {"result": await sounding.play()}
        except CannotPlay as why:
            log.info("A script could not play", extra={"why": str(why)})
            return FAILED

    async def prompt(self, action: actions.Prompt) -> Outcome:
        """Play and take keys; the first key stops the sound. Keys pressed before count."""
        await self.answer(actions.Answer(action.path))
        sounding = self._sounding(action.playing)
        playing = asyncio.get_running_loop().create_task(self._sound(sounding))
        first = asyncio.get_running_loop().create_task(self.digits.get())
        try:
            await asyncio.wait({playing, first}, return_when=asyncio.FIRST_COMPLETED)
            if not first.done():
                await asyncio.wait({first}, timeout=action.initial_timeout)
            sounding.stop()
            await playing
            if not first.done():
                return FAILED if playing.result() == FAILED else {"result": "no_input"}
            return await self._digits(first.result(), action)
        finally:
            for task in (playing, first):
                task.cancel()
            self.give(None)

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

    # --- recording and streams

    async def record(self, action: actions.Record) -> Outcome:
        await self.answer(actions.Answer(action.path))
        job = self._job(action, str(uuid7()))
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

    def _job(self, action: actions.Record, control_id: str) -> Job:
        names = (
            "format",
            "stereo",
            "direction",
            "beep",
            "initial_timeout",
            "end_silence_timeout",
            "max_length",
        )
        params = {name: getattr(action, name) for name in names}
        return Job(self.session, self.plan.call_id, self.plan.leg_id, control_id, {**params, "script": True})

    async def _begin(self, job: Job) -> None:
        try:
            begun = await job.start()
        except OSError:
            self._tell(job, "record.failed", {"reason": "the recording could not be written"})
            raise
        self._tell(job, "record.started", begun)

    async def _finish(self, job: Job) -> dict[str, Any]:
        try:
            found = await job.finish()
        except OSError as problem:
            self._tell(job, "record.failed", {"reason": problem.strerror or "error"})
            raise
        self._tell(job, "record.finished", found)
        return found

    def _tell(self, job: Job, type: str, data: dict[str, Any]) -> None:
        session, call_id, leg_id = self.session, job.call_id, job.leg_id
        body = {"control_id": job.control_id, "verb": "record", **data}
        session.lane.work(call_id, lambda: session.record(type, call_id, leg_id, body))

    async def _terminator(self, job: Job, terminators: str) -> None:
        while terminators:
            if await self.digits.get() in terminators and job.recorder is not None:
                job.recorder.stop("terminator")

    async def start_record(self, action: actions.StartRecord) -> Outcome:
        await self.answer(actions.Answer(action.path))
        control_id = action.control_id or str(uuid7())
        if control_id in self._records:
            return FAILED
        job = self._job(action, control_id)
        try:
            await self._begin(job)
        except OSError:
            return FAILED
        self._records[control_id] = (job, asyncio.get_running_loop().create_task(self._finish(job)))
        return {"result": "success", "control_id": control_id}

    async def stop_record(self, action: actions.StopRecord) -> Outcome:
        control_id = action.control_id or next(iter(self._records), "")
        job, ending = self._records.pop(control_id, (None, None))
        if job is None or ending is None:
            return FAILED
        job.stop()
        try:
            return {"result": "success", "control_id": control_id, **await ending}
        except OSError:
            return FAILED

    async def start_stream(self, action: actions.StartStream) -> Outcome:
        control_id = action.control_id or str(uuid7())
        if self.plan.leg_id is None or control_id in self._streams:
            return FAILED
        await self.answer(actions.Answer(action.path))
        params = {
            "url": action.url,
            "track": action.track,
            "codec": action.codec,
            "bidirectional": action.bidirectional,
            "authorization_bearer_token": action.bearer,
            "custom_parameters": {str(name): str(value) for name, value in action.parameters.items()},
        }
        project = str(self.row.project_id)
        job = StreamJob(self.session, self.plan.call_id, self.plan.leg_id, params, project, self._key)
        task = asyncio.get_running_loop().create_task(self._hold_stream(job))
        self._streams[control_id] = (job, task)
        return {"result": "success", "control_id": control_id}

    async def _hold_stream(self, job: StreamJob) -> None:
        try:
            await job.run()
        except StreamFailed as why:
            log.info("A script's stream failed", extra={"why": str(why)})

    async def stop_stream(self, action: actions.StopStream) -> Outcome:
        control_id = action.control_id or next(iter(self._streams), "")
        job, task = self._streams.pop(control_id, (None, None))
        if job is None or task is None:
            return FAILED
        job.stop()
        await asyncio.wait({task}, timeout=3)
        return {"result": "success"}

    def digit(self, digit: str) -> None:
        """The party pressed a key."""
        for job, _ in self._streams.values():
            job.digit(digit)
        if not self.digits.full():
            self.digits.put_nowait(digit)

    # --- other parties

    async def connect(self, group: tuple[actions.Device, ...], action: actions.Connect) -> Outcome:
        await self.answer(actions.Answer(action.path))
        allowed, reason = await self._reachable(group)
        if not allowed:
            return {"result": "failed", "reason": reason}
        seconds = int(max(device.timeout for device in group))
        ringing = None
        if action.ringback is not None:
            ringing = asyncio.get_running_loop().create_task(self._sound(self._sounding(action.ringback)))
        try:
            return await self._bridge(allowed, seconds, ringing)
        finally:
            if ringing is not None and not ringing.done():
                ringing.cancel()

    async def _reachable(self, group: tuple[actions.Device, ...]) -> tuple[list[str], str]:
        """The destinations that may be dialled, and why the last one may not."""
        allowed, reason = [], "failed"
        for device in group:
            try:
                if device.from_caller:
                    await self.session.desk.run(dialling.find, caller_of(self.row), device.to)
                await self.session.desk.run(dialling.find, self._project(), device.to)
                allowed.append(device.to)
            except ApiError as problem:
                reason = problem_code(problem)
            except AWAY:
                reason = "unavailable"
        return allowed, reason

    def _project(self) -> ApiKey:
        return ApiKey(self.row.project_id)

    async def _bridge(self, to: list[str], seconds: int, ringing: asyncio.Task[Outcome] | None) -> Outcome:
        leg_id = self.plan.leg_id
        if leg_id is None:
            return {"result": "failed", "reason": "nobody to connect"}
        known = self._known_targets()
        try:
            outcome = await self.session.desk.run(
                placing.connect, self._project(), self.plan.call_id, leg_id, to, seconds
            )
        except ApiError as problem:
            return {"result": "failed", "reason": problem_code(problem)}
        except (inputs.Refused, *AWAY) as problem:
            return {"result": "failed", "reason": str(problem)[:100]}
        self.session.look()
        return await self._follow(new_targets(outcome.call) - known, seconds, ringing)

    def _known_targets(self) -> set[str]:
        call = self.call
        return new_targets(call) if call is not None else set()

    async def _follow(
        self, targets: set[str], seconds: int, ringing: asyncio.Task[Outcome] | None
    ) -> Outcome:
        """Wait until a target answers and leaves again, or all of them fail."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds + STALE_SECONDS
        while loop.time() < until:
            call = self.call
            if call is None:
                return {"result": "failed", "reason": "hangup"}
            legs = [leg for leg in call.legs if leg.id in targets]
            answered = next((leg for leg in legs if leg.answered), None)
            if answered is not None:
                if ringing is not None:
                    ringing.cancel()
                self.give(None)
                await self._while_bridged(answered)
                return {"result": "connected", "peer": answered.address}
            if legs and call.transfer is None and not any(leg.live for leg in legs):
                ended = [leg.end_reason.value for leg in legs if leg.end_reason is not None]
                return {"result": "failed", "reason": ended[-1] if ended else "failed"}
            await asyncio.sleep(LOOK_SECONDS)
        return {"result": "failed", "reason": "no-answer"}

    async def _while_bridged(self, target: Leg) -> None:
        while self._state(target.id) is LegState.ANSWERED:
            await asyncio.sleep(LOOK_SECONDS)

    async def join_room(self, action: actions.JoinRoom) -> Outcome:
        name = action.name.strip()
        if len(name.rpartition("/")[2]) > MAX_ROOM_NAME:
            return FAILED
        slug = slugify_reference(name) if not name.startswith("/") else ""
        await self.answer(actions.Answer(action.path))
        for address in [name] if not slug else [f"/public/{slug}", f"/private/{slug}"]:
            try:
                await self.session.desk.run(dialling.find, self._project(), address)
            except (ApiError, *AWAY):
                continue
            found = await self._bridge([address], 30, None)
            return {"result": "left"} if found.get("result") == "connected" else found
        return FAILED

    async def transfer(self, action: actions.Transfer) -> Outcome:
        """Hand the party over. When the target answers the run is over; the door ends it."""
        device = actions.Device(action.to, action.from_caller)
        allowed, reason = await self._reachable((device,))
        leg_id = self.plan.leg_id
        if not allowed or leg_id is None:
            return {"result": "failed", "reason": reason}
        known = self._known_targets()
        try:
            outcome = await self.session.desk.run(
                placing.transfer, self._project(), self.plan.call_id, leg_id, action.to
            )
        except (ApiError, inputs.Refused, *AWAY) as problem:
            return {"result": "failed", "reason": str(problem)[:100]}
        self.session.look()
        found = await self._follow(new_targets(outcome.call) - known, 600, None)
        return {"result": "transferred"} if found.get("result") == "connected" else FAILED

    # --- keeping

    async def keep(self, progress: Mapping[str, Any]) -> None:
        """Write down where the script is, so that another worker may go on."""
        run_id, caller = self.row.pk, self.row.progress.get("caller")
        kept = {"run": dict(progress), **({"caller": caller} if caller else {})}
        with contextlib.suppress(*AWAY):
            await self.session.desk.run(
                lambda: models.ScriptRun.objects.filter(pk=run_id).update(progress=kept, state="running")
            )

    async def close(self) -> None:
        """End what runs in the background."""
        for job, _ in self._records.values():
            job.stop()
        for stream, _ in self._streams.values():
            stream.stop()
        tasks = [task for _, task in self._records.values()] + [task for _, task in self._streams.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=3)
            for task in tasks:
                task.cancel()
