"""baresip as a desk phone: a process steered over its JSON port, whose sound comes from and goes to files."""

from __future__ import annotations

import asyncio
import json
import math
import re
import time
import wave
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from tests.support.ports import free_pair

MODULES = Path("/usr/lib/baresip/modules")
CONFIG = """
sip_listen 127.0.0.1:{port}
net_interface 127.0.0.1
audio_player aubridge,sink
audio_source aufile,{directory}/tone.wav
audio_alert aubridge,alert
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
rtp_ports {rtp}-{rtp_end}
jitter_buffer_delay 1-5
snd_path {directory}
sip_cafile {authority}
module_path {modules}
module g711.so
module aubridge.so
module aufile.so
module sndfile.so
module srtp.so
module dtls_srtp.so
module_tmp uuid.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
"""
RTP_PORTS = 40


class Baresip:
    """`async with Baresip(tmp_path, edge.port, "bob-desk", 660.0) as phone`.

    It plays a sine of `hertz`; what it decodes is dumped as it comes, and `hears` measures the newest of it.
    """

    def __init__(
        self, directory: Path, edge_port: int, username: str, hertz: float, *, transport: str = "udp",
        encryption: str = "", authority: Path | None = None, outbound: str = "",
    ) -> None:  # fmt: skip
        self.directory = directory / f"baresip-{username}"
        self.edge_port, self.username, self.hertz, self.transport = edge_port, username, hertz, transport
        self.encryption, self.authority, self.outbound = encryption, authority, outbound
        self.events: list[dict[str, Any]] = []
        self._changed = asyncio.Event()
        self._answers: dict[str, asyncio.Future[dict[str, Any]]] = {}

    async def __aenter__(self) -> Baresip:
        self.directory.mkdir()
        self.port, control, rtp = free_pair(), free_pair(), free_pair()
        self.rtp_ports = range(rtp, rtp + RTP_PORTS + 1)
        tone(self.directory / "tone.wav", self.hertz)
        words = CONFIG.format(
            port=self.port, directory=self.directory, rtp=rtp, rtp_end=rtp + RTP_PORTS, modules=MODULES,
            control=control, authority=self.authority or "",
        )  # fmt: skip
        (self.directory / "config").write_text(words)
        extra = f";mediaenc={self.encryption}" if self.encryption else ""
        extra += f';outbound="{self.outbound}"' if self.outbound else ""
        self.account = (
            f"<sip:{self.username}@127.0.0.1:{self.edge_port};transport={self.transport}>"
            f";auth_user={self.username};auth_pass=secret;regint=600;audio_codecs=PCMU{extra}"
        )
        (self.directory / "accounts").write_text("# made over the control port\n")
        (self.directory / "contacts").touch()
        with (self.directory / "log").open("wb") as log:
            self.process = await asyncio.create_subprocess_exec(
                "baresip", "-f", str(self.directory), "-4", "-v",
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=asyncio.subprocess.STDOUT,
            )  # fmt: skip
        end = time.monotonic() + 30
        while True:
            try:
                reader, self._writer = await asyncio.open_connection("127.0.0.1", control)
                break
            except OSError:
                assert time.monotonic() < end and self.process.returncode is None, self.words()
                await asyncio.sleep(0.05)
        self._task = asyncio.create_task(self._listen(reader))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            print(self.words())
        self._task.cancel()
        self._writer.close()
        if self.process.returncode is None:
            self.process.terminate()
            try:
                await asyncio.wait_for(self.process.wait(), 3)
            except TimeoutError:
                self.process.kill()
                await self.process.wait()

    def words(self) -> str:
        return (self.directory / "log").read_text(errors="replace")[-6000:]

    # --- steering

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        """Netstrings of JSON (baresip's ctrl_tcp): events, and answers with the token of their command."""
        while True:
            size = int((await reader.readuntil(b":"))[:-1])
            found = json.loads((await reader.readexactly(size + 1))[:-1])
            if found.get("event"):
                self.events.append(found)
                self._changed.set()
            elif found.get("token") in self._answers:
                self._answers.pop(found["token"]).set_result(found)

    async def say(self, command: str, parameters: str = "") -> dict[str, Any]:
        """One command of baresip's menu, and its answer."""
        token = f"t{len(self.events)}-{time.monotonic_ns()}"
        words: dict[str, str] = {"command": command, "token": token}
        if parameters:
            words["params"] = parameters
        text = json.dumps(words).encode()
        answer = self._answers[token] = asyncio.get_running_loop().create_future()
        self._writer.write(b"%d:%s," % (len(text), text))
        return await asyncio.wait_for(answer, 15)

    async def event(self, type: str, seconds: float = 20.0, after: int = 0) -> dict[str, Any]:
        """The first event of that type after the first `after` events."""
        end = time.monotonic() + seconds
        while True:
            self._changed.clear()
            for each in self.events[after:]:
                if each["type"] == type:
                    return each
            left = end - time.monotonic()
            assert left > 0, f"no {type}: {[e['type'] for e in self.events]}\n{self.words()}"
            try:
                await asyncio.wait_for(self._changed.wait(), left)
            except TimeoutError:
                continue

    async def either(self, *types: str) -> str:
        """Which of these events comes first."""
        end = time.monotonic() + 30
        while True:
            found = [each["type"] for each in self.events if each["type"] in types]
            if found:
                return str(found[0])
            assert time.monotonic() < end, f"none of {types}\n{self.words()}"
            await asyncio.sleep(0.05)

    async def registered(self) -> None:
        """It gives up at a challenge that names SHA-256; asking again, it is offered MD5 alone."""
        await self.say("uanew", self.account)
        if await self.either("REGISTER_FAIL", "REGISTER_OK") == "REGISTER_OK":
            return  # the edge knows this phone
        await self.say("uadel", f"sip:{self.username}@127.0.0.1:{self.edge_port}")
        await self.say("uanew", self.account)
        await self.event("REGISTER_OK", 30)

    async def dial(self, user: str) -> None:
        await self.say("dial", f"sip:{user}@127.0.0.1:{self.edge_port};transport={self.transport}")

    # --- ears

    def heard(self, seconds: float = 0.4) -> np.ndarray | None:
        """The newest samples of the newest dump, None if nothing is written to it any more."""
        dumps = sorted(self.directory.glob("dump-*-dec.wav"), key=lambda path: path.stat().st_mtime)
        if not dumps or time.time() - dumps[-1].stat().st_mtime > 0.6:
            return None
        data = dumps[-1].read_bytes()[44:]
        samples = np.frombuffer(data[: len(data) // 2 * 2], dtype=np.int16)[-int(8000 * seconds) :]
        return samples.astype(float) if len(samples) > 1600 else None

    def loudest(self) -> float | None:
        wave = self.heard()
        if wave is None or np.sqrt(np.mean(wave**2)) < 200:
            return None
        spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave))))
        return float(np.argmax(spectrum[1:]) + 1) * 8000 / len(wave)

    async def hears(self, hertz: float, seconds: float = 25.0) -> None:
        await self._wait(lambda found: found is not None and abs(found - hertz) < 25, seconds, f"{hertz} Hz")

    async def hears_not(self, hertz: float, seconds: float = 25.0) -> None:
        await self._wait(lambda found: found is None or abs(found - hertz) > 40, seconds, f"no {hertz} Hz")

    async def receives(self, seconds: float = 25.0) -> None:
        """Sound arrives at the rate of G.711, as its own meter says."""
        end = time.monotonic() + seconds
        while True:
            rates = re.findall(r"audio=\d+/(\d+)", self.words()[-400:])
            if rates and int(rates[-1]) > 50_000:
                return
            assert time.monotonic() < end, self.words()
            await asyncio.sleep(0.1)

    async def _wait(self, test: Any, seconds: float, what: str) -> None:
        end = time.monotonic() + seconds
        while not test(self.loudest()):
            assert time.monotonic() < end, f"wanted {what}, heard {self.loudest()}\n{self.words()}"
            await asyncio.sleep(0.05)


def tone(path: Path, hertz: float, seconds: int = 120) -> None:
    """A sine, 8 kHz, 16 bit, one channel."""
    at = np.arange(8000 * seconds) / 8000
    samples = (8000 * np.sin(2 * math.pi * hertz * at)).astype("<i2")
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(samples.tobytes())
