"""A device on a network of its own, behind a link whose rate is set with tc (needs root and tc's tbf)."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

from tests.webrtc import own_network
from tests.webrtc.own_network import Network

OURS, THEIRS = "10.213.82.1", "10.213.82.2"
QUEUE_MS = 200  # that a router keeps before it drops
BUSY_PICTURE = """
  const canvas = Object.assign(document.createElement('canvas'), { width: 960, height: 540 });
  const pen = canvas.getContext('2d');
  let at = 0;
  setInterval(() => {
    for (let n = 0; n < 40; n++) {
      pen.fillStyle = `hsl(${(at += 37) % 360} 70% 50%)`;
      pen.fillRect(Math.random() * 900, Math.random() * 500, 60, 40);
    }
  }, 50);
"""
"""A page's `canvas` that a link can be full of."""


@dataclass(frozen=True)
class NarrowLink:
    """The device is inside `network` at `THEIRS`; this process is at `OURS`."""

    network: Network
    near: str

    def carry(self, kilobits: int) -> None:
        """So much per second towards the device from now on."""
        tc("qdisc", "replace", "dev", self.near, "root", *bucket(kilobits))

    def bring(self, kilobits: int) -> None:
        """So much per second from the device from now on."""
        tc("-n", self.network.name, "qdisc", "replace", "dev", "eth0", "root", *bucket(kilobits))


def bucket(kilobits: int) -> tuple[str, ...]:
    return "tbf", "rate", f"{kilobits}kbit", "burst", "4kb", "latency", f"{QUEUE_MS}ms"


def obstacle() -> str | None:
    """None, or why there can be no such link here."""
    found = own_network.obstacle()
    if found is not None:
        return found
    try:
        with narrow_link() as link:
            link.carry(1000)
    except subprocess.CalledProcessError as failed:
        return f"the rate of a link cannot be set: {failed.stderr.strip()}"
    except FileNotFoundError:
        return "the rate of a link is set with tc, which is not installed"
    return None


@contextlib.contextmanager
def narrow_link() -> Iterator[NarrowLink]:
    ip, name = own_network.ip, own_network.new_name()
    near = name.replace("cwown", "cwn")[:15]
    ip("netns", "add", name)
    try:
        ip("-n", name, "link", "set", "lo", "up")
        ip("link", "add", near, "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("addr", "add", f"{OURS}/24", "dev", near)
        ip("link", "set", near, "up")
        ip("-n", name, "addr", "add", f"{THEIRS}/24", "dev", "eth0")
        ip("-n", name, "link", "set", "eth0", "up")
        yield NarrowLink(Network(name), near)
    finally:
        ip("netns", "del", name)


def tc(*words: str) -> None:
    subprocess.run(["tc", *words], check=True, capture_output=True, text=True)
