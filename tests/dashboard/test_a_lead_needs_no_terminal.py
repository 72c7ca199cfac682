"""A support lead's tasks on `make run`'s own processes, in the dashboard alone and by keyboard.

Invite an agent · make a room · route a number · add a webhook and see it verified · find a call by the
callee's name · hear its recording · see why a delivery waits · listen in · move a call · export a month.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bench.instance import Instance
from bench.receiver import Receiver
from tests.support.ports import free_port
from tests.support.wait import wait_for

pytestmark = [
    pytest.mark.browser,
    pytest.mark.processes,
    pytest.mark.slow,
    pytest.mark.timing,
    pytest.mark.timeout(400),
]

PASSWORD = "a long enough password"
TOKENS = "/api/fabric/subscribers/tokens"
PEERS = """
  window.peers = [];
  const Peer = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Peer {
    constructor(...given) { super(...given); peers.push(this); }
  };
"""
HEARD = """
  async () => {
    const stats = await Promise.all(peers.map((one) => one.getStats()));
    return stats.flatMap((one) => [...one.values()]).filter((one) => one.type === 'inbound-rtp')
      .reduce((sum, one) => sum + (one.totalAudioEnergy ?? 0), 0);
  }
"""


@pytest.fixture
def instance() -> Iterator[Instance]:
    with Instance(CALLWRIGHT_ADMIN_PASSWORD=PASSWORD) as one:
        yield one


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    listening = Receiver(lambda event, why: None)
    yield listening
    listening.close()


def press(place: Any) -> None:
    """By keyboard: what cannot have the focus cannot be pressed."""
    place.focus()
    assert place.evaluate("(element) => element === document.activeElement")
    place.press("Enter")


def phone(browser: Any, one: Instance, name: str, shown: str) -> Any:
    token = one.api("POST", TOKENS, {"reference": name, "display_name": shown})["token"]
    page = browser.new_context(permissions=["microphone"]).new_page()
    page.set_default_timeout(30_000)
    page.goto(f"{one.url}/phone#token={token}")
    page.get_by_text("Online", exact=True).wait_for()
    return page


def begin_call(caller: Any, to: str, callee: Any) -> None:
    caller.get_by_label("Who to call").fill(to)
    caller.get_by_label("Who to call").press("Enter")
    callee.locator("#ringing").wait_for()
    callee.locator("#answer").press("Enter")
    caller.get_by_role("article").get_by_text("Connected").wait_for()


def test_ten_tasks_are_done_by_keyboard(browser, instance, receiver) -> None:
    context = browser.new_context(permissions=["microphone"])
    context.set_default_timeout(30_000)
    desk = context.new_page()
    desk.add_init_script(PEERS)
    desk.goto(instance.url + "/dashboard/login")
    desk.get_by_label("Name").fill("admin")
    desk.get_by_label("Password").fill(PASSWORD)
    desk.get_by_label("Password").press("Enter")
    desk.get_by_role("heading", name="Live calls").wait_for()

    def go(name: str) -> None:
        press(desk.get_by_role("navigation", name="Pages").get_by_role("link", name=name, exact=True))
        desk.wait_for_load_state()

    # 1: an agent with a phone of her own, opened by a link
    go("Subscribers")
    press(desk.get_by_role("link", name="New subscriber"))
    desk.get_by_label("Name", exact=True).fill("Alice Adams")
    desk.get_by_label("Email").fill("alice@example.com")
    press(desk.get_by_role("button", name="Create"))
    press(desk.get_by_role("button", name="Make a sign-in link"))
    link = desk.get_by_text("/phone#token=").inner_text().strip()
    alice = browser.new_context(permissions=["microphone"]).new_page()
    alice.set_default_timeout(30_000)
    alice.goto(link)
    alice.get_by_text("Online", exact=True).wait_for()
    bob = phone(browser, instance, "bob@example.com", "Bob Builder")

    # 2: a room
    go("Rooms")
    press(desk.get_by_role("link", name="New room"))
    desk.get_by_label("Name in its address").fill("standup")
    press(desk.get_by_role("button", name="Create"))
    desk.get_by_role("region", name="Room standup").wait_for()

    # 3: a number that rings it
    go("Numbers and gateways")
    press(desk.get_by_role("link", name="Add a number"))
    desk.get_by_label("Phone number").fill("+12025550100")
    desk.get_by_label("Leads to").select_option(label="standup (/public/standup)")
    press(desk.get_by_role("button", name="Create"))
    desk.get_by_role("row", name="+12025550100").wait_for()
    number = instance.api("GET", "/api/phone_numbers")["data"][0]
    assert (number["number"], number["address"]) == ("+12025550100", "/public/standup")

    # 4: a webhook, whose receiver verifies the signature with the secret shown
    go("Webhooks")
    press(desk.get_by_role("link", name="New webhook"))
    desk.get_by_label("URL").fill(receiver.url)
    press(desk.get_by_role("button", name="Create"))
    receiver.secret = desk.get_by_text("whsec_").inner_text().strip()
    press(desk.get_by_role("button", name="Send a test"))
    desk.get_by_role("row", name="webhook.test").get_by_text("delivered").wait_for()
    assert [event["type"] for event in receiver.events] == ["webhook.test"] and receiver.bad == []
    go("Webhooks")  # and one that nobody answers
    press(desk.get_by_role("link", name="New webhook"))
    desk.get_by_label("URL").fill(f"http://127.0.0.1:{free_port()}/away")
    press(desk.get_by_role("button", name="Create"))
    away = desk.url

    # 5 and 6: a call is found by the callee's name, and its recording plays
    begin_call(alice, "bob builder", bob)
    call = instance.api("GET", "/api/calls?state=answered")["data"][0]["id"]
    instance.api("POST", f"/api/calls/{call}/record", {"control_id": "for-training"})
    wait_for(lambda: alice.evaluate("phone.activeCalls[0].duration > 3000"), 20, "three seconds of talk")
    alice.get_by_role("article").get_by_role("button", name="Hang up").press("Enter")
    go("Search")
    desk.get_by_label("Number, address, name or id").fill("Bob Builder")
    desk.get_by_label("Number, address, name or id").press("Enter")
    row = desk.get_by_role("row", name="Bob Builder")
    assert "Alice Adams" in row.inner_text() and "internal" in row.inner_text()
    press(row.get_by_role("link"))
    player = desk.locator("audio").first

    def recorded() -> bool:
        if not player.count():
            desk.reload()
        return bool(player.count())

    wait_for(recorded, 30, "the recording")
    assert player.evaluate("(one) => one.play().then(() => true)")
    wait_for(lambda: player.evaluate("(one) => one.currentTime > 0.2"), 20, "the recording to play")

    # 7: why a delivery waits
    desk.goto(away)
    desk.get_by_role("row", name="call.ringing").get_by_text("waits for call.created #1").wait_for()
    desk.get_by_role("row", name="call.created").get_by_text("next attempt at").wait_for()

    # 8: she listens in on a call, unheard
    begin_call(alice, "bob builder", bob)
    go("Live calls")
    press(desk.get_by_role("row", name="Bob Builder").get_by_role("link").first)
    press(desk.get_by_role("button", name="Listen in"))
    desk.get_by_text("You hear the call. Nobody hears you.").wait_for()
    wait_for(lambda: desk.evaluate(HEARD) > 0, 20, "the sound of the call")
    press(desk.get_by_role("button", name="Stop listening"))
    desk.get_by_text("You no longer hear the call.").wait_for()

    # 9: she moves one of the two to the room
    desk.get_by_label("Transfer Bob Builder to").fill("/public/standup")
    desk.get_by_label("Transfer Bob Builder to").press("Enter")
    alice.get_by_role("article").wait_for(state="detached")
    bob.get_by_role("article").get_by_text("Connected").wait_for()
    members = instance.api("GET", "/api/rooms/standup")["members"]
    assert [each["address"] for each in members] == ["/private/bob"]
    bob.get_by_role("article").get_by_role("button", name="Hang up").press("Enter")

    # 10: and exports the month
    go("Search")
    month_ago = datetime.now(UTC) - timedelta(days=30)
    desk.get_by_label("From (UTC)").fill(month_ago.strftime("%Y-%m-%dT%H:%M"))
    desk.get_by_label("From (UTC)").press("Enter")
    desk.get_by_role("row", name="Bob Builder").first.wait_for()
    with desk.expect_download() as waiting:
        press(desk.get_by_role("link", name="These calls, CSV"))
    head, *rows = Path(waiting.value.path()).read_text().splitlines()
    assert "from_name,to_address,to_name,duration_ms" in head and len(rows) == 2
    assert all("Bob Builder" in row for row in rows)
