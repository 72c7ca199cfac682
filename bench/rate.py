"""How many calls a second, and how soon they ring meanwhile: an open loop at 70 % of the machine.

One instance of `make run` and many light phones in this process: real sockets, ICE, DTLS and SRTP, but
their sound is one file that was encoded once and goes to all, so that the machine is the servers'. First a
few calls, a second apart, tell what one costs; from that comes the rate at which servers and phones
together take the wanted share of all cores. Calls then begin at that rate whether others are done or not,
talk for 10 s and hang up.

Run alone with `python -m bench rate [--seconds N] [--share 0.7] [--rate R]`. Printed: `call.create` to
`call.incoming` at p50 and p99, what a call costs the servers, and how many calls a second that is for each
core of theirs.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from bench.calls import percentile
from bench.idle import cpu_seconds
from bench.instance import Instance
from bench.playing import tune
from bench.softphone import Missing, SoftPhone, stay_on_loopback
from calling.machine.states import Media
from calling.media.files.player import FilePlayer
from calling.media.files.prepare import prepare
from calling.media.files.prepared import open_prepared
from calling.media.rtp.config import MediaConfig
from calling.media.webrtc.peer import WebRtcPeer
from config import env as environment

TALK_SECONDS = 10.0
SOUND_SECONDS = 10.0
PROBES = 12
SETTLED_SECONDS = 10.0
PROMISED_P99_MS = 150
SOME = 16  # phones that come online at once
MOST_PAIRS = 300


class LightPhone(SoftPhone):
    """A device whose sound is packets that all such devices send."""

    config = MediaConfig(bind="127.0.0.1", advertised="127.0.0.1", ports=(20000, 29999))
    player: FilePlayer
    peer: WebRtcPeer | None = None

    async def offer(self) -> str:
        self.peer = WebRtcPeer(self.config, lambda signal: None)
        return await self.peer.offer(Media(receive_audio=True))

    async def take_answer(self) -> None:
        assert self.peer is not None
        answer = await self.expect("sdp.answer", call_id=self.call_id)
        await self.peer.accept(answer["sdp"])
        self.peer.port.set_audio_source(self.player)

    @property
    def has_sound(self) -> bool:
        return self.peer is not None and bool(self.peer.port.audio_in.streams)

    async def forget_call(self) -> None:
        self.heard.clear()
        self._place = 0
        if self.peer is not None:
            await self.peer.close()
            self.peer = None

    async def close(self) -> None:
        await self.forget_call()
        await super().close()


@dataclass
class Tally:
    """What became of the calls. Milliseconds."""

    begun: int = 0
    done: int = 0
    ring_ms: list[float] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)


async def one_call(alice: LightPhone, bob: LightPhone, talk: float, tally: Tally) -> None:
    """alice dials, bob answers, both hear something, they talk, alice hangs up."""
    tally.begun += 1
    try:
        offer = await alice.offer()
        begun = time.monotonic()
        await alice.send("call.create", req_id="dial", destination=f"/private/{bob.name}", sdp=offer)
        bob.call_id = alice.call_id = (await bob.expect("call.incoming"))["call_id"]
        tally.ring_ms.append(1000 * (time.monotonic() - begun))
        await alice.take_answer()
        await bob.send("call.answer", call_id=bob.call_id, sdp=await bob.offer())
        await bob.take_answer()
        async with asyncio.timeout(SOUND_SECONDS):
            while not (alice.has_sound and bob.has_sound):
                await asyncio.sleep(0.05)
        await asyncio.sleep(talk)
        await alice.send("call.hangup", call_id=alice.call_id)
        await asyncio.gather(alice.expect("call.ended"), bob.expect("call.ended"))
        tally.done += 1
    except (Missing, TimeoutError, OSError) as problem:
        tally.failed[str(problem)[:80] or type(problem).__name__] += 1
    finally:
        await asyncio.gather(alice.forget_call(), bob.forget_call())


class Crowd:
    """Pairs of phones that are online; those in a call are not taken again until it is over."""

    def __init__(self, one: Instance) -> None:
        self.one = one
        self.free: list[tuple[LightPhone, LightPhone]] = []
        self.count = 0

    async def grow(self, pairs: int) -> None:
        gate = asyncio.Semaphore(SOME)

        async def phone(name: str) -> LightPhone:
            async with gate:
                body = {"reference": name}
                made = await asyncio.to_thread(self.one.api, "POST", "/api/fabric/subscribers/tokens", body)
                url = self.one.url.replace("http", "ws", 1) + "/ws/phone"
                found = LightPhone(name, made["token"], url, 0.0)
                await found.come_online()
                return found

        numbers = range(self.count, self.count + pairs)
        names = [f"{side}{number}" for number in numbers for side in ("caller", "callee")]
        phones = await asyncio.gather(*map(phone, names))
        self.free += zip(phones[::2], phones[1::2], strict=True)
        self.count += pairs

    async def call(self, talk: float, tally: Tally) -> None:
        if not self.free:
            tally.failed["no phone was free"] += 1
            return
        pair = self.free.pop(0)
        await one_call(*pair, talk, tally)
        self.free.append(pair)

    async def calls(self, rate: float, seconds: float, talk: float) -> Tally:
        """One each 1/rate seconds, whether the others are done or not."""
        tally, begun = Tally(), time.monotonic()
        running: list[asyncio.Task[None]] = []
        for number in range(max(1, round(rate * seconds))):
            await asyncio.sleep(max(0.0, begun + number / rate - time.monotonic()))
            running.append(asyncio.create_task(self.call(talk, tally)))
        await asyncio.gather(*running)
        return tally

    async def close(self) -> None:
        await asyncio.gather(*(phone.close() for pair in self.free for phone in pair))


@dataclass(frozen=True)
class Spent:
    """CPU seconds until a moment: of the servers by role, and of this process."""

    at: float
    servers: Counter[str]
    phones: float

    @classmethod
    def now(cls, root: int) -> Spent:
        return cls(time.monotonic(), cpu_seconds(root), time.process_time())

    def since(self, before: Spent) -> Spent:
        servers = Counter({name: self.servers[name] - before.servers[name] for name in self.servers})
        return Spent(self.at - before.at, servers, self.phones - before.phones)


async def measure(one: Instance, seconds: float, share: float, rate: float | None) -> int:
    assert one.process is not None
    root, crowd = one.process.pid, Crowd(one)
    await crowd.grow(20)
    await crowd.calls(2.0, 2.0, 0.0)  # pools and caches
    await asyncio.sleep(SETTLED_SECONDS)
    before = Spent.now(root)
    few = await crowd.calls(1.0, PROBES, TALK_SECONDS)
    spent = Spent.now(root).since(before)
    each = (spent.servers.total() + spent.phones) / PROBES
    wanted = rate or share * (os.cpu_count() or 1) / each
    pairs = min(MOST_PAIRS, round(wanted * (TALK_SECONDS + 4)) + 4)
    await crowd.grow(max(0, pairs - crowd.count))
    await asyncio.sleep(SETTLED_SECONDS)
    before = Spent.now(root)
    many = await crowd.calls(wanted, seconds, TALK_SECONDS)
    spent = Spent.now(root).since(before)
    await crowd.close()
    return report(few, many, spent, wanted)


def told(name: str, tally: Tally) -> None:
    p50, p99 = (percentile(tally.ring_ms or [0.0], share) for share in (0.5, 0.99))
    print(f"  {name:16}{tally.done} of {tally.begun} calls, ringing after p50 {p50:.0f} ms, p99 {p99:.0f} ms")
    for problem, times in tally.failed.most_common(3):
        print(f"  {'':16}{times} failed: {problem}")


def report(few: Tally, many: Tally, spent: Spent, rate: float) -> int:
    """Print the table; 0 if every call went well and the promise holds."""
    cores, done = os.cpu_count() or 1, max(1, many.done)
    print(f"\ncalls of {TALK_SECONDS:g} s at a rate, load {os.getloadavg()[0]:.1f}")
    told("one a second", few)
    told(f"{rate:.1f} a second", many)
    servers, phones = (100 * used / spent.at / cores for used in (spent.servers.total(), spent.phones))
    print(f"  of the machine the servers took {servers:.0f} %, the phones {phones:.0f} %")
    for role, used in spent.servers.most_common(5):
        print(f"  {1000 * used / done:6.0f} ms of CPU a call  {role}")
    cost = spent.servers.total() / done
    print(
        f"  {1000 * cost:6.0f} ms of CPU a call  in all: {1 / cost:.1f} calls/s for each core of the servers"
    )
    late = percentile(many.ring_ms or [0.0], 0.99)
    verdict = "ok" if late <= PROMISED_P99_MS else "MISSED"
    print(f"  {late:6.0f} ms until it rings at p99 (promise {PROMISED_P99_MS})  {verdict}")
    return int(late > PROMISED_P99_MS or many.done < many.begun)


async def staged(one: Instance, seconds: float, share: float, rate: float | None) -> int:
    with tempfile.TemporaryDirectory() as directory:
        source, made = Path(directory) / "tune.wav", Path(directory) / "tune.cwp"
        source.write_bytes(tune())
        await prepare(source, made)
        LightPhone.player = FilePlayer([open_prepared(made)], loops=0)
        return await measure(one, seconds, share, rate)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench rate", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--share", type=float, default=0.7, help="of the machine")
    parser.add_argument("--rate", type=float, help="calls a second, instead of a share of the machine")
    options = parser.parse_args(arguments)
    stay_on_loopback()
    workers = str(environment.cores())  # as `make run` has: one takes no session when its core is busy
    with Instance(CALLWRIGHT_MEDIA_WORKERS=workers) as one:
        return asyncio.run(staged(one, options.seconds, options.share, options.rate))


if __name__ == "__main__":
    sys.exit(main())
