"""Every shell block of the pages about REST runs against an instance, with ids that are there, and the
receiver of the page on webhooks verifies what the instance sends.

A request must be answered 2xx, or with the status that the line after it, or its own comment, names.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.instance import Instance
from tests.clients.phone import AnsweringPhone
from tests.config.test_every_code_block_is_accounted_for import BLOCKS, Block
from tests.support.ports import free_port
from tests.support.wait import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.processes, pytest.mark.timing, pytest.mark.timeout(300)]
SHELL = [
    each
    for each in BLOCKS
    if each.title is None and each.language == "sh" and not each.page.startswith("docs/recipes/")
]
# One line for each request: its status and its address.
PRELUDE = """
set -u
curl() { command curl -sS -o "$OUT" -w '%{http_code} %{method} %{url_effective}\\n' "$@"; }
post() { curl -u $AUTH -H 'content-type: application/json' "$@"; }
"""
Phones = Callable[..., AnsweringPhone]


def program(block: Block, hook: str) -> str:
    """The block without the settings that the reader puts in, and with the test's own ids in its places."""
    kept = [line for line in block.text.splitlines() if not re.match(r"(AUTH|URL|ID)=", line)]
    text = "\n".join(kept).replace("CALL_ID", "$ID").replace("http://127.0.0.1:9000/hooks", hook)
    # The room that somebody is in must be there before.
    text = text.replace('{"name": "standup"}', '{"name": "standup-two"}')
    text = text.replace("/api/keys/5c0f…", "/api/keys/$KEY")
    text = re.sub(r"'([^']*)eyJ…([^']*)'", r"'\1'$REFRESH'\2'", text)
    return re.sub(r"'([^']*)315b0d34-…([^']*)'", r"'\1'$SUBSCRIBER'\2'", text)


def expected(block: Block) -> list[int]:
    """The statuses that the block's comments name, in the order of its requests; 0: any 2xx."""
    found: list[int] = []
    for line in block.text.splitlines():
        if re.match(r"(curl|post) ", line):
            own = re.search(r"# ?(\d{3})\b", line)
            found.append(int(own[1]) if own else 0)
        elif (told := re.match(r"# (\d{3}) ", line)) and found:
            found[-1] = int(told[1])
    return found


@pytest.mark.sample(5)
@pytest.mark.needs("curl")
@pytest.mark.parametrize("block", SHELL, ids=str)
def test_a_shell_block(block: Block, running: Instance, phone: Phones, tmp_path: Path) -> None:
    api = running.api
    name = f"reader-{block.line}-{Path(block.page).stem}".lower()
    live = phone(name)
    pair = api("POST", "/api/fabric/subscribers/tokens", {"reference": f"{name}-two"})
    for each in ("alice", "bob", "lead"):
        api("POST", "/api/fabric/subscribers/tokens", {"reference": each})
    call = api("POST", "/api/calls", {"to": f"/private/{name}", "connect": "/public/tone"})["id"]
    live.until(lambda: live.has_heard(440.0), "the tone")
    if "-X DELETE $URL/api/calls/" in block.text:
        api("POST", f"/api/calls/{call}/hangup", {})
        wait_for(lambda: api("GET", f"/api/calls/{call}")["state"] == "ended", 10)
    leg = ""
    if "/legs/$LEG" in block.text:  # the block's first request makes the supervisor's leg
        lead = phone("lead")
        api("POST", f"/api/calls/{call}/listen", {"to": "/private/lead"})
        wait_for(lambda: lead.calls, 20, "lead's phone")
        wait_for(lambda: states(running, call).get("supervisor") == "answered", 20, "the supervisor")
        leg = next(
            each["id"] for each in api("GET", f"/api/calls/{call}")["legs"] if each["role"] == "supervisor"
        )
    if "/members/$LEG" in block.text:
        api("POST", f"/api/calls/{call}/hangup", {})
        room = phone(f"{name}-room")
        api("POST", "/api/fabric/resources/conference_rooms", {"name": "standup"})
        room.dial("/public/standup")
        members = wait_for(lambda: api("GET", "/api/rooms/standup")["members"], 20, "the member")
        leg = members[0]["leg_id"]
    given = {
        "AUTH": f"{running.project_id}:{running.api_token}",
        "URL": running.url,
        "OUT": str(tmp_path / "out"),
        "ID": call,
        "LEG": leg,
        "KEY": api("POST", "/api/keys", {"name": name, "scopes": ["read"]})["id"],
        "SUBSCRIBER": pair["subscriber_id"],
        "REFRESH": pair["refresh_token"],
    }
    ran = subprocess.run(
        ["bash", "-c", PRELUDE + program(block, f"http://127.0.0.1:{free_port()}/hooks")],
        env={**os.environ, **given},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    said = ran.stdout.splitlines()
    wanted = expected(block)
    assert len(said) == len(wanted) > 0, ran.stdout + ran.stderr
    for line, status in zip(said, wanted, strict=True):
        fits = line.startswith("2") if status == 0 else line.startswith(f"{status} ")
        assert fits, f"{line}: {(tmp_path / 'out').read_text()[:400]}"


def states(running: Instance, call: str) -> dict[str, str]:
    return {leg["role"]: leg["state"] for leg in running.api("GET", f"/api/calls/{call}")["legs"]}


def test_the_receiver_of_webhooks(running: Instance) -> None:
    (block,) = [each for each in BLOCKS if each.page == "docs/webhooks.md" and each.language == "python"]
    port = free_port()
    hook = running.api(
        "POST", "/api/webhooks", {"url": f"http://127.0.0.1:{port}/hooks", "events": ["call.*"]}
    )
    text = block.text.replace('("127.0.0.1", 9000)', f'("127.0.0.1", {port})')
    assert text != block.text
    receiver = subprocess.Popen(
        [sys.executable, "-c", text, hook["secret"]],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines: list[str] = []
    try:
        assert receiver.stdout is not None
        threading.Thread(target=lambda: lines.extend(receiver.stdout or ()), daemon=True).start()
        wait_for(lambda: listens(port), 20, "the receiver")
        running.api("POST", f"/api/webhooks/{hook['id']}/test", {})
        time.sleep(0.5)
        deliveries = f"/api/webhooks/{hook['id']}/deliveries"
        wait_for(lambda: running.api("GET", deliveries)["data"][0]["status"] == "delivered", 30, "delivery")
    finally:
        receiver.terminate()
        receiver.wait(10)


def test_the_program_of_the_quick_start(running: Instance, phone: Phones) -> None:
    (block,) = [each for each in BLOCKS if each.page == "docs/quick-start.md" and each.language == "python"]
    for left in running.api("GET", "/api/calls?state=ringing")["data"]:  # a block's call may ring alice still
        running.api("POST", f"/api/calls/{left['id']}/hangup", {})
    alice = phone("alice")
    ran = subprocess.run(
        [sys.executable, "-c", block.text],
        env={**os.environ, "URL": running.url, "AUTH": f"{running.project_id}:{running.api_token}"},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    said = [line.strip() for line in ran.stdout.splitlines()]
    told = [(each["type"], each.get("message")) for each in alice.phone.heard]
    assert said[-2:] == ["answered", "ended hangup normal"], (ran.stdout + ran.stderr, told)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
