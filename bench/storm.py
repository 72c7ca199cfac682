"""Thousands of device sockets cut at once, most of them back within a second: how soon each is let in again.

As after the restart of a proxy. Sockets come from many addresses of loopback, as devices do; one that is told
1013 (come again) waits as callwright.js does. Some carry a live call, which must still be there.
Run alone with `python -m bench storm [--sockets N] [--back N] [--calls N]`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import resource
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from bench.instance import Instance
from bench.softphone import SoftPhone, stay_on_loopback

PROMISE_SECONDS = 20.0
BACK_WITHIN = 1.0
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
            self.url, open_timeout=PROMISE_SECONDS, local_addr=(self.address, 0), compression=None
        )
        known = {"device_id": self.id} if self.id else {}
        await self.socket.send(json.dumps({"type": "auth", "token": self.token, **known}))
        answer = json.loads(await asyncio.wait_for(self.socket.recv(), PROMISE_SECONDS))
        assert answer["type"] == "auth.ok", answer
        self.id = answer["device_id"]

    async def come_back(self, began: float) -> float | None:
        """Seconds from the cut to `auth.ok`; None where it was refused or the promise ran out."""
        wait = AGAIN_SECONDS
        while time.monotonic() - began < PROMISE_SECONDS:
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


async def talking(one: Instance, number: int) -> tuple[SoftPhone, SoftPhone]:
    """A call of two devices that come back by themselves."""
    names = [f"caller-{number}", f"callee-{number}"]
    made = await tokens(one, names)
    url = one.url.replace("http", "ws", 1) + "/ws/phone"
    caller, callee = (
        SoftPhone(name, made[name], url, 430.0 + 40 * number + 400 * at) for at, name in enumerate(names)
    )
    for each in (caller, callee):
        await each.come_online()
    offer = await caller.offer()
    await caller.send("call.create", req_id="dial", destination=f"/private/{callee.name}", sdp=offer)
    callee.call_id = caller.call_id = (await callee.expect("call.incoming", 30.0))["call_id"]
    await caller.take_answer()
    await callee.pick_up()
    await caller.hears(callee.hertz)
    for each in (caller, callee):
        each.comes_back = True
    return caller, callee


async def storm(one: Instance, count: int, back: int, calls: int) -> int:
    stay_on_loopback()
    url = one.url.replace("http", "ws", 1) + "/ws/phone"
    live = [await talking(one, number) for number in range(calls)]
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

    began = time.monotonic()
    await asyncio.gather(*(enter(each) for each in devices))
    print(f"{count} sockets opened in {time.monotonic() - began:.0f} s, load {os.getloadavg()[0]:.1f}")
    phones = [phone for pair in live for phone in pair]
    for each in devices:
        each.cut()
    for phone in phones:
        assert phone._socket is not None
        phone._socket.transport.abort()
    cut = time.monotonic()

    async def later(device: Device) -> float | None:
        await asyncio.sleep(random.random() * BACK_WITHIN)
        return await device.come_back(cut)

    took = await asyncio.gather(*(later(each) for each in devices[:back]))
    in_time = sorted(each for each in took if each is not None and each <= PROMISE_SECONDS)
    closed = sum((each.closed for each in devices), Counter[int]())
    while any(not phone.returns for phone in phones) and time.monotonic() - cut < PROMISE_SECONDS:
        await asyncio.sleep(0.1)
    await asyncio.sleep(max(0.0, cut + PROMISE_SECONDS - time.monotonic()))  # past the grace of a live call
    found = [await asyncio.to_thread(one.api, "GET", f"/api/calls/{a.call_id}") for a, _ in live]
    lost = [call for call in found if call["state"] != "answered"]
    shown = {code: number for code, number in closed.items() if code}
    if in_time:
        p50, p99 = in_time[len(in_time) // 2], in_time[int(len(in_time) * 0.99)]
        print(f"auth.ok after the cut: p50 {p50:.1f} s, p99 {p99:.1f} s, last {in_time[-1]:.1f} s")
    print(f"{len(in_time)} of {back} back within {PROMISE_SECONDS:.0f} s (promise: all)")
    print(f"{closed[4401]} closed 4401 (promise 0), {closed[1013]} told to come again; codes {shown}")
    print(f"{len(lost)} of {calls} live calls lost (promise 0)")
    for call in lost:
        print(f"  {call['state']}: {call.get('end_reason')} {call.get('end_cause')}")
    print(f"  their phones came back {[phone.returns for phone in phones]} times")
    for phone in phones:
        phone.comes_back = False
        await phone.close()
    for each in devices[:back]:
        each.cut()
    return int(len(in_time) < back or closed[4401] > 0 or bool(lost))


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.storm")
    parser.add_argument("--sockets", type=int, default=3000)
    parser.add_argument("--back", type=int, default=2000)
    parser.add_argument("--calls", type=int, default=2)
    chosen = parser.parse_args()
    count = allowed(chosen.sockets)
    back = min(chosen.back, count)
    if count < chosen.sockets:
        print(f"the limit of open files allows {count} sockets, not {chosen.sockets}")
    with Instance() as one:
        return asyncio.run(storm(one, count, back, chosen.calls))


if __name__ == "__main__":
    sys.exit(main())
