"""A program or speech worker that is away for a while ends nothing; one that stays away is one failure."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from calling.media.operations.relay import program as program_module
from calling.media.operations.relay import relay as relay_module
from calling.media.operations.relay.messages import Frame
from calling.media.operations.relay.program import Program, ProgramFailed
from calling.media.operations.relay.relay import Relay
from calling.speech import frames
from tests.media.relay.stage import Bot, Party, a_bot, row_of, session_of
from tests.support.wait import until


def link(url: str, took: list[str | bytes] | None = None) -> Program:
    setup: Frame = {"type": "setup", "sessionId": "VX1"}
    take = (took if took is not None else []).append
    return Program(url, signing_key="key", setup=lambda: setup, take=take, allow_private=True)


def kinds(bot: Bot) -> list[str]:
    return [each[1]["type"] for each in bot.told]


async def test_a_cut_connection_is_made_again_and_no_frame_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program_module, "BACKOFF", (0.05,))
    async with a_bot() as (bot, url):
        mine = link(url)
        task = asyncio.create_task(mine.run())
        mine.send({"type": "one"})
        await until(lambda: kinds(bot) == ["setup", "one"])
        assert bot.socket is not None
        bot.socket.transport.abort()
        await until(lambda: not mine.connected.is_set())
        mine.send({"type": "two"})
        mine.send({"type": "three"})
        await until(lambda: kinds(bot) == ["setup", "one", "setup", "two", "three"])
        mine.send({"type": "four"})
        mine.stop()
        await asyncio.wait_for(task, 5)
        await until(lambda: kinds(bot)[-1] == "four")


async def test_a_program_that_closes_in_order_is_the_end_and_not_a_failure() -> None:
    async def brief(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.close()

    async with serve(brief, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        mine = link(f"ws://127.0.0.1:{port}/")
        await asyncio.wait_for(mine.run(), 5)
        assert mine.connects == 1


async def test_a_program_that_stays_away_is_one_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program_module, "BACKOFF", (0.05,))
    monkeypatch.setattr(program_module, "RECONNECT_SECONDS", 0.4)
    async with a_bot() as (bot, url):
        mine = link(url)
        task = asyncio.create_task(mine.run())
        await mine.connected.wait()
        assert bot.socket is not None
        bot.socket.transport.abort()
    with pytest.raises(ProgramFailed, match="program_lost"):
        await asyncio.wait_for(task, 10)
    with pytest.raises(ProgramFailed, match="program_unreachable"):
        await asyncio.wait_for(link(url).run(), 10)


async def test_a_refusal_is_not_asked_again() -> None:
    asked: list[str] = []

    def refuse(connection: ServerConnection, request: Request) -> Response:
        asked.append(request.headers["X-Twilio-Signature"])
        return connection.respond(HTTPStatus.NOT_FOUND, "no")

    async with serve(lambda socket: socket.wait_closed(), "127.0.0.1", 0, process_request=refuse) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        with pytest.raises(ProgramFailed, match="program_unreachable"):
            await asyncio.wait_for(link(f"ws://127.0.0.1:{port}/").run(), 20)
    assert len(asked) == 1 and asked[0]


@pytest.mark.parametrize("url", ["ws://127.0.0.1:9/", "wss://10.0.0.1/", "wss://[::1]/"])
async def test_an_inside_address_is_refused(url: str) -> None:
    mine = Program(url, signing_key="", setup=dict, take=print, allow_private=False)
    with pytest.raises(ProgramFailed):
        await asyncio.wait_for(mine.run(), 5)


async def test_huge_frames_break_the_connection_and_not_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program_module, "BACKOFF", (0.01,))
    monkeypatch.setattr(program_module, "MAX_CONNECTS", 3)
    took: list[str | bytes] = []

    async def huge(socket: ServerConnection) -> None:
        await socket.send("x" * 200_000)
        await socket.send("x" * 1_000_000)
        await socket.wait_closed()

    async with serve(huge, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        with pytest.raises(ProgramFailed, match="program_lost"):
            await asyncio.wait_for(link(f"ws://127.0.0.1:{port}/", took).run(), 20)
    assert all(len(each) <= 200_000 for each in took)


@pytest.mark.soak_only
async def test_a_program_that_reads_nothing_fails_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program_module, "MOST_WAITING", 5)
    monkeypatch.setattr(program_module, "SEND_SECONDS", 0.3)
    monkeypatch.setattr(program_module, "RECONNECT_SECONDS", 0.1)
    over = asyncio.Event()

    async def deaf(socket: ServerConnection) -> None:
        socket.transport.pause_reading()
        await over.wait()
        socket.transport.abort()

    async with serve(deaf, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        mine = link(f"ws://127.0.0.1:{port}/")
        task = asyncio.create_task(mine.run())
        await mine.connected.wait()
        for _ in range(200):
            mine.send({"type": "prompt", "voicePrompt": "x" * 60_000})
            await asyncio.sleep(0.005)
        with pytest.raises(ProgramFailed):
            await asyncio.wait_for(task, 20)
        over.set()


class Ears:
    """A speech worker that may be killed, and says what the test says."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.asked: list[dict[str, Any]] = []
        self.writers: list[asyncio.StreamWriter] = []
        self.refuses = ""
        self.server: asyncio.Server | None = None

    async def begin(self) -> None:
        self.place.parent.mkdir(exist_ok=True)
        self.server = await asyncio.start_unix_server(self._listen, self.place)

    def kill(self) -> None:
        assert self.server is not None
        self.server.close()
        self.place.unlink(missing_ok=True)
        for writer in self.writers:
            writer.transport.abort()

    def say(self, **words: Any) -> None:
        self.writers[-1].write(frames.of_words(words))

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        incoming = frames.FrameReader()
        while data := await reader.read(65536):
            for frame in incoming.feed(data):
                if isinstance(frame, dict) and "job" in frame:
                    self.asked.append(frame)
                    failed = {"say": "failed", "reason": self.refuses}
                    writer.write(frames.of_words(failed if self.refuses else {"say": "ready"}))
                    self.writers += [] if self.refuses else [writer]


@pytest.fixture
async def ears(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ears]:
    settings.CALLWRIGHT_SPEECH_WORKERS, settings.CALLWRIGHT_SPEECH_SOCKETS = 1, tmp_path / "s"
    settings.CALLWRIGHT_ALLOW_PRIVATE_URLS = True
    monkeypatch.setattr(relay_module, "HEAR_AGAIN", (0.1, 0.1, 0.1))
    found = Ears(tmp_path / "s" / "1.sock")
    await found.begin()
    yield found
    found.kill()


async def over(relay: Relay) -> None:
    assert relay.task is not None
    relay.task.cancel()
    await asyncio.gather(relay.task, return_exceptions=True)


async def test_another_speech_worker_takes_the_place_of_a_lost_one(ears: Ears) -> None:
    async with a_bot() as (bot, url):
        relay = Relay(row_of(url), session_of(Party()))
        relay.begin()
        await until(lambda: len(ears.writers) == 1 and kinds(bot) == ["setup"])
        ears.say(say="final", text="Hello.", start_ms=0)
        await until(lambda: kinds(bot) == ["setup", "prompt"])
        ears.kill()
        await ears.begin()
        await until(lambda: len(ears.writers) == 2 and kinds(bot)[-1] == "error")
        ears.say(say="final", text="Again.", start_ms=0)
        await until(lambda: kinds(bot)[-1] == "prompt")
        await over(relay)


async def test_a_relay_without_ears_for_too_long_fails(ears: Ears) -> None:
    party, told = Party(), []
    session = session_of(party)
    async with a_bot() as (bot, url):
        relay = Relay(row_of(url), session)
        relay.report = lambda state, event, result: told.append((state, result))  # type: ignore[method-assign]
        relay.begin()
        await until(lambda: len(ears.writers) == 1)
        ears.kill()
        assert relay.task is not None
        await asyncio.wait_for(relay.task, 10)
        await until(lambda: kinds(bot)[-1] == "error")
    assert told[-1] == ("failed", {"reason": "speech_unavailable"})
    assert party._ears == []


async def test_another_language_is_heard_by_a_new_ear_or_the_old_one_stays(ears: Ears) -> None:
    async with a_bot() as (bot, url):
        relay = Relay(row_of(url), session_of(Party()))
        relay.begin()
        await until(lambda: len(ears.writers) == 1 and kinds(bot) == ["setup"])
        ears.refuses = "not there"
        await bot.say(type="language", transcriptionLanguage="de-DE")
        await until(lambda: kinds(bot)[-1] == "error")
        ears.say(say="final", text="Still English.", start_ms=0)
        await until(lambda: bot.told[-1][1].get("lang") == "en-US")
        ears.refuses = ""
        await bot.say(type="language", transcriptionLanguage="fr-FR")
        await until(lambda: len(ears.writers) == 2)
        assert (ears.asked[-1]["language"], ears.asked[-1]["model"]) == ("fr-FR", "accurate")
        ears.say(say="final", text="Bonjour.", start_ms=0)
        await until(lambda: bot.told[-1][1].get("lang") == "fr-FR")
        await over(relay)


async def test_a_program_that_says_nothing_hears_everything(ears: Ears) -> None:
    party = Party()
    async with a_bot() as (bot, url):
        relay = Relay(row_of(url, digits=True), session_of(party))
        relay.begin()
        await until(lambda: len(ears.writers) == 1 and kinds(bot) == ["setup"])
        ears.say(say="onset")
        ears.say(say="voice", start_ms=0)
        ears.say(say="quiet", end_ms=900)
        ears.say(say="partial", text="Hel", start_ms=0)
        ears.say(say="final", text="Hello?", start_ms=0)
        await until(lambda: kinds(bot) == ["setup", "prompt"])
        relay.press("5")
        await until(lambda: kinds(bot) == ["setup", "prompt", "dtmf"])
        await over(relay)


@pytest.mark.needs("espeak-ng")
@pytest.mark.parametrize(("state", "said"), [("wanted", ["One. ", "Two. "]), ("running", ["Two. "])])
async def test_the_greeting_comes_before_all_else_and_from_the_first_worker_alone(
    ears: Ears, state: str, said: list[str]
) -> None:
    async with a_bot() as (bot, url):
        row = row_of(url, greeting="One. ", debug=["tokens-played"])
        relay = Relay(dataclasses.replace(row, state=state), session_of(Party()))
        relay.begin()
        await until(lambda: bot.socket is not None)
        await bot.say(type="text", token="Two. ", last=True)
        await until(lambda: kinds(bot).count("info") == len(said), 15)
        assert [each[1]["value"] for each in bot.told if each[1]["type"] == "info"] == said
        await over(relay)


async def test_languages_that_the_program_changed_outlive_the_worker(ears: Ears) -> None:
    kept: list[dict[str, Any]] = []
    async with a_bot() as (bot, url):
        row = row_of(url, debug=["tokens-played"])
        first = Relay(row, session_of(Party()))
        first.report = lambda state, event, result: kept.extend([result] * (state == "running"))  # type: ignore[method-assign]
        first.begin()
        await until(lambda: len(ears.writers) == 1 and kinds(bot) == ["setup"])
        await bot.say(type="language", ttsLanguage="es-ES", transcriptionLanguage="de-DE")
        await until(lambda: len(ears.writers) == 2)
        first.wanted = dataclasses.replace(row, state="running")
        await until(lambda: bool(kept) and kept[-1].get("hears", {}).get("language") == "de-DE")
        await over(first)
        second = Relay(dataclasses.replace(row, state="running", result=kept[-1]), session_of(Party()))
        second.begin()
        await until(lambda: len(ears.writers) == 3)
        assert (ears.asked[-1]["language"], ears.asked[-1]["model"]) == ("de-DE", "accurate")
        assert second._conversation.language == "es-ES"
        await until(lambda: kinds(bot).count("setup") == 2)
        ears.say(say="final", text="Hallo.", start_ms=0)
        await until(lambda: bot.told[-1][1].get("lang") == "de-DE")
        await over(second)
