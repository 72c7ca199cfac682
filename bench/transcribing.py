"""What transcribed calls cost a media worker's event loop: `python -m bench.transcribing`.

Ten devices speak sentences to an echo, by turns without and with `transcribe`; of each turn the worker's own
p99 lag of its loop is read from `/metrics`. The aim is at most 10 % more with than without, where the speech
workers have cores of their own. Other work on the same cores is in both figures, so the load is printed and
nothing is refused.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import re
import statistics
import subprocess
import sys
import time
import urllib.request
import wave
from pathlib import Path
from typing import Any

import numpy as np
from aiortc.mediastreams import MediaStreamTrack

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


def lag_ms(one: Instance) -> float:
    with urllib.request.urlopen(f"{one.url}/metrics", timeout=10) as answer:
        found = re.findall(r"^callwright_worker_loop_lag_seconds\{.*\} (\S+)", answer.read().decode(), re.M)
    return 1000 * max(float(each) for each in found)


async def measure(one: Instance, calls: int, rounds: int, seconds: float) -> dict[str, list[float]]:
    """The lags in ms, by way."""
    sound, phones = spoken(SENTENCE), []
    for number in range(calls):
        path = "/api/fabric/subscribers/tokens"
        made = await asyncio.to_thread(one.api, "POST", path, {"reference": f"speaker-{number}"})
        url = one.url.replace("http", "ws", 1) + "/ws/phone"
        phone = Speaker(f"speaker-{number}", made["token"], url, sound, number * len(sound) // calls)
        await phone.come_online()
        await phone.dial("/public/echo")
        phones.append(phone)
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    for number in range(rounds):
        for way in WAYS:
            if way == "with":
                await each_of(one, phones, "transcribe", {**ASKED, "control_id": f"w{number}"})
            await asyncio.sleep(WINDOW_SECONDS)
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                found[way].append(await asyncio.to_thread(lag_ms, one))
                await asyncio.sleep(1)
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
        lags = asyncio.run(measure(one, chosen.calls, chosen.rounds, chosen.seconds))
    without, beside = (statistics.median(lags[way]) for way in WAYS)
    print(f"\nlag of a media worker's loop, p99 of 5 s, median of {len(lags['with'])} readings, ms")
    print(f"  {chosen.calls} calls                {without:8.1f}")
    print(f"  {chosen.calls} calls, transcribed   {beside:8.1f}")
    ratio = beside / max(without, 0.1)
    print(f"  ratio {ratio:.2f}, aimed at {AIM:.2f} at most (load {os.getloadavg()[0]:.0f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
