"""A speech worker on its socket: who is let in, and that a media worker never waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from calling.media.codecs.audio_codecs import encoder
from calling.media.codecs.sent_away import PacketHearer
from calling.speech import frames, installed, link, weights
from calling.speech.frames import FRAME, Packet, Packets
from calling.speech.link import SpeechFailed, open_link, sockets
from calling.speech.server import SpeechServer
from tests.speech import sounds
from tests.support.wait import until

DETECT = {"job": "detect"}
QUIET = np.zeros(FRAME, np.int16)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Path]:
    server = SpeechServer(tmp_path / "models", capacity=0.5)
    serving = asyncio.create_task(server.serve(tmp_path / "s" / "1.sock"))
    await until((tmp_path / "s" / "1.sock").exists)
    yield tmp_path / "s"
    serving.cancel()


async def test_it_hears_a_beep(place: Path) -> None:
    session = await open_link(sockets(place), DETECT)
    for number, pcm in enumerate(
        sounds.frames(sounds.silence(0.3), sounds.tone(0.4, 1000), QUIET.repeat(10))
    ):
        assert session.send(number, pcm)
    assert (await session.words())["result"] == "machine"
    assert (await session.words())["say"] == "beep"
    session.end()
    assert await session.words() == {"say": "finished", "dropped_ms": 0}
    session.close()


async def test_it_hears_a_beep_in_packets(tmp_path: Path) -> None:
    server = SpeechServer(tmp_path / "models", hearer=PacketHearer)
    serving = asyncio.create_task(server.serve(tmp_path / "1.sock"))
    await until((tmp_path / "1.sock").exists)
    session, encode = await open_link(sockets(tmp_path), DETECT), encoder("pcmu", 16000)
    line = sounds.frames(sounds.silence(0.3), sounds.tone(0.4, 1000), QUIET.repeat(10))
    for at in range(0, len(line), 5):
        pieces = line[at : at + 5]
        packets = [Packet(i, "pcmu", at + i, encode.encode(pcm)) for i, pcm in enumerate(pieces)]
        assert session.send_packets(Packets(at, len(pieces), packets))
    assert (await session.words())["result"] == "machine"
    assert (await session.words())["say"] == "beep"
    session.close()
    serving.cancel()


async def test_packets_that_nobody_decodes_end_the_session(place: Path) -> None:
    session = await open_link(sockets(place), DETECT)
    session.send_packets(Packets(0, 1, []))
    with pytest.raises(SpeechFailed, match="speech_worker_lost"):
        await session.words()
    session.close()


async def test_only_its_owner_may_connect(place: Path) -> None:
    assert (place / "1.sock").stat().st_mode & 0o777 == 0o600
    assert place.stat().st_mode & 0o077 == 0


async def test_one_too_many_is_refused_and_a_place_becomes_free(place: Path) -> None:
    held = [await open_link(sockets(place), DETECT) for _ in range(2)]
    with pytest.raises(SpeechFailed, match="speech_full"):
        await open_link(sockets(place), DETECT)
    held[0].close()

    async def free() -> bool:
        try:
            held.append(await open_link(sockets(place), DETECT))
        except SpeechFailed:
            return False
        return True

    for _ in range(100):
        if await free():
            break
        await asyncio.sleep(0.02)
    assert len(held) == 3
    for each in held:
        each.close()


async def test_a_worker_that_reads_nothing_costs_frames_and_no_time(tmp_path: Path) -> None:
    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(frames.of_words({"say": "ready"}))
        await asyncio.sleep(60)

    server = await asyncio.start_unix_server(deaf, tmp_path / "1.sock")
    session = await open_link([tmp_path / "1.sock"], DETECT)
    went = [session.send(number, QUIET) for number in range(3000)]
    assert went[0] and not went[-1] and session.dropped == went.count(False) > 1000
    assert session._writer.transport.get_write_buffer_size() < link.MOST_BUFFERED + 1000
    session.close()
    server.close()


async def test_one_that_dies_is_told_at_once(tmp_path: Path) -> None:
    server = SpeechServer(tmp_path)
    serving = asyncio.create_task(server.serve(tmp_path / "1.sock"))
    await until((tmp_path / "1.sock").exists)
    session = await open_link([tmp_path / "1.sock"], DETECT)
    session.send(0, QUIET)
    for task in asyncio.all_tasks():
        if "SpeechServer._connected" in repr(task.get_coro()):
            task.cancel()
    with pytest.raises(SpeechFailed, match="speech_worker_lost"):
        await session.words()
    serving.cancel()


async def test_a_worker_that_loads_is_waited_for_and_one_that_says_nothing_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "READY_SECONDS", 0.6)
    silent = False

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(6):
            await asyncio.sleep(0.2)
            if not silent:
                writer.write(frames.of_words({"say": "loading"}))
        writer.write(frames.of_words({"say": "ready"}))

    server = await asyncio.start_unix_server(slow, tmp_path / "1.sock")
    (await open_link(sockets(tmp_path), DETECT)).close()
    silent = True
    with pytest.raises(SpeechFailed, match="speech_worker_slow"):
        await open_link(sockets(tmp_path), DETECT)
    server.close()


async def test_where_none_is_there_it_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(SpeechFailed, match="speech_unavailable"):
        await open_link(sockets(tmp_path), DETECT)


async def test_a_job_that_nobody_knows_is_refused(place: Path) -> None:
    with pytest.raises(SpeechFailed, match="unknown_job"):
        await open_link(sockets(place), {"job": "translate"})


async def test_a_recogniser_that_is_not_installed_says_what_to_add(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installed, "recognisers", lambda own: ())
    serving = asyncio.create_task(SpeechServer(tmp_path).serve(tmp_path / "1.sock"))
    await until((tmp_path / "1.sock").exists)
    with pytest.raises(SpeechFailed, match=r"requirements-speech\.lock"):
        await open_link(sockets(tmp_path), {"job": "transcribe", "model": "quick"})
    serving.cancel()


def test_a_model_with_another_hash_is_refused(tmp_path: Path) -> None:
    (tmp_path / "whisper-tiny.en").mkdir()
    (tmp_path / "whisper-tiny.en" / "model.bin").write_bytes(b"another")
    with pytest.raises(weights.NoWeights, match="another hash"):
        weights.directory("quick", tmp_path)
