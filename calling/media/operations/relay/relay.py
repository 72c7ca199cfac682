"""The `relay` operation: a leg talks with a program of the project that only reads and writes text.

It joins the parts: the program's frames, the ear (a speech worker) and the mouth feed the conversation, and
what this decides is carried out here. The program may be away for a while, and so may the speech worker.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Iterable
from dataclasses import replace
from functools import partial
from typing import Any, Final

import clock
from calling import models
from calling.machine.states import Party
from calling.media.codecs.opus import Pcm
from calling.media.operations.hearing import Hearing
from calling.media.operations.operation import OperationFailed, RunningOperation
from calling.media.operations.playback import asker_of
from calling.media.operations.relay import messages
from calling.media.operations.relay.conversation import Conversation, Wish
from calling.media.operations.relay.effects import Drop, Effect, Finish, Listen, PlayFile, Press, Send, Speak
from calling.media.operations.relay.messages import MODES, Frame
from calling.media.operations.relay.mouth import Mouth, Sounded
from calling.media.operations.relay.program import Program, ProgramFailed
from calling.media.session.context import SessionContext
from calling.media.session.rows import OperationRow
from calling.media.tts import tts
from calling.speech import installed
from calling.speech.link import SpeechFailed
from calling.speech.redaction import redact

TICK_SECONDS: Final = 0.1
HEAR_AGAIN: Final = (0.5, 1.0, 2.0, 4.0, 8.0)  # seconds after which another speech worker is asked
GOODBYE_SECONDS: Final = 2.0
CLOSED, STOPPED = "closed", "stopped"
NUMBERED: Final = 1_000_000_000  # more ms than an ear hears: utterances of two ears are never the same


class Relay(RunningOperation):
    """`relay`: from `setup` to `end`; `relay.started`, then `relay.finished` or `relay.failed`."""

    def __init__(self, wanted: OperationRow, session: SessionContext) -> None:
        super().__init__(wanted, session)
        params = wanted.params
        self.session_id = "VX" + wanted.id.replace("-", "")  # another worker goes on under the same one
        self._leg_id = wanted.leg_id or ""
        self._resumed = wanted.state != "wanted"  # another worker began it
        self._before = dict(wanted.result) if self._resumed else {}
        self._hear_with = {**params["hear"], **self._before.get("hears", {})}
        ask = partial(session.desk.run, asker_of, wanted.call_id)
        self._mouth = Mouth(session, self._leg_id, self._sounded, self._make, ask)
        wish = replace(
            wish_of(params),
            language=str(self._before.get("speaks") or params["language"]),
            heard_language=str(self._hear_with["language"]),
        )
        self._conversation = Conversation(wish, self._mouth.reach)
        self._program: Program | None = None
        self._hearing: Hearing | None = None
        self._ears = 0
        self._finish: asyncio.Future[Finish] | None = None
        self._switching: asyncio.Task[None] | None = None
        self._began = 0.0
        self._kept = self._state()

    async def work(self) -> dict[str, Any]:
        if self.wanted.leg_id is None:
            raise OperationFailed("a relay needs a leg")
        loop = asyncio.get_running_loop()
        self._began, self._finish = loop.time() - self._age(), loop.create_future()
        about, key = await self.session.desk.run(setup_of, self.wanted.call_id)
        setup = {"type": "setup", "sessionId": self.session_id, **about, **self._of_leg()}
        self._program = Program(
            str(self.wanted.params["url"]), signing_key=key, setup=lambda: setup, take=self._take
        )
        holding = loop.create_task(self._hold(self._program))
        working = [loop.create_task(each) for each in (self._listen(), self._keys(), self._time())]
        stopping = loop.create_task(self.stopped.wait())
        beginning = loop.create_task(self._begin())
        try:
            parts: set[asyncio.Future[Any]] = {self._finish, holding, stopping, *working}
            done, _ = await asyncio.wait({beginning, *parts}, return_when=asyncio.FIRST_COMPLETED)
            if done == {beginning}:
                beginning.result()
                done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            return await self._over(done, holding)
        except (SpeechFailed, ProgramFailed) as why:
            raise OperationFailed(str(why)) from why
        finally:
            for task in (*working, stopping, beginning, *filter(None, (self._switching,))):
                task.cancel()
            self._mouth.close()
            if self._hearing is not None:
                self._hearing.close()
            await self._goodbye(holding)

    async def _hold(self, program: Program) -> None:
        """An ear, then the program until that is gone. Raises SpeechFailed or ProgramFailed."""
        await self._hear(self._ask())
        await program.run()

    async def _begin(self) -> None:
        """Both the ear and the program are there: the greeting, before anything that the program says."""
        assert self._program is not None
        await self._program.connected.wait()
        about = {name: self._hear_with[name] for name in ("model", "language")}
        self.started({"session_id": self.session_id, **about})
        if not self._resumed:  # a worker that takes over does not greet again
            self._do(self._conversation.begin())

    def _of_leg(self) -> Frame:
        """What of `setup` the leg says."""
        leg = self.session.leg(self._leg_id)
        line = "WEBRTC"
        if leg is not None and leg.party is Party.SIP:
            line = "PSTN" if leg.address.startswith("+") else "SIP"
        return {"callType": line, "customParameters": self.wanted.params.get("parameters") or {}}

    async def _over(self, done: Iterable[asyncio.Future[Any]], holding: asyncio.Task[None]) -> dict[str, Any]:
        """What ended it. Raises what a part failed with."""
        assert self._finish is not None
        if self._finish in done:
            finish = self._finish.result()
            if finish.reason != "ended":
                raise OperationFailed(finish.reason)
            handoff = {} if finish.handoff is None else {"handoff_data": finish.handoff}
            return {**self.remains(), "reason": finish.reason, **handoff}
        for task in done:
            task.result()
        return {**self.remains(), "reason": CLOSED if holding in done else STOPPED}

    def remains(self) -> dict[str, Any]:
        spent = asyncio.get_running_loop().time() - self._began if self._began else 0.0
        return {"session_id": self.session_id, **self._counts(), "duration_ms": round(spent * 1000)}

    def _age(self) -> float:
        """How many seconds it has gone on, elsewhere."""
        created = self.wanted.created_at if self._resumed else None
        return 0.0 if created is None else max(0.0, (clock.now() - created).total_seconds())

    def _counts(self) -> dict[str, int]:
        """Of all its workers."""
        talk = self._conversation
        now = {"prompts": talk.prompts, "interrupts": talk.interrupts}
        return {name: count + int(self._before.get(name) or 0) for name, count in now.items()}

    def _state(self) -> dict[str, Any]:
        """What another worker goes on with."""
        hears = {name: self._hear_with[name] for name in ("model", "language")}
        return {**self._counts(), "speaks": self._conversation.language, "hears": hears}

    def _keep(self) -> None:
        """The state into the row, once the operation runs."""
        state = self._state()
        if state != self._kept and self.wanted.state == "running":
            self._kept = state
            self.report("running", None, state)

    async def _goodbye(self, holding: asyncio.Task[None]) -> None:
        """The last frames go out, where there is somebody to take them."""
        if self._program is not None and self._program.connected.is_set():
            self._program.stop()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({holding}, timeout=GOODBYE_SECONDS)
        holding.cancel()
        with contextlib.suppress(asyncio.CancelledError, ProgramFailed, SpeechFailed):
            await holding

    # --- what comes in

    def _take(self, data: str | bytes) -> None:
        self._do(self._conversation.take(data, self._now()))

    async def _keys(self) -> None:
        while True:
            digit = await self.digits.get()
            self._do(self._conversation.digit(digit, self._now()))

    async def _time(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self._do(self._conversation.tick(self._now()))
            self._keep()

    async def _listen(self) -> None:
        """The caller's voice and words, as long as there is a speech worker. Raises SpeechFailed."""
        lost = 0
        while True:
            hearing = self._hearing
            if hearing is None:
                await asyncio.sleep(TICK_SECONDS)
                continue
            try:
                self._heard(await hearing.words(), self._ears)
                lost = 0
            except SpeechFailed:
                if hearing is not self._hearing:
                    continue  # another one took its place
                self._do([Send(messages.error("The speech recogniser was lost."))])
                await self._hear_again(lost)
                lost += 1

    def _heard(self, said: dict[str, Any], ear: int) -> None:
        talk, word = self._conversation, said.get("say")
        start = int(said.get("start_ms") or 0) + ear * NUMBERED
        if word == "onset":
            self._do(talk.onset(self._now()))
        elif word == "voice":
            self._do(talk.voice(start, self._now()))
        elif word == "quiet":
            self._do(talk.quiet())
        elif word in ("partial", "final"):
            text = str(said.get("text") or "")
            if kinds := self.wanted.params.get("redact"):
                text = redact(text, kinds, str(self._hear_with["language"]))
            self._do(talk.words(text, start, last=word == "final"))

    def _sounded(self, word: Sounded, number: int, why: str) -> None:
        """The mouth tells what became of a piece."""
        talk = self._conversation
        match word:
            case "started":
                self._do(talk.started(number, self._now()))
            case "ended":
                self._do(talk.ended(number))
            case "failed":
                self._do(talk.failed(number, why))

    # --- what goes out

    def _do(self, effects: Iterable[Effect]) -> None:
        program = self._program
        for effect in effects:
            match effect:
                case Send(frame=frame):
                    if program is not None:
                        program.send(frame)
                case Speak(number=number, text=text, language=language):
                    self._mouth.speak(number, text, language)
                case PlayFile(number=number, url=url, loops=loops):
                    self._mouth.play(number, url, loops)
                case Drop(numbers=numbers):
                    self._mouth.drop(numbers)
                case Press(digits=digits):
                    self._press(digits)
                case Listen(language=language):
                    self._switch(self._understand(language))
                case Finish():
                    if self._finish is not None and not self._finish.done():
                        self._finish.set_result(effect)

    async def _make(self, text: str, language: str) -> Pcm:
        params = self.wanted.params
        return await tts.speak(
            text,
            language=language,
            voice=str(params.get("voice") or ""),
            gender=str(params.get("gender") or ""),
            ask=partial(self.session.desk.run, asker_of, self.wanted.call_id),
        )

    def _press(self, digits: str) -> None:
        peer = self.session.peer_of_leg(self._leg_id)
        if peer is None or not peer.port.send_digits(digits):
            self._do([Send(messages.error("The caller cannot receive digits."))])

    # --- the ear

    def _ask(self) -> dict[str, Any]:
        partial = bool(self.wanted.params["partial"])
        return {"job": "transcribe", **self._hear_with, "partial": partial, "onset": True, "early": True}

    async def _hear(self, ask: dict[str, Any]) -> None:
        """Another ear in the place of the present one. Raises SpeechFailed, and then nothing changes."""
        hearing = Hearing(self.session, self._leg_id)
        try:
            await hearing.open(ask)
        except BaseException:
            hearing.close()
            raise
        before, self._hearing = self._hearing, hearing
        self._ears += 1
        if before is not None:
            before.close()

    async def _hear_again(self, lost: int) -> None:
        """A worker of the same kind, once there is one. Raises SpeechFailed."""
        for number, seconds in enumerate(HEAR_AGAIN[lost:]):
            await asyncio.sleep(seconds)
            try:
                await self._hear(self._ask())
                return
            except SpeechFailed:
                if number + lost == len(HEAR_AGAIN) - 1:
                    raise
        raise SpeechFailed("speech_worker_lost")

    async def _understand(self, language: str) -> None:
        """Words of another language from now on; where that cannot be, the program is told."""
        ask = self._ask()
        english = language.partition("-")[0].lower() == "en"
        if ask["model"] == installed.QUICK and not english:
            ask["model"] = installed.ACCURATE
        try:
            await self._hear({**ask, "language": language})
        except SpeechFailed as why:
            self._do([Send(messages.error(f"{language} cannot be understood: {why}"))])
            return
        self._hear_with |= {"model": ask["model"], "language": language}
        self._conversation.listening(language)

    def _switch(self, work: Coroutine[Any, Any, None]) -> None:
        if self._switching is not None:
            self._switching.cancel()
        self._switching = asyncio.get_running_loop().create_task(work)

    def _now(self) -> int:
        return round(asyncio.get_running_loop().time() * 1000)


def wish_of(params: dict[str, Any]) -> Wish:
    """The conversation's own part of an operation's params."""
    return Wish(
        language=str(params["language"]),
        heard_language=str(params["hear"]["language"]),
        greeting=str(params.get("greeting") or ""),
        greeting_interruptible=MODES[params["greeting_interruptible"]],
        interruptible=MODES[params["interruptible"]],
        preemptible=bool(params["preemptible"]),
        digits=bool(params["digits"]),
        partial=bool(params["partial"]),
        report=MODES[params["report"]],
        debug=frozenset(params["debug"]),
    )


def setup_of(call_id: str) -> tuple[Frame, str]:
    """(what `setup` says of a call, the key that signs the upgrade). Blocking."""
    row = models.Call.objects.select_related("project").get(pk=call_id)
    about = {
        "accountSid": str(row.project_id),
        "parentCallSid": "",
        "callSid": str(row.pk),
        "from": row.from_address,
        "to": row.to_address,
        "forwardedFrom": row.diverted_from,
        "callerName": row.from_name,
        "direction": "outbound-api" if row.api_dialled else "inbound",
        "callStatus": "in-progress",
    }
    return about, str(row.project.signing_key)
