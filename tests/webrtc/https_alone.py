"""A server and devices on two networks, and a router between that lets only https through (needs root).

What the devices send is dropped on its way, unless it is TCP to the server's port 443; so nothing of theirs
is answered but that. Browsers there trust the server's own authority.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.webrtc import own_network
from tests.webrtc.own_network import Network

SERVER, DEVICES = "10.213.80.1", "10.213.81.1"
NEXT = {SERVER: "10.213.80.254", DEVICES: "10.213.81.254"}  # the router's addresses
HTTPS = 443
NAME = "calls.example.com"  # the server's: Firefox takes no TURN over TLS at a bare address


@contextlib.contextmanager
def networks() -> Iterator[tuple[Network, Network]]:
    """The server's and that of the devices."""
    ip, names = own_network.ip, [own_network.new_name() for _ in range(3)]
    server, devices, router = names
    try:
        for name in names:
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        for number, (name, own) in enumerate(((server, SERVER), (devices, DEVICES))):
            side = f"side{number}"
            ip("-n", name, "link", "add", "eth0", "type", "veth", "peer", "name", side, "netns", router)
            ip("-n", name, "addr", "add", f"{own}/24", "dev", "eth0")
            ip("-n", router, "addr", "add", f"{NEXT[own]}/24", "dev", side)
            ip("-n", name, "link", "set", "eth0", "up")
            ip("-n", router, "link", "set", side, "up")
            ip("-n", name, "route", "add", "default", "via", NEXT[own])
            hosts = Path("/etc/netns", name, "hosts")  # what `ip netns exec` has in the place of /etc/hosts
            hosts.parent.mkdir(parents=True)
            hosts.write_text(f"127.0.0.1 localhost\n{SERVER} {NAME} fabric.{NAME}\n")
            hosts.with_name("resolv.conf").write_text("")  # every other name is refused at once
        forward = Network(router).command("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
        subprocess.run(forward, check=True, capture_output=True)
        rule = ("-n", router, "rule", "add", "iif", "side1")
        ip(*rule, "pref", "10", "to", SERVER, "ipproto", "tcp", "dport", str(HTTPS), "lookup", "main")
        ip(*rule, "pref", "20", "blackhole")
        yield Network(server), Network(devices)
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
            shutil.rmtree(Path("/etc/netns", name), ignore_errors=True)


def trust(database: Path, authority: Path) -> None:
    """Make a certificate database of NSS, as both browsers have one, that trusts the authority."""
    database.mkdir(parents=True, exist_ok=True)
    where = ("-d", f"sql:{database}")
    if not (database / "cert9.db").exists():
        subprocess.run(["certutil", "-N", *where, "--empty-password"], check=True, capture_output=True)
    words = ["certutil", "-A", *where, "-n", "callwright", "-t", "C,,", "-i", str(authority)]
    subprocess.run(words, check=True, capture_output=True)
