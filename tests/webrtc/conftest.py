"""One network with an instance of `make run` in it, and the browsers that call over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.webrtc import own_network
from tests.webrtc.chromium import Chromium
from tests.webrtc.firefox import Firefox
from tests.webrtc.loudspeaker import Loudspeaker
from tests.webrtc.make_run import MakeRun
from tests.webrtc.own_network import Network


@pytest.fixture(scope="session")
def network() -> Iterator[Network]:
    if (obstacle := own_network.obstacle()) is not None:
        pytest.skip(obstacle)
    with own_network.network() as made:
        yield made


@pytest.fixture(scope="session")
def instance(network: Network) -> Iterator[MakeRun]:
    with MakeRun(network) as running:
        yield running


@pytest.fixture(scope="session")
def speaker() -> Iterator[Loudspeaker]:
    with Loudspeaker() as running:
        yield running


@pytest.fixture
def firefox(network: Network, speaker: Loudspeaker, instance: MakeRun) -> Iterator[Callable[..., Firefox]]:
    """`firefox("alice", 500)`: her phone page in a Firefox of its own, online; its microphone says 500 Hz."""
    opened: list[Firefox] = []

    def open_phone(name: str, hertz: int) -> Firefox:
        opened.append(Firefox(network, speaker, hertz))
        opened[-1].come_online(instance.pair(name)["token"])
        return opened[-1]

    yield open_phone
    for each in opened:
        each.close()


@pytest.fixture
def chromium(network: Network, instance: MakeRun) -> Iterator[Callable[..., Chromium]]:
    """The same of Chromium."""
    pytest.importorskip("playwright.sync_api", reason="tests of Chromium need playwright")
    opened: list[Chromium] = []

    def open_phone(name: str, hertz: int) -> Chromium:
        opened.append(Chromium(network, hertz))
        opened[-1].come_online(instance.pair(name)["token"])
        return opened[-1]

    yield open_phone
    for each in opened:
        each.close()
