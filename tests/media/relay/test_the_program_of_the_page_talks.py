"""The program that docs/speech.md shows, run as it is written but for its port."""

from __future__ import annotations

import json
import re
import sys
from asyncio import create_subprocess_exec, sleep
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from config.env import ROOT
from tests.support.ports import free_port


def program() -> str:
    page = (ROOT / "docs" / "speech.md").read_text()
    found = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert len(found) == 1
    return str(found[0])


async def reached(url: str) -> ClientConnection:
    for _ in range(200):
        try:
            return await connect(url)
        except OSError:
            await sleep(0.1)
    raise AssertionError("the program does not listen")


async def answers(socket: ClientConnection, until: str) -> list[dict[str, Any]]:
    """Its frames, up to the first that is the last text, or of that type."""
    found: list[dict[str, Any]] = []
    while not found or not (found[-1]["type"] == until or found[-1].get("last")):
        found.append(json.loads(await socket.recv()))
    return found


async def test_it_repeats_what_it_hears_and_says_goodbye() -> None:
    port, code = free_port(), program()
    assert code.count("8080") == 1
    process = await create_subprocess_exec(sys.executable, "-c", code.replace("8080", str(port)))
    try:
        socket = await reached(f"ws://127.0.0.1:{port}")
        await socket.send(json.dumps({"type": "setup", "sessionId": "VX1", "callSid": "c1"}))
        await socket.send(json.dumps({"type": "prompt", "voicePrompt": "Two pizzas", "last": True}))
        said = await answers(socket, "text-that-ends")
        assert "".join(each["token"] for each in said) == "You said: Two pizzas"
        await socket.send(json.dumps({"type": "prompt", "voicePrompt": "Good bye", "last": True}))
        assert [each["token"] for each in await answers(socket, "end")] == ["Goodbye!"]
        assert json.loads(await socket.recv()) == {"type": "end", "handoffData": "done"}
        await socket.close()
    finally:
        process.terminate()
        await process.wait()
