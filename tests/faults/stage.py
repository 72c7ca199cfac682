"""A whole instance with calls in progress, and the process ids of its parts."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from bench.instance import Instance
from bench.softphone import SoftPhone


def pids(one: Instance, *words: str) -> list[int]:
    """Processes of the instance whose command line has those words one after the other."""
    assert one.process is not None
    needle = "\0".join(words).encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if parent == one.process.pid and needle in command:
                found.append(int(entry.name))
    return sorted(found)


LISTENS, CONNECTED = "0A", "01"


def listens(pid: int, port: int) -> bool:
    """Whether that very process accepts connections on the port, which others may share."""
    return _has(pid, port, LISTENS)


def connects_from(pid: int, port: int) -> bool:
    """Whether that process has a connection whose own port it is."""
    return _has(pid, port, CONNECTED)


def _has(pid: int, port: int, state: str) -> bool:
    sockets = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        column = line.split()
        if column[3] == state and int(column[1].rsplit(":", 1)[1], 16) == port:
            sockets.add(f"socket:[{column[9]}]")
    try:
        return any(os.readlink(each) in sockets for each in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False


async def online(one: Instance, name: str, hertz: float) -> SoftPhone:
    path = "/api/fabric/subscribers/tokens"
    made = await asyncio.to_thread(one.api, "POST", path, {"reference": name})
    phone = SoftPhone(name, made["token"], one.url.replace("http", "ws", 1) + "/ws/phone", hertz)
    await phone.come_online()
    return phone


async def talking(one: Instance, number: int) -> tuple[SoftPhone, SoftPhone]:
    """A call between two devices that hear each other."""
    alice = await online(one, f"alice-{number}", 430.0 + 20 * number)
    bob = await online(one, f"bob-{number}", 830.0 + 20 * number)
    await connect(alice, bob)
    return alice, bob


async def connect(alice: SoftPhone, bob: SoftPhone) -> None:
    """alice calls bob; returns once each hears the other."""
    offer = await alice.offer()
    await alice.send("call.create", req_id="dial", destination=f"/private/{bob.name}", sdp=offer)
    bob.call_id = alice.call_id = (await bob.expect("call.incoming"))["call_id"]
    await alice.take_answer()
    await bob.pick_up()
    await alice.hears(bob.hertz)
    await bob.hears(alice.hertz)


FORGOTTEN_SECONDS = 5.5  # `/readyz` counts a worker for five seconds after its last heartbeat


async def until_ready(one: Instance, workers: int, killed: float, seconds: float = 60.0) -> None:
    """Wait until `/readyz` counts that many media workers, and not the one that was killed then."""
    deadline = time.monotonic() + seconds
    await asyncio.sleep(max(0.0, killed + FORGOTTEN_SECONDS - time.monotonic()))
    while (await asyncio.to_thread(one.api, "GET", "/readyz"))["media_workers"] < workers:
        assert time.monotonic() < deadline, "the media worker did not come back"
        await asyncio.sleep(0.1)
