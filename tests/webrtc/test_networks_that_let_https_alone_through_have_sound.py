"""Browsers behind a firewall that drops all but https: their sound comes over TURN on the https port."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator

import pytest

from config.embedded import certificate
from tests.webrtc import https_alone, own_network
from tests.webrtc.browser_phone import SOUND, BrowserPhone
from tests.webrtc.chromium import Chromium
from tests.webrtc.firefox import Firefox
from tests.webrtc.loudspeaker import Loudspeaker
from tests.webrtc.make_run import MakeRun
from tests.webrtc.own_network import Network

pytestmark = [
    pytest.mark.slow,
    pytest.mark.processes,
    pytest.mark.needs("chromium", "firefox-esr", "pulseaudio", "make", "certutil"),
    pytest.mark.timeout(600),
]
WITHIN = 3.0  # seconds from the answer to sound on both ends
HEARD = f"""
  {SOUND.replace("return stats", "const counts = stats")}
  return counts.some((one) => one.type === 'inbound-rtp' && one.packetsReceived > 10
    && one.totalAudioEnergy > 0);
"""
# The protocol by which the selected pair's relay is reached.
PAIR = """
  const stats = await phone.activeCalls[0].peerConnection.getStats();
  const pair = [...stats.values()].find((one) => one.type === 'candidate-pair' && one.nominated
    && one.state === 'succeeded');
  const own = stats.get(pair?.localCandidateId);
  return [own?.candidateType, own?.relayProtocol];
"""


@pytest.fixture(scope="module")
def networks() -> Iterator[tuple[Network, Network]]:
    if (obstacle := own_network.obstacle()) is not None:
        pytest.skip(obstacle)
    with contextlib.ExitStack() as opened:
        try:
            made = opened.enter_context(https_alone.networks())
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no router can be made here: {error.stderr}")
        yield made


@pytest.fixture(scope="module")
def instance(networks: tuple[Network, Network]) -> Iterator[MakeRun]:
    host = https_alone.SERVER
    settings = {
        "CALLWRIGHT_BIND": host,
        "CALLWRIGHT_MEDIA_IP": host,
        "CALLWRIGHT_DOMAIN": https_alone.NAME,
        "CALLWRIGHT_HTTPS_PORT": str(https_alone.HTTPS),
    }
    with MakeRun(networks[0], host, **settings) as running:
        yield running


@pytest.fixture(scope="module")
def phones(
    networks: tuple[Network, Network], instance: MakeRun, speaker: Loudspeaker
) -> Iterator[tuple[BrowserPhone, BrowserPhone]]:
    """Alice's Chromium and bob's Firefox, both behind the firewall."""
    pytest.importorskip("playwright.sync_api", reason="tests of Chromium need playwright")
    authority = certificate.authority(instance.data)
    with contextlib.ExitStack() as opened:
        alice = Chromium(networks[1], 600, authority)
        opened.callback(alice.close)
        bob = Firefox(networks[1], speaker, 750, authority)
        opened.callback(bob.close)
        for phone, name in ((alice, "alice"), (bob, "bob")):
            phone.come_online(instance.pair(name)["token"], f"https://{https_alone.NAME}")
        yield alice, bob


def sound_within(caller: BrowserPhone, callee: BrowserPhone, name: str) -> float:
    """Seconds from the answer until both hear something; the call is over then."""
    caller.dial(f"/private/{name}")
    callee.answer()
    answered = time.monotonic()
    for phone in (caller, callee):
        phone.until("Boolean(phone.activeCalls[0]?.peerConnection)")
        while not phone.evaluate(HEARD):
            assert time.monotonic() < answered + 10, (phone.state(), phone.evaluate(SOUND))
            time.sleep(0.02)
    took = time.monotonic() - answered
    for phone in (caller, callee):
        print(phone.evaluate(PAIR), end=" ")
    caller.click("Hang up")
    for phone in (caller, callee):
        phone.is_over()
    return took


def test_chromium_and_firefox_hear_each_other(phones: tuple[BrowserPhone, BrowserPhone]) -> None:
    alice, bob = phones
    alice.dial("/private/bob")
    bob.answer()
    for phone in phones:
        phone.connected()
    alice.hears(bob.hertz)
    assert bob.evaluate(HEARD)  # by counts: Chromium takes a steady tone for noise and turns it down
    assert alice.evaluate(PAIR) == ["relay", "tls"], "there is no other way"
    assert bob.evaluate(PAIR)[0] == "relay"
    alice.click("Hang up")
    for phone in phones:
        phone.is_over()
        assert phone.faults() == []


@pytest.mark.soak_only
@pytest.mark.family
def test_there_is_sound_in_three_seconds_in_twenty_of_twenty_calls(
    phones: tuple[BrowserPhone, BrowserPhone],
) -> None:
    alice, bob = phones
    took = []
    for _ in range(10):
        took += [sound_within(alice, bob, "bob"), sound_within(bob, alice, "alice")]
    print("seconds from the answer to sound:", " ".join(f"{each:.2f}" for each in sorted(took)))
    assert max(took) <= WITHIN


@pytest.mark.soak_only
@pytest.mark.family
def test_without_that_way_there_is_none(networks: tuple[Network, Network], instance: MakeRun) -> None:
    """What the test's firewall drops is dropped: nothing but https answers."""
    with pytest.raises(TimeoutError):
        networks[1].connect(8000, https_alone.SERVER, seconds=2)
    networks[1].connect(https_alone.HTTPS, https_alone.SERVER, seconds=5).close()
