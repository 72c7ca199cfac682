"""An unmodified pipecat TwilioFrameSerializer on the bot's side of a media stream."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection, serve

from calling.media.operations.media_stream import MediaStream, StreamSettings

pytest.importorskip("pipecat", reason="pipecat-ai is not installed (pip install pipecat-ai)")


async def test_a_pipecat_serializer_reads_our_sound_and_we_play_its_answer() -> None:
    from pipecat.frames.frames import InputAudioRawFrame, OutputAudioRawFrame, StartFrame
    from pipecat.serializers.twilio import TwilioFrameSerializer

    heard: list[Any] = []

    async def bot(socket: ServerConnection) -> None:
        connected, start = json.loads(await socket.recv()), json.loads(await socket.recv())
        assert (connected["event"], start["event"]) == ("connected", "start")
        data = start["start"]
        quiet = TwilioFrameSerializer.InputParams(auto_hang_up=False)
        serializer = TwilioFrameSerializer(data["streamSid"], call_sid=data["callSid"], params=quiet)
        await serializer.setup(StartFrame(audio_in_sample_rate=8000, audio_out_sample_rate=8000))
        async for text in socket:
            frame = await serializer.deserialize(text)
            if isinstance(frame, InputAudioRawFrame) and frame.audio:
                heard.append(frame)
                back = OutputAudioRawFrame(audio=frame.audio, sample_rate=8000, num_channels=1)
                await socket.send(await serializer.serialize(back))

    tone = (np.sin(2 * np.pi * 500 * np.arange(160) / 8000) * 8000).astype(np.int16)
    async with serve(bot, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/"
        stream = MediaStream(StreamSettings(url, "call-1", "project-1"), allow_private=True)
        task = asyncio.create_task(stream.run())
        await asyncio.wait_for(stream.started.wait(), 5)
        for number in range(25):
            stream.send("inbound", tone, number * 20)
            await asyncio.sleep(0.01)
        async with asyncio.timeout(5):
            while len(stream._played) < 20 * 160:
                await asyncio.sleep(0.02)
        played = np.concatenate([stream.pull() for _ in range(20)]).astype(float)
        spectrum = np.abs(np.fft.rfft(played * np.hanning(len(played))))
        assert abs(np.argmax(spectrum) * 8000 / len(played) - 500) < 20
        stream.stop()
        await asyncio.wait_for(task, 5)
    assert len(heard) >= 20
