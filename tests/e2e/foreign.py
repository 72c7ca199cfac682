"""PJSIP and Linphone as desk phones: processes told what to do by lines, whose sound is read from files."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import re
import struct
import sys
import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType

import numpy as np

from tests.e2e.baresip import tone
from tests.support.ports import free_pair


def pjsip_missing() -> bool:
    return importlib.util.find_spec("pjsua2") is None


class Foreign(ABC):
    """`async with Pjsip(tmp_path, edge.port, "bob-desk", 660.0) as phone`."""

    def __init__(
        self, directory: Path, edge_port: int, username: str, hertz: float, transport: str = "udp",
        encrypted: bool = False,
    ) -> None:  # fmt: skip
        """encrypted: it takes and makes no call without SRTP, and none but over TLS."""
        self.encrypted = encrypted
        self.directory = directory / f"{type(self).__name__.lower()}-{username}-{transport}"
        self.edge_port, self.username, self.hertz, self.transport = edge_port, username, hertz, transport
        self.said: list[str] = []
        self._news = asyncio.Event()

    async def __aenter__(self) -> Foreign:
        self.directory.mkdir()
        self.process = await asyncio.create_subprocess_exec(
            *self.command(), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT, env={**os.environ, "HOME": str(self.directory)},
        )  # fmt: skip
        self._task = asyncio.create_task(self._listen())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            print(self.words())
        if self.process.returncode is None:
            self.write(self.leaving)
            try:
                await asyncio.wait_for(self.process.wait(), 5)
            except TimeoutError:
                self.process.kill()
                await self.process.wait()
        self._task.cancel()

    leaving = ""

    @abstractmethod
    def command(self) -> list[str]:
        """The program and its arguments; its files are made here."""

    @property
    def address(self) -> str:
        tail = f";transport={self.transport}" if self.transport != "udp" else ""
        return f"{self.host}:{self.edge_port}{tail}"

    @property
    def host(self) -> str:
        return "127.0.0.1"

    @property
    def heard_file(self) -> Path:
        return self.directory / "heard.wav"

    def words(self) -> str:
        log = self.directory / "log"
        return "\n".join(self.said[-60:]) + (log.read_text(errors="replace")[-6000:] if log.exists() else "")

    def write(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")

    async def _listen(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.console(line.decode(errors="replace").rstrip())

    def console(self, line: str) -> None:
        self.said.append(line)
        self._news.set()

    async def says(self, pattern: str, seconds: float = 25.0, after: int = 0) -> int:
        """Wait for a line like that after the first `after`; how many there were up to it."""
        end = time.monotonic() + seconds
        while True:
            self._news.clear()
            for number, line in enumerate(self.said[after:], after + 1):
                if re.search(pattern, line):
                    return number
            left = end - time.monotonic()
            assert left > 0 and self.process.returncode is None, f"no {pattern}:\n{self.words()}"
            try:
                await asyncio.wait_for(self._news.wait(), min(left, 1.0))
            except TimeoutError:
                continue

    @abstractmethod
    async def registered(self) -> None: ...

    @abstractmethod
    async def rung(self, after: int = 0) -> None: ...

    @abstractmethod
    def answer(self) -> None: ...

    @abstractmethod
    def dial(self, user: str) -> None: ...

    @abstractmethod
    def hang_up(self) -> None: ...

    @abstractmethod
    async def over(self, after: int = 0) -> None: ...

    @abstractmethod
    def hold(self) -> None: ...

    @abstractmethod
    def resume(self) -> None: ...

    @abstractmethod
    def press(self, digit: str) -> None: ...

    @abstractmethod
    async def pressed(self, digit: str) -> None: ...

    @abstractmethod
    def transfer(self, user: str) -> None: ...

    @abstractmethod
    def join(self) -> None:
        """Give the party of the first call to that of the second."""

    def form(self, data: bytes) -> tuple[int, int]:
        """Channels and samples per second of the file."""
        channels, rate = struct.unpack_from("<HI", data, 22)
        return channels, rate

    def loudest(self) -> float | None:
        """The strongest frequency of the newest 0.4 s that were written, None for silence or nothing new."""
        if not self.heard_file.exists() or time.time() - self.heard_file.stat().st_mtime > 1.5:
            return None
        data = self.heard_file.read_bytes()
        if len(data) < 8000:
            return None
        channels, rate = self.form(data)
        body = data[44:]
        samples = np.frombuffer(body[: len(body) // 2 * 2], dtype="<i2")[::channels].astype(float)[
            -int(rate * 0.4) :
        ]
        if len(samples) < rate * 0.3 or np.sqrt(np.mean(samples**2)) < 200:
            return None
        spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
        return float(np.argmax(spectrum[1:]) + 1) * rate / len(samples)

    async def hears(self, hertz: float, seconds: float = 25.0) -> None:
        end = time.monotonic() + seconds
        while (found := self.loudest()) is None or abs(found - hertz) > 25:
            assert time.monotonic() < end, f"wanted {hertz} Hz, heard {found}\n{self.words()}"
            await asyncio.sleep(0.05)


class Pjsip(Foreign):
    """The wheel pjsua2-python, in a process of its own (`tests.e2e.pjsip_phone`)."""

    leaving = '{"do": "quit"}'

    def command(self) -> list[str]:
        options = {
            "edge": self.edge_port, "username": self.username, "hertz": self.hertz,
            "transport": self.transport, "heard": str(self.heard_file), "log": str(self.directory / "log"),
            "encrypted": self.encrypted,
        }  # fmt: skip
        return [sys.executable, "-m", "tests.e2e.pjsip_phone", json.dumps(options)]

    def do(self, word: str, **more: object) -> None:
        self.write(json.dumps({"do": word, **more}))

    async def registered(self) -> None:
        await self.says(r'"registered", "code": 200, "active": true')

    async def rung(self, after: int = 0) -> None:
        await self.says('"incoming"', after=after)

    def answer(self) -> None:
        self.do("answer")

    def dial(self, user: str) -> None:
        self.do("dial", uri=f"sip:{user}@{self.address}")

    def hang_up(self) -> None:
        self.do("hangup")

    async def over(self, after: int = 0) -> None:
        await self.says('"DISCONNECTED"', after=after)

    def hold(self) -> None:
        self.do("hold")

    def resume(self) -> None:
        self.do("resume")

    def press(self, digit: str) -> None:
        self.do("digit", digit=digit)

    async def pressed(self, digit: str) -> None:
        await self.says(f'"digit", "digit": "{digit}"')

    def transfer(self, user: str) -> None:
        self.do("transfer", uri=f"sip:{user}@{self.address}")

    def join(self) -> None:
        self.do("join")


class Linphone(Foreign):
    """linphonec of Debian's linphone-cli; it plays and records WAV files."""

    leaving = "quit"

    @property
    def host(self) -> str:
        """Mbed TLS 2 finds only names in a certificate, no addresses."""
        return "localhost" if self.transport == "tls" else "127.0.0.1"

    def console(self, line: str) -> None:
        """Its states are in the log."""

    def command(self) -> list[str]:
        port = free_pair()
        ports = {"udp": (port, 0, 0), "tcp": (0, port, 0), "tls": (0, 0, port)}[self.transport]
        authority = self.directory.parent / "certificates" / "ca.pem"
        tone(self.directory / "tone.wav", self.hertz)
        (self.directory / ".local/share/linphone").mkdir(parents=True)
        name, place = self.username, f"{self.host}:{self.edge_port}"
        (self.directory / "rc").write_text(
            f"[sip]\nsip_port={ports[0]}\nsip_tcp_port={ports[1]}\nsip_tls_port={ports[2]}\nuse_ipv6=0\n"
            f"root_ca={authority}\nverify_server_certs=1\nverify_server_cn=1\n"
            f"media_encryption={'srtp' if self.encrypted else 'none'}\n"
            f"media_encryption_mandatory={int(self.encrypted)}\n"
            "guess_hostname=0\nbind_address=127.0.0.1\ndefault_proxy=0\n[rtp]\naudio_rtp_port=-1\n"
            "[sound]\nechocancellation=0\n"
            f"[proxy_0]\nreg_proxy=<sip:{self.address}>\nreg_route=<sip:{self.address};lr>\n"
            f"reg_identity=sip:{name}@{place}\nreg_expires=600\nreg_sendregister=1\n"
            f"[auth_info_0]\nusername={name}\npasswd=secret\nrealm=callwright\ndomain={self.host}\n"
        )
        files = ["-c", str(self.directory / "rc"), "-l", str(self.directory / "log")]
        return ["stdbuf", "-oL", "linphonec", *files, "-d", "5"]

    async def registered(self) -> None:
        self.write("soundcard use files")
        self.write(f"play {self.directory / 'tone.wav'}")
        self.write(f"record {self.heard_file}")
        await self.says(r"to \[?LinphoneRegistrationOk")

    async def rung(self, after: int = 0) -> None:
        await self.says("to .*IncomingReceived", after=after)

    def answer(self) -> None:
        self.write("answer")

    def dial(self, user: str) -> None:
        self.write(f"call sip:{user}@{self.address}")

    def hang_up(self) -> None:
        self.write("terminate")

    async def over(self, after: int = 0) -> None:
        await self.says("to .*Call(State)?(End|Error)", after=after)

    def hold(self) -> None:
        self.write("pause")

    def resume(self) -> None:
        self.write("resume")

    def press(self, digit: str) -> None:
        self.write(digit)

    async def pressed(self, digit: str) -> None:
        """Its log says that a key came, and not which one."""
        await self.says("notified .dtmf_received")

    def transfer(self, user: str) -> None:
        self.write(f"transfer sip:{user}@{self.address}")

    def join(self) -> None:
        self.write("transfer 1 --to-call 2")

    def form(self, data: bytes) -> tuple[int, int]:
        """As its log says every few seconds: Opus has 48 kHz, G.711 8 kHz.

        It writes the header when it closes the file, which later calls then append to.
        """
        found = re.findall(r"clockrate=(\d+)", (self.directory / "log").read_text(errors="replace"))
        return 1, int(found[-1]) if found else 8000

    async def says(self, pattern: str, seconds: float = 25.0, after: int = 0) -> int:
        """The same of the log: its console keeps states to itself while its input is a pipe."""
        end, log = time.monotonic() + seconds, self.directory / "log"
        while True:
            self.said = log.read_text(errors="replace").splitlines() if log.exists() else []
            for number, line in enumerate(self.said[after:], after + 1):
                if "message-" in line and re.search(pattern, line):
                    return number
            assert time.monotonic() < end and self.process.returncode is None, (
                f"no {pattern}:\n{self.words()}"
            )
            await asyncio.sleep(0.1)
