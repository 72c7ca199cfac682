"""Who answers a call is told by a speech worker of its own, and its death costs the call nothing."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calling import models
from calling.commands import operations
from calling.media.codecs.sent_away import PacketHearer
from calling.speech import frames
from tests.e2e import callers
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.support.people import Cast
from tests.support.wait import wait_for

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.processes,
    pytest.mark.timeout(180),
    pytest.mark.sample(1),
]
TRANSCRIBE = {"model": "quick", "language": "en-US", "hints": [], "partial": True, "end_silence_ms": 700}
PARAMS = {"timeout": 60, "wait_for_beep": True, "initial_timeout": 60}


@pytest.fixture
def hearing(
    start_worker: Callable[..., WorkerProcess], child_environment: dict[str, str], tmp_path: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A media worker, and a speech worker beside it."""
    environment = {
        **child_environment,
        "CALLWRIGHT_DATA_DIR": str(tmp_path),
        "CALLWRIGHT_SPEECH_WORKERS": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "manage.py", "speech"], env=environment, start_new_session=True
    )
    start_worker(CALLWRIGHT_SPEECH_WORKERS="1")
    wait_for((tmp_path / "speech" / "1.sock").exists, 60, "the speech worker")
    assert os.getpriority(os.PRIO_PROCESS, process.pid) > os.getpriority(os.PRIO_PROCESS, 0), "calls go first"
    yield process
    process.kill()
    process.wait(5)


def told(call_id: str) -> list[tuple[str, dict[str, Any]]]:
    rows = models.Event.objects.filter(call_id=call_id, type__regex="^(detect|transcribe|denoise)[.]")
    return [(row.type.partition(".")[2], json.loads(row.body)["data"]) for row in rows.order_by("sequence")]


async def until_told(call_id: str, word: str, seconds: float = 15) -> dict[str, Any]:
    for _ in range(int(seconds * 10)):
        for found, data in await callers.in_thread(told, call_id):
            if found == word:
                return data
        await asyncio.sleep(0.1)
    raise AssertionError(f"no detect.{word}: {await callers.in_thread(told, call_id)}")


async def hear_tones(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A speech worker whose words are the tone that it hears, told once."""
    incoming, hearer, heard, said = frames.FrameReader(), PacketHearer(), [], False
    while data := await reader.read(65536):
        for frame in incoming.feed(data):
            if isinstance(frame, frames.Packets):
                heard += hearer.hear(frame)
                if len(heard) >= 100 and not said:
                    said = True
                    spectrum = np.abs(np.fft.rfft(np.concatenate(heard[50:100])))
                    text = f"{round(float(spectrum.argmax()))} Hz"
                    final = {"say": "final", "text": text, "start_ms": 1000, "end_ms": 2000, "confidence": 1}
                    writer.write(frames.of_words(final))
            elif frame.get("job") == "transcribe":
                writer.write(frames.of_words({"say": "ready"}))
            elif frame.get("say") == "end":
                writer.write(frames.of_words({"say": "finished", "dropped_ms": 40}))


async def test_what_each_party_says_is_told_with_its_leg(
    cast: Cast, start_worker: Callable[..., WorkerProcess], tmp_path: Path
) -> None:
    (tmp_path / "speech").mkdir()
    server = await asyncio.start_unix_server(hear_tones, tmp_path / "speech" / "1.sock")
    await asyncio.to_thread(start_worker, wait=False, CALLWRIGHT_SPEECH_WORKERS="1")
    for _ in range(600):
        if await callers.in_thread(models.MediaWorker.objects.exists):
            break
        await asyncio.sleep(0.1)
    alice, bob = Phone(500), Phone(2100)
    device = await callers.come_online(cast.bob)
    call_id = await callers.dial(cast.alice, alice, cast.bob.address)
    await callers.pick_up(cast.bob, bob, call_id, device)
    await callers.hears(alice, 2100)
    await callers.in_thread(operations.operate, call_id, None, "transcribe", "words", TRANSCRIBE)
    for _ in range(150):
        finals = [data for word, data in await callers.in_thread(told, call_id) if word == "final"]
        if len(finals) == 2:
            break
        await asyncio.sleep(0.1)
    legs = {role: (await callers.leg(call_id, role)).id for role in ("caller", "callee")}
    said = {data["leg_id"]: data["text"] for data in finals}
    assert said == {legs["caller"]: "500 Hz", legs["callee"]: "2100 Hz"}
    assert {(data["start_ms"], data["end_ms"], data["control_id"]) for data in finals} == {
        (1000, 2000, "words")
    }
    await callers.in_thread(operations.control_operation, call_id, "transcribe", "words", "stop")
    finished = await until_told(call_id, "finished")
    assert (finished["segments"], finished["dropped_ms"]) == (2, 80) and "2100 Hz" in finished["text"]
    await asyncio.gather(alice.close(), bob.close())
    server.close()


async def speak_after_a_second(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A speech worker that hears a voice after a second and knows its words half a second later."""
    incoming, heard = frames.FrameReader(), 0
    while data := await reader.read(65536):
        for frame in incoming.feed(data):
            if isinstance(frame, frames.Packets):
                before, heard = heard, heard + frame.steps
                if before < 50 <= heard:
                    writer.write(frames.of_words({"say": "voice", "start_ms": 1000}))
                if before < 75 <= heard:
                    said = {"say": "final", "text": "Sales, please.", "confidence": 0.9}
                    writer.write(frames.of_words({**said, "start_ms": 1000, "end_ms": 1400}))
            elif frame.get("job") == "transcribe":
                writer.write(frames.of_words({"say": "ready"}))


async def test_words_or_digits_end_a_collect_whichever_come_first(
    cast: Cast, start_worker: Callable[..., WorkerProcess], tmp_path: Path
) -> None:
    (tmp_path / "speech").mkdir()
    server = await asyncio.start_unix_server(speak_after_a_second, tmp_path / "speech" / "1.sock")
    await asyncio.to_thread(start_worker, wait=False, CALLWRIGHT_SPEECH_WORKERS="1")
    await callers.in_thread(wait_for, models.MediaWorker.objects.exists, 60, "the worker")
    alice, bob = Phone(500), Phone(2100)
    device = await callers.come_online(cast.bob)
    call_id = await callers.dial(cast.alice, alice, cast.bob.address)
    await callers.pick_up(cast.bob, bob, call_id, device)
    await callers.hears(alice, 2100)
    leg_id = (await callers.leg(call_id, "caller")).id
    spoken = {**TRANSCRIBE, "partial": False, "speech_timeout": 5}
    digits = {"max": 1, "terminators": "#", "digit_timeout": 1}

    async def collected(name: str, pressed: str = "", **params: Any) -> dict[str, Any]:
        asked = {"digits": digits, "speech": spoken, "initial_timeout": 1.2, **params}
        await callers.in_thread(operations.operate, call_id, leg_id, "collect", name, asked)
        if pressed:
            await asyncio.sleep(0.5)
            keys = {"digits": pressed}
            answer = await callers.in_thread(cast.alice.rest.post, f"/api/calls/{call_id}/dtmf", keys)
            assert answer.status_code == 200
        row = await callers.in_thread(ended, call_id, name)
        assert row.state == "finished", row.result
        result: dict[str, Any] = row.result["result"]
        return result

    words = {"type": "speech", "params": {"text": "Sales, please.", "confidence": 0.9}}
    assert await collected("words") == words
    assert await collected("alone", pressed="7", digits=None) == words
    pressed = await collected("digits", pressed="7")
    assert (pressed["type"], pressed["params"]["digits"]) == ("digit", "7")
    assert await collected("nothing", initial_timeout=0.3) == {"type": "no_input", "params": {}}
    await asyncio.gather(alice.close(), bob.close())
    server.close()


def ended(call_id: str, name: str) -> models.Operation:
    rows = models.Operation.objects.filter(call_id=call_id, control_id=name)
    wait_for(lambda: rows.exclude(state__in=operations.LIVE).exists(), 15, f"the end of {name}")
    return rows.get()


async def speak_another_tone(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A speech worker that answers each sound with 1,300 Hz instead of it, until it is cut off."""
    incoming, at = frames.FrameReader(), 0
    while data := await reader.read(65536):
        for frame in incoming.feed(data):
            if isinstance(frame, frames.Piece):
                steps = np.arange(at, at + len(frame.pcm)) / frame.rate
                wave = (np.sin(2 * np.pi * 1300 * steps) * 9000).astype(np.int16)
                writer.write(frames.of_piece(frames.Piece(frame.number, frame.rate, wave)))
                at += len(frame.pcm)
            elif isinstance(frame, dict) and frame.get("job") == "denoise":
                writer.write(frames.of_words({"say": "ready"}))
                WRITERS.append(writer)


WRITERS: list[asyncio.StreamWriter] = []


async def test_a_leg_is_denoised_for_the_other_party_until_the_worker_is_lost(
    cast: Cast, start_worker: Callable[..., WorkerProcess], tmp_path: Path
) -> None:
    (tmp_path / "speech").mkdir()
    server = await asyncio.start_unix_server(speak_another_tone, tmp_path / "speech" / "1.sock")
    await asyncio.to_thread(start_worker, wait=False, CALLWRIGHT_SPEECH_WORKERS="1")
    await callers.in_thread(wait_for, models.MediaWorker.objects.exists, 60, "the worker")
    alice, bob = Phone(500), Phone(2100)
    device = await callers.come_online(cast.bob)
    call_id = await callers.dial(cast.alice, alice, cast.bob.address)
    await callers.pick_up(cast.bob, bob, call_id, device)
    await callers.hears(bob, 500)
    leg_id = (await callers.leg(call_id, "caller")).id

    async def denoise(name: str) -> None:
        await callers.in_thread(operations.operate, call_id, leg_id, "denoise", name, {})

    await denoise("first")
    await callers.hears(bob, 1300)
    await callers.hears(alice, 2100)
    await denoise("second")  # one at a time
    assert (await until_told(call_id, "failed"))["reason"] == "already_denoised"
    await callers.in_thread(operations.control_operation, call_id, "denoise", "first", "stop")
    finished = await until_told(call_id, "finished")
    assert finished["reason"] == "stopped" and finished["denoised_ms"] > 0
    await callers.hears(bob, 500)
    await denoise("third")
    await callers.hears(bob, 1300)
    WRITERS[-1].close()
    for _ in range(100):
        reasons = [
            data["reason"] for word, data in await callers.in_thread(told, call_id) if word == "failed"
        ]
        if "speech_worker_lost" in reasons:
            break
        await asyncio.sleep(0.1)
    assert reasons == ["already_denoised", "speech_worker_lost"]
    await callers.hears(bob, 500)
    assert (await callers.snapshot(call_id)).state == "answered"
    await asyncio.gather(alice.close(), bob.close())
    server.close()


async def test_a_party_is_heard_and_a_killed_worker_is_told_while_the_call_goes_on(
    cast: Cast, hearing: subprocess.Popen[bytes]
) -> None:
    alice, bob = Phone(500), Phone(2100)
    device = await callers.come_online(cast.bob)
    call_id = await callers.dial(cast.alice, alice, cast.bob.address)
    await callers.pick_up(cast.bob, bob, call_id, device)
    await callers.hears(alice, 2100)

    callee = (await callers.leg(call_id, "callee")).id
    await callers.in_thread(operations.operate, call_id, callee, "detect", "who", PARAMS)
    result = await until_told(call_id, "result")
    assert (result["result"], result["leg_id"], result["control_id"]) == ("fax", callee, "who")
    assert (await until_told(call_id, "finished"))["reason"] == "detected"

    caller = (await callers.leg(call_id, "caller")).id
    row = await callers.in_thread(operations.operate, call_id, caller, "detect", "other", PARAMS)
    for _ in range(100):
        await callers.in_thread(row.refresh_from_db)
        if row.state == "running":
            break
        await asyncio.sleep(0.1)
    hearing.kill()
    failed = await until_told(call_id, "failed")
    assert (failed["reason"], failed["control_id"]) == ("speech_worker_lost", "other")
    assert (await callers.snapshot(call_id)).state == "answered"
    await asyncio.sleep(1)
    await callers.hears(alice, 2100)
    await callers.hears(bob, 500)
    await asyncio.gather(alice.close(), bob.close())
