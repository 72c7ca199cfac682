"""Calls by the dozen against a running instance: what `manage.py loadtest` does. Devices, REST dials, rooms.

Every device is a software phone with sound of its own, so its share of this machine is what limits the
load: some twenty calls at once per core. Run it on another machine to learn what the server holds.
Nothing here starts or changes processes; subscribers named `load-*` stay behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bench.api import Api, Refused
from bench.softphone import Missing, SoftPhone

SETTLE_SECONDS = 15.0
HERTZ = (430.0, 620.0)


@dataclass
class Tally:
    """What happened. Times in milliseconds."""

    placed: int = 0
    heard: int = 0
    ring_ms: list[float] = field(default_factory=list)
    sound_ms: list[float] = field(default_factory=list)
    problems: Counter[str] = field(default_factory=Counter)
    call_ids: set[str] = field(default_factory=set)

    def note(self, error: BaseException) -> None:
        """Count a failure under its words, without names of devices or calls."""
        text = str(error) or type(error).__name__
        words = [word for word in text.split() if not word.startswith("load-")]
        self.problems[" ".join(words)[:100]] += 1


@dataclass(frozen=True)
class Load:
    """How much: calls in all, how many at once, seconds each talks; rooms and members of each."""

    calls: int
    at_once: int
    talk_seconds: float
    rooms: int
    members: int


Progress = Callable[[str], None]


class LoadTest:
    """One run against one instance. `tallies` has a Tally per kind: devices, REST, rooms."""

    def __init__(self, api: Api, socket_url: str, load: Load, progress: Progress) -> None:
        self.api, self.socket_url, self.load, self.progress = api, socket_url, load, progress
        self.tallies = {kind: Tally() for kind in ("device to device", "REST to device", "room")}
        self.done = 0

    async def run(self) -> None:
        waiting: asyncio.Queue[int] = asyncio.Queue()
        for number in range(self.load.calls):
            waiting.put_nowait(number)
        lanes = range(min(self.load.at_once, self.load.calls))
        await asyncio.gather(*(self._lane(lane, waiting) for lane in lanes))
        for number in range(self.load.rooms):
            await self._room(number)
        self._check_log()

    # --- calls

    async def _lane(self, lane: int, waiting: asyncio.Queue[int]) -> None:
        """Two devices that call each other again and again; every third call is dialled by the back end."""
        try:
            pair = [await self._phone(f"load-{lane}-{side}", HERTZ[side]) for side in (0, 1)]
        except (OSError, Missing, Refused) as error:
            self.tallies["device to device"].note(error)
            return
        while not waiting.empty():
            number = waiting.get_nowait()
            rest = number % 3 == 2
            tally = self.tallies["REST to device" if rest else "device to device"]
            tally.placed += 1
            try:
                await (self._rest_call if rest else self._device_call)(tally, *pair)
            except (OSError, Missing, Refused) as error:
                tally.note(error)
                for each in pair:
                    await self._hang_up(each)
            self.done += 1
            self.progress(f"{self.done} of {self.load.calls} calls")
        for each in pair:
            await each.close()

    async def _phone(self, name: str, hertz: float) -> SoftPhone:
        path = "/api/fabric/subscribers/tokens"
        made = await asyncio.to_thread(self.api.ask, "POST", path, {"reference": name})
        phone = SoftPhone(name, made["token"], self.socket_url, hertz)
        await phone.come_online()
        return phone

    async def _device_call(self, tally: Tally, alice: SoftPhone, bob: SoftPhone) -> None:
        offer = await alice.offer()
        begun = time.monotonic()
        await alice.send("call.create", req_id="dial", destination=f"/private/{bob.name}", sdp=offer)
        bob.call_id = alice.call_id = (await bob.expect("call.incoming"))["call_id"]
        tally.ring_ms.append((time.monotonic() - begun) * 1000)
        tally.call_ids.add(alice.call_id)
        await alice.take_answer()
        await self._answer_and_hear(tally, bob, [(alice, bob.hertz), (bob, alice.hertz)])
        await self._end(alice, bob)

    async def _rest_call(self, tally: Tally, alice: SoftPhone, bob: SoftPhone) -> None:
        """The back end dials bob and plays him a tone; alice only waits."""
        script = {"version": "1.0.0", "sections": {"main": [{"answer": {}}, {"play": {"url": "ring:60:us"}}]}}
        dial = {"to": f"/private/{bob.name}", "script": script}
        begun = time.monotonic()
        made = await asyncio.to_thread(self.api.ask, "POST", "/api/calls", dial)
        tally.call_ids.add(made["id"])
        bob.call_id = (await bob.expect("call.incoming"))["call_id"]
        tally.ring_ms.append((time.monotonic() - begun) * 1000)
        await self._answer_and_hear(tally, bob, [])
        await self._end(bob)

    async def _answer_and_hear(
        self, tally: Tally, bob: SoftPhone, wanted: list[tuple[SoftPhone, float]]
    ) -> None:
        offer = await bob.offer()
        for each in (bob, *(phone for phone, _ in wanted)):
            each.forget_sound()
        begun = time.monotonic()
        await bob.send("call.answer", call_id=bob.call_id, sdp=offer)
        await bob.take_answer()
        ears = [phone for phone, _ in wanted] or [bob]
        await _until(lambda: all(each.has_sound for each in ears), "sound")
        tally.sound_ms.append((time.monotonic() - begun) * 1000)
        for phone, hertz in wanted:
            await phone.hears(hertz)
        tally.heard += 1
        await asyncio.sleep(self.load.talk_seconds)

    async def _end(self, *phones: SoftPhone) -> None:
        await phones[0].send("call.hangup", call_id=phones[0].call_id)
        for each in phones:
            await each.expect("call.ended", call_id=each.call_id)
            await _let_go(each)

    async def _hang_up(self, phone: SoftPhone) -> None:
        with contextlib.suppress(Exception):
            await phone.send("call.hangup", call_id=phone.call_id)
        await _let_go(phone)

    # --- rooms

    async def _room(self, number: int) -> None:
        """Members join one by one, each hears somebody, all leave."""
        tally = self.tallies["room"]
        name = f"load-room-{number}"
        with contextlib.suppress(Refused):  # it may be there from an earlier run
            path = "/api/fabric/resources/conference_rooms"
            await asyncio.to_thread(self.api.ask, "POST", path, {"name": name})
        phones = []
        try:
            for member in range(self.load.members):
                phone = await self._phone(f"load-member-{member}", 400.0 + 90 * member)
                phones.append(phone)
                tally.placed += 1
                offer = await phone.offer()
                begun = time.monotonic()
                await phone.send("call.create", req_id="join", destination=f"/public/{name}", sdp=offer)
                phone.call_id = (await phone.expect("call.trying"))["call_id"]
                tally.call_ids.add(phone.call_id)
                await phone.take_answer()
                await phone.expect("call.answered", call_id=phone.call_id)
                tally.ring_ms.append((time.monotonic() - begun) * 1000)
            for phone in phones:
                await _until(lambda phone=phone: phone.has_sound, "the others in the room")  # type: ignore[misc]
                tally.heard += 1
            await asyncio.sleep(self.load.talk_seconds)
        except (OSError, Missing, Refused) as error:
            tally.note(error)
        for phone in phones:
            await self._hang_up(phone)
            await phone.close()
        self.progress(f"room {number + 1} of {self.load.rooms}")

    # --- the log

    def _check_log(self) -> None:
        """Every call must have one `call.ended` at its end and a sequence without gaps."""
        for tally in self.tallies.values():
            for call_id in sorted(tally.call_ids):
                if (fault := self._fault(call_id)) is not None:
                    tally.problems[fault] += 1

    def _fault(self, call_id: str) -> str | None:
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            told = self.api.ask("GET", f"/api/calls/{call_id}/events?page_size=200")["data"]
            kinds = [each["type"] for each in told]
            if "call.ended" in kinds or time.monotonic() > deadline:
                break
            time.sleep(0.2)
        if kinds.count("call.ended") != 1:
            return f"{kinds.count('call.ended')} call.ended in the log"
        if [each["data"]["sequence"] for each in told] != list(range(1, len(told) + 1)):
            return "a gap in the event log"
        return None

    def rows(self) -> Iterator[tuple[str, Tally]]:
        """The kinds that were asked for."""
        return ((kind, tally) for kind, tally in self.tallies.items() if tally.placed or tally.problems)


async def _let_go(phone: SoftPhone) -> None:
    if phone.pc is not None:
        await phone.pc.close()
        phone.pc = None


async def _until(test: Callable[[], bool], what: str, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not test():
        if time.monotonic() > deadline:
            raise Missing(f"no sound of {what} within {seconds:g} s")
        await asyncio.sleep(0.005)


def percentile(values: list[float], share: float) -> float:
    """The value below which that share lies; 0 for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))] if ordered else 0.0


def table(test: LoadTest, seconds: float) -> str:
    """The report as a person reads it."""
    lines = [
        f"{'':18}{'calls':>6}{'heard':>7}{'ring p50':>10}{'p99':>7}{'sound p50':>11}{'p99':>7}  ms",
    ]
    for kind, tally in test.rows():
        rings = f"{percentile(tally.ring_ms, 0.5):10.0f}{percentile(tally.ring_ms, 0.99):7.0f}"
        sounds = f"{percentile(tally.sound_ms, 0.5):11.0f}{percentile(tally.sound_ms, 0.99):7.0f}"
        lines.append(f"{kind:18}{tally.placed:6}{tally.heard:7}{rings}{sounds}")
    placed = sum(tally.placed for _, tally in test.rows())
    lines.append(f"{placed} calls in {seconds:.0f} s, {placed / max(seconds, 0.001):.1f} a second")
    for kind, tally in test.rows():
        lines += [f"  {kind}: {count} x {words}" for words, count in tally.problems.most_common()]
    return "\n".join(lines)


def summary(test: LoadTest, seconds: float) -> dict[str, object]:
    """The same for programs."""
    rows = [
        {
            "kind": kind,
            "calls": tally.placed,
            "heard": tally.heard,
            "ring_ms": {"p50": percentile(tally.ring_ms, 0.5), "p99": percentile(tally.ring_ms, 0.99)},
            "sound_ms": {"p50": percentile(tally.sound_ms, 0.5), "p99": percentile(tally.sound_ms, 0.99)},
            "problems": dict(tally.problems.most_common()),
        }
        for kind, tally in test.rows()
    ]
    return {"seconds": round(seconds, 1), "calls": sum(each.placed for _, each in test.rows()), "kinds": rows}
