"""The foundation in one call: two browser tabs on `make run`'s own processes hear each other's tone, and a
webhook receiver, `/ws/events` and `GET …/events` tell the same story in the same order."""

from __future__ import annotations

import http.server
import json
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from standardwebhooks import Webhook
from websockets.sync.client import connect

from bench.instance import Instance
from tests.support.wait import wait_for

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.slow, pytest.mark.timeout(240)]

# A microphone that sings one tone, instead of Chromium's beep.
SINGS = """(hertz) => {
  navigator.mediaDevices.getUserMedia = async () => {
    const context = new AudioContext();
    const tone = context.createOscillator();
    tone.frequency.value = hertz;
    const out = context.createMediaStreamDestination();
    tone.connect(out);
    tone.start();
    return out.stream;
  };
}"""
# The loudest frequency that arrives, in Hz; 0 for silence.
HEARD = """async () => {
  const call = phone.activeCalls[0];
  const track = call.peerConnection.getReceivers().find((one) => one.track.kind === 'audio').track;
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 8192;
  context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
  await new Promise((done) => setTimeout(done, 400));
  const bins = new Float32Array(analyser.frequencyBinCount);
  analyser.getFloatFrequencyData(bins);
  const loudest = bins.indexOf(Math.max(...bins));
  const hertz = bins[loudest] > -70 ? loudest * context.sampleRate / analyser.fftSize : 0;
  await context.close();
  return hertz;
}"""


class Receiver:
    """A back end's webhook receiver: keeps what verifies, answers 204."""

    def __init__(self) -> None:
        self.secret = ""
        self.told: list[dict[str, Any]] = []
        kept = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                kept.told.append(Webhook(kept.secret).verify(body, dict(self.headers)))
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hooks"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def instance() -> Iterator[Instance]:
    with Instance() as one:
        yield one


@pytest.fixture
def receiver(instance: Instance) -> Iterator[Receiver]:
    listening = Receiver()
    made = instance.api("POST", "/api/webhooks", {"url": listening.url, "events": ["*"]})
    listening.secret = made["secret"]
    yield listening
    listening.server.shutdown()


@pytest.fixture
def stream(instance: Instance) -> Iterator[list[dict[str, Any]]]:
    """What `/ws/events` says, as it says it."""
    frames: list[dict[str, Any]] = []
    socket = connect(instance.url.replace("http", "ws", 1) + "/ws/events")
    socket.send(
        json.dumps({"type": "auth", "project_id": instance.project_id, "api_token": instance.api_token})
    )

    def listen() -> None:
        for text in socket:
            frames.append(json.loads(text)["event"])

    threading.Thread(target=listen, daemon=True).start()
    yield frames
    socket.close()


def open_tab(browser: Any, instance: Instance, name: str, hertz: int) -> Any:
    token = instance.api("POST", "/api/fabric/subscribers/tokens", {"reference": name})["token"]
    page = browser.new_context(permissions=["microphone"]).new_page()
    page.set_default_timeout(20_000)
    page.add_init_script(f"({SINGS})({hertz})")
    page.goto(f"{instance.url}/phone#token={token}")
    page.get_by_text("Online", exact=True).wait_for()
    return page


def hears(page: Any, hertz: int) -> None:
    heard = []
    for _ in range(20):
        heard.append(page.evaluate(HEARD))
        if abs(heard[-1] - hertz) < 15:
            return
    raise AssertionError(f"expected {hertz} Hz, heard {heard}")


def test_two_tabs_hear_each_other_and_three_readers_tell_it_alike(
    browser, instance, receiver, stream
) -> None:
    alice, bob = open_tab(browser, instance, "alice", 440), open_tab(browser, instance, "bob", 880)
    alice.get_by_label("Who to call").fill("/private/bob")
    alice.locator("#dial button.good").click()
    bob.locator("#ringing").wait_for()
    bob.locator("#answer").click()
    bob.get_by_role("article").get_by_text("Connected").wait_for()
    hears(alice, 880)
    hears(bob, 440)
    alice.get_by_role("button", name="Hang up").click()
    bob.get_by_role("article").wait_for(state="detached")

    call = instance.api("GET", "/api/calls")["data"][0]
    asked = instance.api("GET", f"/api/calls/{call['id']}/events")["data"]
    types = [event["type"] for event in asked]
    assert types[:3] == ["call.created", "call.ringing", "call.answered"] and types[-1] == "call.ended"
    assert [event["data"]["sequence"] for event in asked] == list(range(1, len(asked) + 1))
    wait_for(lambda: len(receiver.told) >= len(asked), what=f"webhooks told {len(receiver.told)} events")
    wait_for(lambda: len(stream) >= len(asked), what=f"the socket told {len(stream)} events")
    assert receiver.told == asked
    assert stream == asked


def test_a_call_that_no_worker_takes_ends_by_its_setup_deadline() -> None:
    with Instance() as one:
        pid = worker_pid(one)
        assert pid is not None
        stop(pid)
        try:
            made = one.api("POST", "/api/calls", {"to": "/public/tone", "connect": "/public/echo"})
            ended: dict[str, Any] = {}

            def is_over() -> bool:
                ended.update(one.api("GET", f"/api/calls/{made['id']}"))
                return bool(ended["state"] == "ended")

            wait_for(is_over, what="the end of the call")
        finally:
            go_on(pid)
        assert ended["end_reason"] == "failed"
        assert ended["end_cause"] in ("no_capacity", "worker_lost")


def worker_pid(one: Instance) -> int | None:
    """The media worker among the supervisor's children."""
    assert one.process is not None
    for child in psutil.Process(one.process.pid).children(recursive=True):
        words = " ".join(child.cmdline())
        if "celery" in words and "-Q media" in words:
            return int(child.pid)
    return None


def stop(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)


def go_on(pid: int) -> None:
    os.kill(pid, signal.SIGCONT)
