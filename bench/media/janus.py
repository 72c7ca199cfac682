"""Debian's janus as a target. It skips loopback interfaces, so it runs in a network namespace of its own
behind a veth pair (needs root); both are removed at the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from bench.media.targets import Target, end
from calling.machine.states import Media
from calling.media.webrtc.peer import WebRtcPeer
from calling.outbound_http.client import Client, FetchFailed

NEAR, FAR = "10.213.77.1", "10.213.77.2"
ROOM = 1234
PREFIX = "cwbench"  # and the pid of the bench


def available() -> str | None:
    """None, or why janus cannot be measured here."""
    if shutil.which("janus") is None:
        return "janus is not installed"
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return "needs root and iproute2 for a network namespace"
    return None


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def sweep() -> None:
    """Takes away the namespaces of benches that were killed: theirs has our addresses, and would get ours."""
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=False).stdout
    for space in (line.split()[0] for line in listed.splitlines() if line.startswith(PREFIX)):
        owner = space.removeprefix(PREFIX)
        if Path(f"/proc/{owner}").exists():
            continue
        inside = subprocess.run(["ip", "netns", "pids", space], capture_output=True, text=True, check=False)
        for pid in inside.stdout.split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        remove(owner)


def remove(owner: object) -> None:
    for words in (("netns", "del", f"{PREFIX}{owner}"), ("link", "del", f"cw{owner}")):
        with contextlib.suppress(subprocess.CalledProcessError):
            _ip(*words)


class Janus(Target):
    """One plugin: echotest, videocall or audiobridge."""

    address = NEAR

    def __init__(self, plugin: str) -> None:
        super().__init__("janus")
        self.plugin = plugin
        self.decodes = plugin == "audiobridge"
        self._space = f"{PREFIX}{os.getpid()}"
        self._folder = tempfile.mkdtemp(prefix="cwjanus")
        self._http = Client(allow_private=True)
        self._sessions: list[str] = []
        self._count = 0

    async def start(self) -> None:
        sweep()
        veth = f"cw{os.getpid()}"
        _ip("netns", "add", self._space)
        _ip("link", "add", veth, "type", "veth", "peer", "name", "cwfar", "netns", self._space)
        _ip("addr", "add", f"{NEAR}/30", "dev", veth)
        _ip("link", "set", veth, "up")
        for words in (
            ("addr", "add", f"{FAR}/30", "dev", "cwfar"),
            ("link", "set", "cwfar", "up"),
            ("link", "set", "lo", "up"),
        ):
            _ip("-n", self._space, *words)
        self._configure()
        self.process = await asyncio.create_subprocess_exec(
            "ip", "netns", "exec", self._space, "janus", "-F", self._folder, "-d", "3",
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        async with asyncio.timeout(20):
            while True:
                with contextlib.suppress(FetchFailed):
                    await self._get("info")
                    return
                await asyncio.sleep(0.1)

    def _configure(self) -> None:
        folder = Path(self._folder)
        (folder / "janus.jcfg").write_text(
            f'general: {{ configs_folder = "{folder}"\n'
            'plugins_folder = "/usr/lib/x86_64-linux-gnu/janus/plugins"\n'
            'transports_folder = "/usr/lib/x86_64-linux-gnu/janus/transports"\nserver_name = "bench" }\n'
            'plugins: { disable = "libjanus_sip.so,libjanus_nosip.so,libjanus_lua.so,libjanus_duktape.so,'
            'libjanus_streaming.so,libjanus_recordplay.so,libjanus_voicemail.so,libjanus_textroom.so" }\n'
            'transports: { disable = "libjanus_mqtt.so,libjanus_rabbitmq.so,libjanus_nanomsg.so,'
            'libjanus_pfunix.so,libjanus_websockets.so" }\n'
        )
        (folder / "janus.transport.http.jcfg").write_text(
            f'general: {{ json = "compact"\nbase_path = "/janus"\nhttp = true\nport = 8088\nip = "{FAR}" }}\n'
        )
        (folder / f"janus.plugin.{self.plugin}.jcfg").write_text("general: { }\n")

    # --- its REST interface

    async def _post(self, path: str, **body: Any) -> dict[str, Any]:
        body["transaction"] = secrets.token_hex(6)
        said = await self._http.fetch(
            f"http://{FAR}:8088/janus{path}", method="POST", content=json.dumps(body).encode(),
            purpose="script", headers={"Content-Type": "application/json"}, total_timeout=20,
        )  # fmt: skip
        answer: dict[str, Any] = json.loads(said.body)
        if answer.get("janus") == "error":
            raise RuntimeError(f"janus: {answer['error']}")
        return answer

    async def _get(self, path: str) -> dict[str, Any]:
        said = await self._http.fetch(f"http://{FAR}:8088/janus/{path}", purpose="script", total_timeout=40)
        answer: dict[str, Any] = json.loads(said.body)
        return answer

    async def _handle(self) -> str:
        session = (await self._post("", janus="create"))["data"]["id"]
        handle = (await self._post(f"/{session}", janus="attach", plugin=f"janus.plugin.{self.plugin}"))[
            "data"
        ]["id"]
        return f"/{session}/{handle}"

    async def _event(self, path: str, jsep: bool) -> dict[str, Any]:
        session = path.split("/")[1]
        for _ in range(20):
            event = await self._get(session)
            if event.get("janus") == "event" and (not jsep or "jsep" in event):
                return event
        raise RuntimeError("janus did not answer")

    async def _ask(
        self, path: str, jsep: dict[str, str] | None, want_jsep: bool, **body: Any
    ) -> dict[str, Any]:
        extra = {"jsep": jsep} if jsep else {}
        await self._post(path, janus="message", body=body, **extra)
        return await self._event(path, want_jsep)

    async def connect(self, peers: list[WebRtcPeer], media: Media, pictures: int = 1) -> None:
        if self.plugin == "videocall":
            for one, other in zip(peers[::2], peers[1::2], strict=True):
                await self._pair(one, other, media)
            return
        for peer in peers:
            path = await self._handle()
            offer = {"type": "offer", "sdp": await peer.offer(media)}
            if self.plugin == "audiobridge":
                self._count += 1
                if self._count == 1:
                    await self._post(
                        path,
                        janus="message",
                        body={"request": "create", "room": ROOM, "sampling_rate": 48000},
                    )
                await self._ask(path, None, False, request="join", room=ROOM, display=f"m{self._count}")
                event = await self._ask(path, offer, True, request="configure", muted=False)
            else:
                event = await self._ask(path, offer, True, audio=True, video=True)
            await peer.accept(event["jsep"]["sdp"])

    async def _pair(self, one: WebRtcPeer, other: WebRtcPeer, media: Media) -> None:
        self._count += 1
        near, far = await self._handle(), await self._handle()
        await self._ask(near, None, False, request="register", username=f"a{self._count}")
        await self._ask(far, None, False, request="register", username=f"b{self._count}")
        offer = {"type": "offer", "sdp": await one.offer(media)}
        await self._post(
            near, janus="message", body={"request": "call", "username": f"b{self._count}"}, jsep=offer
        )
        incoming = await self._event(far, True)
        answer = {"type": "answer", "sdp": await other.answer(incoming["jsep"]["sdp"])}
        await self._post(far, janus="message", body={"request": "accept"}, jsep=answer)
        await one.accept((await self._event(near, True))["jsep"]["sdp"])

    async def route(self, mode: str) -> None:
        """The plugins route by themselves."""

    async def stop(self) -> None:
        await self._http.aclose()
        await end(self.process)
        remove(os.getpid())
        shutil.rmtree(self._folder, ignore_errors=True)
