"""What goes on at the instance whose pages are looked at: people on real phone pages, a trunk, money."""

from __future__ import annotations

from typing import Any

import pyotp
from playwright.sync_api import Browser, Page

from bench.instance import Instance
from bench.receiver import Receiver
from tests.dashboard import carrier as trunk
from tests.support.ports import free_port
from tests.support.wait import wait_for

PASSWORD = "a long enough password"
PEOPLE = {"alice": "Alice Adams", "bob": "Bob Builder", "carol": "Carol Danvers", "dave": "Dave Diaz"}
TOKENS = "/api/fabric/subscribers/tokens"
OWN_NUMBER = "+12025550100"
HELLO = {"version": "1.0.0", "sections": {"main": [{"play": "silence:1"}, "hangup"]}}
SAMPLES = 4  # quality samples that make a line in a plot


class Life:
    """The instance `one` with its people. Methods are called in the order they stand in."""

    def __init__(self, one: Instance, carrier: trunk.Carrier, receiver: Receiver, browser: Browser) -> None:
        self.one, self.carrier, self.receiver, self.browser = one, carrier, receiver, browser
        self.phones: dict[str, Page] = {}
        self.ids: dict[str, str] = {}

    def post(self, path: str, **body: Any) -> Any:
        return self.one.api("POST", path, body)

    # --- staff

    def sign_in(self, desk: Page, name: str, wait: bool = True) -> None:
        desk.goto(self.one.url + "/dashboard/login")
        desk.get_by_label("Name").fill(name)
        desk.get_by_label("Password").fill(PASSWORD)
        desk.get_by_role("button", name="Sign in").click()
        desk.get_by_role("heading", name="Live calls" if wait else "Second factor").wait_for()

    def settle_money(self, desk: Page) -> None:
        """An owner gives a colleague a role, tops up, sets rates and what may be called."""
        desk.goto(self.one.url + "/dashboard/project")
        desk.get_by_text("Change a role, or set a password yourself").click()
        desk.get_by_label("Name", exact=True).fill("vera")
        desk.get_by_label("Password, for a new person").fill(PASSWORD)
        desk.get_by_label("Role", exact=True).select_option("viewer")
        desk.get_by_role("button", name="Set the role").click()
        desk.goto(self.one.url + "/dashboard/balance")
        for amount, note in (("25", "invoice 2026-118"), ("-0.5", "typed wrong")):
            desk.get_by_label("Amount, negative to deduct").fill(amount)
            desk.get_by_label("Note", exact=True).fill(note)
            desk.get_by_role("button", name="Change the balance").click()
            desk.get_by_text("The balance was changed").wait_for()
        for prefix, price in (("+1", "0.012"), ("+46", "0.031")):
            desk.get_by_label("Prefix", exact=True).fill(prefix)
            desk.get_by_label("Price per minute").fill(price)
            desk.get_by_label("Price per answered call").fill("0.005")
            desk.get_by_label("Billing increment (seconds)").fill("6")
            desk.locator("form", has=desk.get_by_label("Prefix", exact=True)).get_by_role("button").click()
            desk.get_by_text(f"{prefix} costs").wait_for()
        desk.get_by_role("checkbox", name="Prepaid").check()
        desk.locator("form", has=desk.get_by_label("Currency")).get_by_role("button").click()
        desk.get_by_text("Saved.").wait_for()
        desk.get_by_label("Countries").fill("US SE DE")
        desk.get_by_label("Calls at once").fill("20")
        desk.get_by_label("Spend per day").fill("40")
        desk.locator("form", has=desk.get_by_label("Countries")).get_by_role("button").click()
        desk.get_by_text("Saved.").wait_for()

    def second_factor(self, desk: Page) -> None:
        secret = desk.locator("p.note.mono").inner_text().strip()
        desk.get_by_label("Code").fill(pyotp.TOTP(secret).now())
        desk.get_by_role("button", name="Turn on").click()
        desk.get_by_role("button", name="Turn off").wait_for()

    # --- what is there before anybody speaks

    def furnish(self) -> None:
        """Webhooks, rooms, numbers, gateways, and calls that are over."""
        hook = self.post("/api/webhooks", url=self.receiver.url, events=["call.*"], description="billing")
        self.receiver.secret = hook["secret"]
        self.ids["webhook"] = hook["id"]
        away = f"http://127.0.0.1:{free_port()}/events"
        self.post("/api/webhooks", url=away, events=["*"], description="analytics, switched off")
        for name, shown in PEOPLE.items():
            self.post(TOKENS, reference=f"{name}@example.com", display_name=shown)
        rooms = "/api/fabric/resources/conference_rooms"
        self.post(rooms, name="standup", display_name="Stand-up")
        self.post(rooms, name="board", display_name="Board room", locked=True)
        self.post("/api/phone_numbers", number=OWN_NUMBER, name="Front desk", address="/private/carol")
        self.post("/api/phone_numbers", number="+12025550111", name="Fax, nowhere yet")
        gateways = "/api/fabric/resources/sip_gateways"
        account = {"username": trunk.USER, "password": trunk.PASSWORD, "realm": trunk.REALM, "register": True}
        self.post(gateways, name="Carrier", uri=f"sip:127.0.0.1:{self.carrier.port}", prefixes=["+1"],
                  priority=1, caller_id=OWN_NUMBER, **account)  # fmt: skip
        wrong = {**account, "password": "changed since"}
        self.post(gateways, name="Second carrier", uri=f"sip:127.0.0.1:{self.carrier.port}", prefixes=["+46"],
                  **wrong)  # fmt: skip
        self.post(gateways, name="Office exchange", uri="sip:pbx.example.com", enabled=False)
        self._past()

    def _past(self) -> None:
        busy, failing = trunk.REFUSED
        echo = {"connect": "/public/echo"}
        for body in (
            {"to": "/public/busy", **echo},
            {"to": "/public/no-answer", "timeout": 2, **echo},
            {"to": "/private/dave", "timeout": 2, **echo},
            {"to": "/public/echo", "script": HELLO},
            {"to": "/public/tone", "script": HELLO},
            {"to": busy, "from": OWN_NUMBER, **echo},
            {"to": failing, "from": OWN_NUMBER, **echo},
            {"to": "+12025550142", "from": OWN_NUMBER, "script": HELLO},
        ):
            self.post("/api/calls", **body)
        wait_for(lambda: not self.live(), 40, "the end of the calls")

    def live(self) -> list[dict[str, Any]]:
        states = ("created", "ringing", "answered")
        found = [self.one.api("GET", f"/api/calls?state={state}")["data"] for state in states]
        return [call for calls in found for call in calls]

    # --- people

    def blank_phone(self) -> Page:
        page = self.browser.new_context().new_page()
        page.goto(self.one.url + "/phone")
        page.get_by_label("Access token").wait_for()
        return page

    def phone(self, name: str) -> Page:
        answer = self.post(TOKENS, reference=f"{name}@example.com")
        self.ids[name] = answer["subscriber_id"]
        page = self.browser.new_context(permissions=["microphone", "camera"]).new_page()
        page.set_default_timeout(20_000)
        page.goto(f"{self.one.url}/phone#token={answer['token']}")
        page.get_by_text("Online", exact=True).wait_for()
        self.phones[name] = page
        return page

    def dial(self, page: Page, destination: str) -> None:
        page.get_by_label("Who to call").fill(destination)
        page.locator("#dial-video").click()

    def begin(self, alice: Page) -> None:
        """alice and bob see each other, carol and dave meet in a room, a number is on the line."""
        bob, self.room_page, dave = (self.phone(name) for name in ("bob", "carol", "dave"))
        self.dial(alice, "/private/bob")
        bob.locator("#answer-video").click()
        for page in (self.room_page, dave):
            self.dial(page, "/public/standup")
        for page in (alice, bob, self.room_page, dave):
            page.wait_for_function("() => document.querySelector('.stage video:not(.own)')?.videoWidth > 0")
        self.post("/api/calls", **{"to": "+12025550177", "from": OWN_NUMBER, "connect": "/public/tone",
                                   "metadata": {"order": 4711, "shop": "Malmö"}})  # fmt: skip
        self._talk(alice, bob)

    def _talk(self, alice: Page, bob: Page) -> None:
        """Hold, resume, mute, digits, a word from the platform and a recording: rows for the ladder."""
        call = next(one for one in self.live() if one["to"] == "/private/bob")
        self.ids["call"] = call["id"]
        verbs = f"/api/calls/{call['id']}"
        self.post(f"{verbs}/record", control_id="for-training")
        hers, his = alice.get_by_role("article"), bob.get_by_role("article")
        hers.get_by_role("button", name="Hold").click()
        his.get_by_text("On hold by them").wait_for()
        hers.get_by_role("button", name="Resume").click()
        his.get_by_text("Connected").wait_for()
        self.post(f"{verbs}/dtmf", leg="caller", digits="12#")
        self.post(f"{verbs}/mute", leg="callee", channels=["audio"])
        self.post(f"{verbs}/unmute", leg="callee", channels=["audio"])
        self.post(f"{verbs}/record/for-training/stop")
        wait_for(lambda: self._sampled(verbs), 60, "quality samples")
        alice.locator(".quality summary").wait_for()

    def _sampled(self, verbs: str) -> bool:
        legs = self.one.api("GET", f"{verbs}/stats")["legs"]
        return all(len(leg.get("samples") or []) >= SAMPLES for leg in legs)

    def ring_alice(self) -> None:
        """Carol leaves her room and calls alice, who talks."""
        carol = self.room_page
        carol.get_by_role("button", name="Hang up").click()
        carol.get_by_role("article").wait_for(state="detached")
        carol.get_by_label("Who to call").fill("/private/alice")
        carol.locator("#dial button.good").click()
        self.phones["alice"].get_by_role("dialog").wait_for()

    # --- the staff's pages

    def places(self) -> dict[str, str]:
        """Every page that an owner may open, by the name of its picture."""
        deliveries = self.one.api("GET", f"/api/webhooks/{self.ids['webhook']}/deliveries")["data"]
        call, alice, webhook = (self.ids[name] for name in ("call", "alice", "webhook"))
        return {
            "live": "/dashboard/",
            "call": f"/dashboard/calls/{call}",
            "search": "/dashboard/calls",
            "charts": "/dashboard/charts",
            "webhooks": "/dashboard/webhooks",
            "webhook": f"/dashboard/webhooks/{webhook}",
            "delivery": f"/dashboard/deliveries/{deliveries[0]['id']}",
            "subscribers": "/dashboard/subscribers",
            "subscriber": f"/dashboard/subscribers/{alice}",
            "rooms": "/dashboard/rooms",
            "lines": "/dashboard/lines",
            "balance": "/dashboard/balance",
            "health": "/dashboard/health",
            "examination": "/dashboard/health/examination",
            "audit": "/dashboard/audit",
            "project": "/dashboard/project",
        }
