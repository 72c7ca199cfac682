"""How long a call takes to set up: `call.create` to `call.incoming`, and the answer to sound both ways.

One instance of `make run`, two software phones in this process, one call after the other. Wall-clock
times of the whole way: socket, door, PostgreSQL, media worker, ICE, DTLS, first decoded sound.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time

from bench.instance import Instance
from bench.softphone import SoftPhone, stay_on_loopback

PROMISED_RING_MS = 100
PROMISED_SOUND_MS = 500
SOUND_SECONDS = 5.0


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


async def phone(one: Instance, name: str, hertz: float) -> SoftPhone:
    made = one.api("POST", "/api/fabric/subscribers/tokens", {"reference": name})
    online = SoftPhone(name, made["token"], one.url.replace("http", "ws", 1) + "/ws/phone", hertz)
    await online.come_online()
    return online


async def one_call(alice: SoftPhone, bob: SoftPhone) -> tuple[float, float]:
    """(ms until bob rings, ms from bob's answer until both decode sound)."""
    offer = await alice.offer()
    begun = time.monotonic()
    await alice.send("call.create", req_id="dial", destination="/private/bob", sdp=offer)
    bob.call_id = alice.call_id = (await bob.expect("call.incoming"))["call_id"]
    rang = time.monotonic() - begun
    await alice.take_answer()
    offer = await bob.offer()
    alice.forget_sound()
    bob.forget_sound()
    begun = time.monotonic()
    await bob.send("call.answer", call_id=bob.call_id, sdp=offer)
    await bob.take_answer()
    while not (alice.has_sound and bob.has_sound):
        if time.monotonic() - begun > SOUND_SECONDS:
            raise TimeoutError("no sound both ways")
        await asyncio.sleep(0.002)
    heard = time.monotonic() - begun
    await alice.send("call.hangup", call_id=alice.call_id)
    await asyncio.gather(alice.expect("call.ended"), bob.expect("call.ended"))
    for each in (alice, bob):
        if each.pc is not None:
            await each.pc.close()
    return rang * 1000, heard * 1000


async def measure(one: Instance, calls: int) -> tuple[list[float], list[float]]:
    alice, bob = await phone(one, "alice", 425), await phone(one, "bob", 610)
    rings, sounds = [], []
    for number in range(calls + 2):
        rang, heard = await one_call(alice, bob)
        if number >= 2:  # the first calls warm the pools up
            rings.append(rang)
            sounds.append(heard)
    await alice.close()
    await bob.close()
    return rings, sounds


def main(arguments: list[str] | None = None) -> int:
    """Print the table; 0 if both promises hold."""
    parser = argparse.ArgumentParser(prog="bench.calls", description=__doc__)
    parser.add_argument("--calls", type=int, default=20, choices=range(1, 501), metavar="1-500")
    options = parser.parse_args(arguments)
    stay_on_loopback()
    with Instance() as one:
        rings, sounds = asyncio.run(measure(one, options.calls))
    print(f"\ncall set-up over {len(rings)} calls, ms        p50    p90   promised p50")
    rows = (
        ("call.create to call.incoming", rings, PROMISED_RING_MS),
        ("answer to sound both ways", sounds, PROMISED_SOUND_MS),
    )
    for name, values, promise in rows:
        print(f"  {name:34} {percentile(values, 0.5):8.0f} {percentile(values, 0.9):6.0f}   {promise}")
    return 0 if all(percentile(values, 0.5) <= promise for _, values, promise in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
