"""A browser with the unmodified SDK, our own device, a desk phone and a script's caller in one room.

Four tones: each hears exactly the other three, by frequency, with and without mutes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bench.instance import Instance
from calling.sip.stack.events import Answered
from tests.e2e.desk import Desk, notice
from tests.signalwire.browser.stage import Page

TONES = {"alice": 428.0, "bob": 605.0, "carol": 811.0, "dave": 1130.0}
SECONDS = 40.0
PASSWORD = "secret-of-a-desk"

# A microphone that plays a tone, and ears that know tones.
SCENE = """(hertz) => {
  navigator.mediaDevices.getUserMedia = async () => {
    const context = new AudioContext();
    const [tone, gain, out] = [context.createOscillator(), context.createGain(),
      context.createMediaStreamDestination()];
    tone.frequency.value = hertz;
    gain.gain.value = 0.3;
    tone.connect(gain).connect(out);
    tone.start();
    return out.stream;
  };
  let ear;
  window.tones = (wanted) => {
    const stream = document.querySelector('video')?.srcObject;
    if (!ear && stream?.getAudioTracks().length) {
      const context = new AudioContext();
      ear = Object.assign(context.createAnalyser(), { fftSize: 8192, smoothingTimeConstant: 0.2 });
      context.createMediaStreamSource(new MediaStream(stream.getAudioTracks())).connect(ear);
    }
    if (!ear) return [];
    const bins = new Float32Array(ear.frequencyBinCount);
    ear.getFloatFrequencyData(bins);
    return wanted.filter((one) => bins[Math.round(one * ear.fftSize / ear.context.sampleRate)] > -55);
  };
}"""


def tones(sound: Any, rate: int, heard_at: float) -> list[float]:
    """Those of the cast's tones that are in the last 0.4 s."""
    if len(sound) < 20 or time.monotonic() - heard_at > 0.5:
        return []
    wave = np.concatenate(list(sound)[-20:]).astype(float)
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave)))) / len(wave)
    places = {hertz: round(hertz * len(wave) / rate) for hertz in TONES.values()}
    return [hertz for hertz, at in places.items() if spectrum[at - 2 : at + 3].max() > 100]


@pytest.fixture(scope="module")
def meet(instance: Instance) -> str:
    """A room, and a script at `/public/meet` that leads into it; the room's REST path."""
    instance.api("POST", "/api/fabric/resources/conference_rooms", {"name": "four"})
    script = {"version": "1.0.0", "sections": {"main": [{"join_room": {"name": "four"}}]}}
    body = {"name": "meet", "contents": json.dumps(script)}
    instance.api("POST", "/api/fabric/resources/swml_scripts", body)
    return "/api/rooms/four"


def endpoint(instance: Instance, reference: str, desk: str = "room") -> str:
    """A desk phone's account of that subscriber; its user name."""
    found = instance.api("GET", "/api/fabric/resources/subscribers?page_size=100")["data"]
    owner = next(each["id"] for each in found if reference in json.dumps(each))
    username = f"{reference}-{desk}-desk"
    body = {"username": username, "password": PASSWORD}
    instance.api("POST", f"/api/fabric/resources/subscribers/{owner}/sip_endpoints", body)
    return username


@pytest.mark.soak_only
def test_each_hears_exactly_the_other_three(
    instance: Instance,
    meet: str,
    tab: Callable[..., Page],
    phone: Callable[..., Any],
    token: Callable[[str], str],
) -> None:
    alice = tab("alice")
    alice.page.evaluate(f"({SCENE})({TONES['alice']})")
    alice.dial("/public/four", audio=True)
    carol, dave = phone("carol", TONES["carol"]), phone("dave", TONES["dave"])
    carol.run(carol.phone.dial("/public/four"))
    dave.run(dave.phone.dial("/public/meet"))
    token("bob")  # makes him a subscriber
    port = int(instance.environment["CALLWRIGHT_SIP_PORT"])
    desk = Desk(port, endpoint(instance, "bob"), PASSWORD, TONES["bob"])
    carol.run(desk.__aenter__())
    try:
        carol.run(dial_in(desk))
        ears: dict[str, Callable[[], list[float]]] = {
            "alice": lambda: list(alice.run("tones", list(TONES.values()))),
            "bob": lambda: tones(desk.sound.heard, 8000, desk.sound.heard_at),
            "carol": lambda: tones(carol.phone._sound, 48000, carol.phone._sound_at),
            "dave": lambda: tones(dave.phone._sound, 48000, dave.phone._sound_at),
        }

        def all_hear(*talking: str) -> None:
            for name, ear in ears.items():
                wanted = [TONES[other] for other in TONES if other in talking and other != name]
                alice.until(lambda ear=ear, wanted=wanted: ear() == wanted, f"{name} of {wanted}", SECONDS)

        all_hear(*TONES)
        members = instance.api("GET", meet)["members"]
        assert len(members) == 4
        for silent in ("bob", "alice"):
            (leg,) = (each["leg_id"] for each in members if silent in each["address"])
            instance.api("POST", f"{meet}/members/{leg}/mute")
            all_hear(*(name for name in TONES if name != silent))
            instance.api("POST", f"{meet}/members/{leg}/unmute")
            all_hear(*TONES)
        instance.api("POST", f"{meet}/end")
        alice.until(lambda: ears["carol"]() == [], "the end of the room", SECONDS)
    finally:
        carol.run(desk.__aexit__(None, None, None))


async def dial_in(desk: Desk) -> None:
    call = desk.dial("four")
    desk.sound.agree((await notice(call, Answered)).sdp)


@pytest.mark.soak_only
def test_two_versions_of_the_sdk_and_a_desk_phone_hear_each_other(
    instance: Instance,
    meet: str,
    tab: Callable[..., Page],
    phone: Callable[..., Any],
    token: Callable[[str], str],
) -> None:
    first, third = tab("alice"), tab("carol", query="version3.html")
    for page, name in ((first, "alice"), (third, "carol")):
        page.page.evaluate(f"({SCENE})({TONES[name]})")
    first.dial("/public/four", audio=True)
    third.reaches(third.dial("/public/four", audio=True), "started")
    token("bob")
    port = int(instance.environment["CALLWRIGHT_SIP_PORT"])
    loop = phone("dave", TONES["dave"])  # its event loop carries the desk phone, too
    desk = Desk(port, endpoint(instance, "bob", "second"), PASSWORD, TONES["bob"])
    loop.run(desk.__aenter__())
    try:
        loop.run(dial_in(desk))
        ears: dict[str, Callable[[], list[float]]] = {
            "alice": lambda: list(first.run("tones", list(TONES.values()))),
            "bob": lambda: tones(desk.sound.heard, 8000, desk.sound.heard_at),
            "carol": lambda: list(third.run("tones", list(TONES.values()))),
        }
        for name, ear in ears.items():
            wanted = [TONES[other] for other in ("alice", "bob", "carol") if other != name]
            first.until(lambda ear=ear, wanted=wanted: ear() == wanted, f"{name} of {wanted}", SECONDS)
        assert len(instance.api("GET", meet)["members"]) == 3
        instance.api("POST", f"{meet}/end")
    finally:
        loop.run(desk.__aexit__(None, None, None))
