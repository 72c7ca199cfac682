"""What transcribed calls cost a media worker's event loop: `python -m bench.transcribing`.

Ten devices speak sentences to an echo, by turns without and with `transcribe`; of each turn the worker's own
p99 lag of its loop is read from `/metrics`. The aim is at most 10 % more with than without. Where a lag comes
from is printed too: the CPU that each kind of process used, and how long the loop was ready to run and had no
core. Other work on the same cores is in both figures, so the load is printed and nothing is refused.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import os
import re
import statistics
import subprocess
import sys
import time
import urllib.request
import wave
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from aiortc.mediastreams import MediaStreamTrack

from bench.idle import cpu_seconds, pids
from bench.instance import Instance
from bench.softphone import FRAME, RATE, SoftPhone, Tone, stay_on_loopback
from calling.speech import installed

AIM = 1.1
SENTENCE = "I ordered a lamp three weeks ago, and I would like to know when it is going to arrive."
WINDOW_SECONDS = 6.0  # a worker's figure is of its last 5 s, and told once a second
WAYS = ("without", "with")
ASKED = {"leg": "caller", "model": installed.QUICK}


def spoken(text: str) -> np.ndarray:
    """A sentence at 48 kHz, and a pause behind it."""
    made = subprocess.run(["espeak-ng", "--stdout", text], capture_output=True, check=True, timeout=30).stdout
    with wave.open(io.BytesIO(made)) as file:
        rate, sound = file.getframerate(), np.frombuffer(file.readframes(1 << 26), np.int16)
    size = len(sound) * RATE // rate
    wide = np.interp(np.arange(size) * rate / RATE, np.arange(len(sound)), sound)
    pause = np.zeros(2 * RATE - size % FRAME)
    return np.concatenate((wide, pause)).astype(np.int16)


class Voice(Tone):
    """A sentence again and again; `begin` is where in it."""

    def __init__(self, sound: np.ndarray, begin: int) -> None:
        super().__init__(0)
        self._said, self._begin = sound, begin

    def wave(self, steps: np.ndarray) -> np.ndarray:
        return self._said[(steps + self._begin) % len(self._said)]


class Speaker(SoftPhone):
    def __init__(self, name: str, token: str, url: str, sound: np.ndarray, begin: int) -> None:
        super().__init__(name, token, url, 0)
        self._voice = Voice(sound, begin)

    def speaks(self) -> MediaStreamTrack:
        return self._voice


@dataclass
class Turns:
    """What was read in all turns of one way."""

    lags: list[float] = field(default_factory=list)  # ms
    seconds: float = 0.0
    cpu: Counter[str] = field(default_factory=Counter)  # seconds by role
    waited: float = 0.0  # seconds that the loop was ready to run and had no core

    def begin(self, root: int) -> None:
        self._since = time.monotonic(), spent(root), threads(root)

    def end(self, root: int) -> None:
        at, cpu, before = self._since
        self.seconds += time.monotonic() - at
        self.cpu.update(spent(root) - cpu)
        ran = [
            (now[0] - before[one][0], now[1] - before[one][1])
            for one, now in threads(root).items()
            if one in before
        ]
        self.waited += max(ran, default=(0.0, 0.0))[1]  # the loop is the thread that ran the most

    def told(self, way: str) -> str:
        parts = [f"{role} {used / self.seconds:.2f}" for role, used in self.cpu.most_common(5)]
        waited = 100 * self.waited / self.seconds
        return f"  {way:8} cores: {', '.join(parts)}; the loop waited for one {waited:.1f} % of the time"


def spent(root: int) -> Counter[str]:
    """Seconds of CPU by role, the phones here too."""
    return cpu_seconds(root) + Counter({"phones": time.process_time()})


def threads(root: int) -> dict[str, tuple[float, float]]:
    """Of the threads of the media worker: seconds that each ran, and was ready to run and had no core."""
    found = {}
    for pid in pids(root, "media worker"):
        for file in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            with contextlib.suppress(OSError):
                ran, waited, _ = file.read_text().split()
                found[file.parent.name] = int(ran) / 1e9, int(waited) / 1e9
    return found


def lag_ms(one: Instance) -> float:
    with urllib.request.urlopen(f"{one.url}/metrics", timeout=10) as answer:
        found = re.findall(r"^callwright_worker_loop_lag_seconds\{.*\} (\S+)", answer.read().decode(), re.M)
    return 1000 * max(float(each) for each in found)


async def measure(one: Instance, calls: int, rounds: int, seconds: float) -> dict[str, Turns]:
    """The readings, by way."""
    assert one.process is not None
    root = one.process.pid
    sound, phones = spoken(SENTENCE), []
    for number in range(calls):
        path = "/api/fabric/subscribers/tokens"
        made = await asyncio.to_thread(one.api, "POST", path, {"reference": f"speaker-{number}"})
        url = one.url.replace("http", "ws", 1) + "/ws/phone"
        phone = Speaker(f"speaker-{number}", made["token"], url, sound, number * len(sound) // calls)
        await phone.come_online()
        await phone.dial("/public/echo")
        phones.append(phone)
    found = {way: Turns() for way in WAYS}
    for number in range(rounds):
        for way in WAYS:
            if way == "with":
                await each_of(one, phones, "transcribe", {**ASKED, "control_id": f"w{number}"})
            await asyncio.sleep(WINDOW_SECONDS)
            until = time.monotonic() + seconds
            found[way].begin(root)
            while time.monotonic() < until:
                found[way].lags.append(await asyncio.to_thread(lag_ms, one))
                await asyncio.sleep(1)
            found[way].end(root)
            if way == "with":
                await each_of(one, phones, f"transcribe/w{number}/stop", {})
    finals = 0
    for phone in phones:
        events = await asyncio.to_thread(one.api, "GET", f"/api/calls/{phone.call_id}/events?page_size=200")
        finals += sum(each["type"] == "transcribe.final" for each in events["data"])
        await phone.close()
    if finals < calls:
        raise SystemExit(f"only {finals} utterances of {calls} calls were transcribed")
    return found


async def each_of(one: Instance, phones: list[Speaker], command: str, body: dict[str, Any]) -> None:
    for phone in phones:
        await asyncio.to_thread(one.api, "POST", f"/api/calls/{phone.call_id}/{command}", body)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.transcribing")
    parser.add_argument("--calls", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=15, help="of each turn")
    chosen = parser.parse_args()
    if not installed.recognisers(Path("/nonexistent")):
        print(f"\ntranscribed calls: not measured, no recogniser is installed. {installed.ADVICE}")
        return 0
    stay_on_loopback()
    with Instance(CALLWRIGHT_SPEECH_WORKERS="2") as one:
        turns = asyncio.run(measure(one, chosen.calls, chosen.rounds, chosen.seconds))
    without, beside = (statistics.median(turns[way].lags) for way in WAYS)
    print(f"\nlag of a media worker's loop, p99 of 5 s, median of {len(turns['with'].lags)} readings, ms")
    print(f"  {chosen.calls} calls                {without:8.1f}")
    print(f"  {chosen.calls} calls, transcribed   {beside:8.1f}")
    for way in WAYS:
        print(turns[way].told(way))
    ratio = beside / max(without, 0.1)
    print(f"  ratio {ratio:.2f}, aimed at {AIM:.2f} at most (load {os.getloadavg()[0]:.0f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
