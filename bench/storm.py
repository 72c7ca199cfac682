"""Thousands of device sockets cut at once, most of them back within a second: how soon each is let in again.

As after the restart of a proxy. Sockets come from many addresses of loopback, as devices do; one that is told
1013 (come again) waits as callwright.js does. Some carry a live call, which must still be there.
Run alone with `python -m bench storm [--sockets N] [--back N] [--calls N]`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import time
from collections import Counter

from bench.crowd import PATIENCE_SECONDS, Device, allowed, come_online, tokens
from bench.instance import Instance
from bench.softphone import SoftPhone, stay_on_loopback

BACK_WITHIN = 1.0


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
    live = [await talking(one, number) for number in range(calls)]
    began = time.monotonic()
    devices = await come_online(one, count)
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
    in_time = sorted(each for each in took if each is not None and each <= PATIENCE_SECONDS)
    closed = sum((each.closed for each in devices), Counter[int]())
    while any(not phone.returns for phone in phones) and time.monotonic() - cut < PATIENCE_SECONDS:
        await asyncio.sleep(0.1)
    await asyncio.sleep(max(0.0, cut + PATIENCE_SECONDS - time.monotonic()))  # past the grace of a live call
    found = [await asyncio.to_thread(one.api, "GET", f"/api/calls/{a.call_id}") for a, _ in live]
    lost = [call for call in found if call["state"] != "answered"]
    shown = {code: number for code, number in closed.items() if code}
    if in_time:
        p50, p99 = in_time[len(in_time) // 2], in_time[int(len(in_time) * 0.99)]
        print(f"auth.ok after the cut: p50 {p50:.1f} s, p99 {p99:.1f} s, last {in_time[-1]:.1f} s")
    print(f"{len(in_time)} of {back} back within {PATIENCE_SECONDS:.0f} s (promise: all)")
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
