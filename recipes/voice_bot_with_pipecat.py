"""A voice bot with pipecat: callers of BOT (a script resource) talk with a pipeline of yours.

`pip install 'pipecat-ai[websocket]' uvicorn`, then run this program. The platform streams the caller's sound
to PUBLIC_URL over Twilio's Media Streams protocol, and plays what the pipeline answers. This one says back
what it hears; put speech-to-text, a language model and text-to-speech in the place of `Parrot`.
"""

import json
import os

import uvicorn
from callwright_client import Callwright
from fastapi import FastAPI, WebSocket
from pipecat.frames.frames import Frame, InputAudioRawFrame, OutputAudioRawFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.runner import PipelineRunner
from pipecat.pipeline.task import PipelineParams, PipelineTask
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.runner.utils import parse_telephony_websocket
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport

BOT = os.environ.get("BOT", "bot")
PORT = int(os.environ.get("PORT", "9000"))
PUBLIC_URL = os.environ.get("PUBLIC_URL", f"ws://127.0.0.1:{PORT}/")  # wss:// in production
INSTANCE = os.environ.get("CALLWRIGHT_URL", "http://localhost:8000")
app = FastAPI()


class Parrot(FrameProcessor):
    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            frame = OutputAudioRawFrame(frame.audio, frame.sample_rate, frame.num_channels)
        await self.push_frame(frame, direction)


@app.websocket("/")
async def talk(socket: WebSocket) -> None:
    await socket.accept()
    _, call = await parse_telephony_websocket(socket)
    project, _, key = os.environ["CALLWRIGHT_API_KEY"].rpartition(":")
    serializer = TwilioFrameSerializer(  # hangs the call up when the pipeline ends
        stream_sid=call["stream_id"],
        call_sid=call["call_id"],
        account_sid=project or os.environ.get("CALLWRIGHT_PROJECT_ID", ""),
        auth_token=key,
        base_url=INSTANCE,
    )
    params = FastAPIWebsocketParams(audio_in_enabled=True, audio_out_enabled=True, serializer=serializer)
    transport = FastAPIWebsocketTransport(socket, params)
    task = PipelineTask(
        Pipeline([transport.input(), Parrot(), transport.output()]),
        params=PipelineParams(audio_in_sample_rate=8000, audio_out_sample_rate=8000),
    )
    transport.add_event_handler("on_client_disconnected", lambda *_: task.cancel())
    await PipelineRunner(handle_sigint=False).run(task)


@app.on_event("startup")
def answer_calls() -> None:
    """Writes the script that answers /public/BOT; the stream runs until somebody hangs up."""
    steps = ["answer", {"stream": {"url": PUBLIC_URL, "name": BOT}}, {"play": "silence:3600"}]
    fields = {"name": BOT, "contents": json.dumps({"version": "1.0.0", "sections": {"main": steps}})}
    with Callwright() as client:
        every = client.every(client.directory.list_swml_script(page_size=200))
        known = next((each for each in every if each["swml_script"]["name"] == BOT), None)
        if known is None:
            client.directory.create_swml_script(fields)
        else:
            client.directory.change_swml_script(known["id"], fields)
    print(f"ready /public/{BOT}", flush=True)


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="warning")
