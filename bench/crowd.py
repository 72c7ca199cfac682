"""Thousands of device sockets of `/ws/phone`, from many addresses of loopback, as devices come.

What is measured with them is not here.
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import time
from collections import Counter
from dataclasses import dataclass, field

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from bench.instance import Instance

PATIENCE_SECONDS = 20.0
GATHERED = 40  # sign-ins at once while the stage is set
PER_SUBSCRIBER = 100
SPARE_FILES = 300
AGAIN_SECONDS = 1.0


@dataclass
class Device:
    """One socket of `/ws/phone` and what became of it."""

    url: str
    token: str
    address: str
    id: str = ""
    socket: ClientConnection | None = None
    closed: Counter[int] = field(default_factory=Counter)

    async def come(self) -> None:
        """Connect and sign in. Raises what the socket raises; ConnectionClosed has the server's code."""
        self.socket = await connect(
            self.url,
            open_timeout=PATIENCE_SECONDS,
            local_addr=(self.address, 0),
            compression=None,
            ping_interval=None,
        )
        known = {"device_id": self.id} if self.id else {}
        await self.socket.send(json.dumps({"type": "auth", "token": self.token, **known}))
        answer = json.loads(await asyncio.wait_for(self.socket.recv(), PATIENCE_SECONDS))
        assert answer["type"] == "auth.ok", answer
        self.id = answer["device_id"]

    async def come_back(self, began: float) -> float | None:
        """Seconds from the cut to `auth.ok`; None where it was refused or the promise ran out."""
        wait = AGAIN_SECONDS
        while time.monotonic() - began < PATIENCE_SECONDS:
            try:
                await self.come()
                return time.monotonic() - began
            except ConnectionClosed as error:
                self.closed[error.rcvd.code if error.rcvd else 1006] += 1
                if self.closed[4401]:
                    return None
            except (OSError, TimeoutError, WebSocketException):
                self.closed[0] += 1
            await asyncio.sleep(wait * (0.5 + random.random() / 2))
            wait *= 2
        return None

    def cut(self) -> None:
        if self.socket is not None:
            self.socket.transport.abort()


def allowed(wanted: int) -> int:
    """So many sockets as the limit of open files lets one process have; raises the soft limit."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY:
        most = wanted + SPARE_FILES
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, max(wanted * 2, 4096)), most))
    return max(1, min(wanted, most - SPARE_FILES))


async def tokens(one: Instance, names: list[str]) -> dict[str, str]:
    path = "/api/fabric/subscribers/tokens"
    found = {}
    for name in names:
        made = await asyncio.to_thread(one.api, "POST", path, {"reference": name})
        found[name] = made["token"]
    return found


async def come_online(one: Instance, count: int) -> list[Device]:
    """So many devices, a hundred of a subscriber, signed in."""
    url = one.url.replace("http", "ws", 1) + "/ws/phone"
    names = [f"device-{number}" for number in range(-(-count // PER_SUBSCRIBER))]
    made = await tokens(one, names)
    devices = [
        Device(
            url, made[names[at // PER_SUBSCRIBER]], f"127.{1 + at // 62500}.{at // 250 % 250}.{1 + at % 250}"
        )
        for at in range(count)
    ]
    gate = asyncio.Semaphore(GATHERED)

    async def enter(device: Device) -> None:
        async with gate:
            await device.come()

    await asyncio.gather(*(enter(each) for each in devices))
    return devices
