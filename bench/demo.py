"""`make demo`: a whole call by itself, on an instance of its own, with every event and webhook shown.

Two software phones with real WebRTC media dial, ring, answer, hold, resume, transfer and hang up; the
sound is measured on both sides. Exit status 0 only if all of it happened.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

from bench.instance import Instance, NotReady
from bench.receiver import Receiver
from bench.softphone import Missing, SoftPhone, stay_on_loopback

ALICE_HERTZ, BOB_HERTZ = 428.0, 605.0  # between the notes of the tune for hold
# What the one call must have said, in this order (others may stand between).
EXPECTED = (
    "call.created",
    "call.ringing",
    "call.answered",
    "call.held",
    "call.resumed",
    "call.transfer_requested",
    "call.transferred",
    "call.ended",
)


@dataclass
class Row:
    what: str
    fine: bool
    detail: str
    seconds: float


class Screen:
    """One line per happening, and the table at the end."""

    def __init__(self) -> None:
        self.begun = time.monotonic()
        self.rows: list[Row] = []
        self._lock = threading.Lock()

    def say(self, who: str, text: str) -> None:
        with self._lock:
            print(f"{time.monotonic() - self.begun:7.2f} s  {who:<9} {text}", flush=True)

    async def step(self, what: str, work: Awaitable[Any]) -> Any:
        """One line of the table: `work` gives its detail, or raises Missing."""
        began = time.monotonic()
        try:
            result = await work
        except Missing as why:
            self.rows.append(Row(what, False, str(why), time.monotonic() - began))
            self.say("demo", f"FAILED: {what}: {why}")
            raise
        detail = result if isinstance(result, str) else ""
        self.rows.append(Row(what, True, detail, time.monotonic() - began))
        self.say("demo", f"{what}{': ' + detail if detail else ''}")
        return result

    def table(self) -> str:
        width = max((len(row.what) for row in self.rows), default=4)
        lines = [f"{'':2} {'step':<{width}}  {'seconds':>8}  result", "-" * (width + 40)]
        lines += [
            f"{'ok' if row.fine else '!!'} {row.what:<{width}}  {row.seconds:8.2f}  {row.detail}"
            for row in self.rows
        ]
        return "\n".join(lines)


def main() -> int:
    screen = Screen()
    stay_on_loopback()
    screen.say("demo", "starting an instance of its own (about ten seconds on an idle machine) ...")
    fine = False
    try:
        with Instance(tell=lambda line: screen.say("instance", line)) as instance:
            screen.say("demo", f"ready at {instance.url}")
            try:
                asyncio.run(play(instance, screen))
                fine = all(row.fine for row in screen.rows)
            except (Missing, RuntimeError) as why:
                screen.say("demo", f"it did not work: {why}")
                print(instance.words(), file=sys.stderr)
    except NotReady as why:
        print(f"callwright: the instance did not start:\n{why}", file=sys.stderr)
    print(f"\n{screen.table()}\n\n{'All of it happened.' if fine else 'NOT all of it happened.'}", flush=True)
    return 0 if fine else 1


async def play(instance: Instance, screen: Screen) -> None:
    """The whole story."""

    def shown(event: dict[str, Any], why: str) -> None:
        number = event.get("data", {}).get("sequence")
        screen.say(
            "webhook", f"{event.get('type')} #{number}, signature good" if not why else f"REFUSED: {why}"
        )

    receiver = Receiver(shown)
    phones: list[SoftPhone] = []
    try:
        endpoint = await call(
            instance, "POST", "/api/webhooks", {"url": receiver.url, "events": ["call.*", "leg.*"]}
        )
        receiver.secret = endpoint["secret"]
        screen.say("demo", f"webhooks go to {receiver.url}")
        for name, hertz in (("alice", ALICE_HERTZ), ("bob", BOB_HERTZ)):
            token = await call(
                instance, "POST", "/api/fabric/subscribers/tokens", {"reference": f"{name}@example.com"}
            )
            phone = SoftPhone(name, token["token"], f"ws://127.0.0.1:{instance.port}/ws/phone", hertz)
            phones.append(phone)
            await phone.come_online()
            screen.say(name, f"is online with a subscriber token and speaks {hertz:g} Hz")
        await converse(instance, screen, receiver, *phones)
    finally:
        for phone in phones:
            await phone.close()
        receiver.close()


async def converse(
    instance: Instance, screen: Screen, receiver: Receiver, alice: SoftPhone, bob: SoftPhone
) -> None:
    step = screen.step
    watching = asyncio.create_task(show_messages(screen, (alice, bob)))

    async def dial() -> str:
        call_id = await alice.dial("/private/bob")
        incoming = await bob.expect("call.incoming", call_id=call_id)
        bob.call_id = call_id
        await alice.expect("call.ringing")
        return f"bob's phone rings, from {incoming['from']}"

    async def answer() -> str:
        began = time.monotonic()
        await bob.pick_up()
        await alice.expect("call.answered")
        first, second = await asyncio.gather(alice.hears(BOB_HERTZ), bob.hears(ALICE_HERTZ))
        took = time.monotonic() - began
        return f"alice hears {first:.0f} Hz, bob hears {second:.0f} Hz, {took:.2f} s after bob answered"

    async def hold() -> str:
        await alice.send("call.hold", call_id=alice.call_id)
        await bob.expect("call.held", held_by="remote")
        music = await bob.hears_other_than(ALICE_HERTZ)
        await alice.hears_nothing()
        return f"bob hears music ({music:.0f} Hz just now), alice hears nothing"

    async def resume() -> str:
        await alice.send("call.resume", call_id=alice.call_id)
        await bob.expect("call.resumed")
        first, second = await asyncio.gather(alice.hears(BOB_HERTZ), bob.hears(ALICE_HERTZ))
        return f"alice hears {first:.0f} Hz, bob hears {second:.0f} Hz"

    async def transfer() -> str:
        await alice.send("call.transfer", call_id=alice.call_id, destination="/public/echo")
        await alice.expect("call.transferred")
        await alice.expect("call.ended")
        heard = await bob.hears(BOB_HERTZ)
        return f"alice is out, bob hears himself from the echo: {heard:.0f} Hz"

    async def hang_up() -> str:
        await bob.send("call.hangup", call_id=bob.call_id)
        ended = await bob.expect("call.ended")
        return f"{ended['reason']} ({ended['cause']})"

    try:
        await step("dial and ring", dial())
        await step("answer, sound both ways", answer())
        await step("hold with music", hold())
        await step("resume", resume())
        await step("transfer to /public/echo", transfer())
        await step("hang up", hang_up())
        types = await step("events in order", check_events(instance, alice.call_id))
        await step("the same by signed webhooks", check_webhooks(receiver, alice.call_id, types))
    finally:
        watching.cancel()


async def show_messages(screen: Screen, phones: tuple[SoftPhone, ...]) -> None:
    """Every message that a phone is told, as it comes."""
    shown = [len(phone.heard) for phone in phones]
    while True:
        for number, phone in enumerate(phones):
            for message in phone.heard[shown[number] :]:
                extra = message.get("reason") or message.get("held_by") or ""
                screen.say(phone.name, f"<- {message['type']} {extra}".rstrip())
            shown[number] = len(phone.heard)
        await asyncio.sleep(0.02)


class Types(str):
    """The detail of a step that also carries what was found."""

    found: tuple[tuple[int, str], ...] = ()


async def check_events(instance: Instance, call_id: str) -> Types:
    log = await call(instance, "GET", f"/api/calls/{call_id}/events")
    found = [(event["data"]["sequence"], event["type"]) for event in map(event_of, log["data"])]
    if [number for number, _ in found] != list(range(1, len(found) + 1)):
        raise Missing(f"the sequence has gaps: {found}")
    rest = iter(kind for _, kind in found)
    lacking = [kind for kind in EXPECTED if kind not in rest]
    if lacking:
        raise Missing(f"not said in order: {', '.join(lacking)} of {[kind for _, kind in found]}")
    state = await call(instance, "GET", f"/api/calls/{call_id}")
    if (state["state"], state["end_reason"]) != ("ended", "hangup"):
        raise Missing(f"the call is {state['state']}, {state['end_reason']}")
    detail = Types(f"{len(found)} events, numbered 1 to {len(found)} without a gap")
    detail.found = tuple(found)
    return detail


def event_of(item: dict[str, Any]) -> dict[str, Any]:
    """The event of a list item, with or without a cursor around it."""
    inner = item.get("event")
    return inner if isinstance(inner, dict) else item


async def check_webhooks(receiver: Receiver, call_id: str, types: Types) -> str:
    deadline = time.monotonic() + 15
    wanted = list(types.found)
    while True:
        mine = [each for each in receiver.events if each["data"]["call"]["id"] == call_id]
        got = [(each["data"]["sequence"], each["type"]) for each in mine]
        if got == wanted and not receiver.bad:
            return f"{len(got)} deliveries in the same order, every signature verified"
        if time.monotonic() > deadline or receiver.bad:
            raise Missing(f"webhooks {got} instead of {wanted}; bad: {receiver.bad[:3]}")
        await asyncio.sleep(0.1)


async def call(instance: Instance, method: str, path: str, body: Any = None) -> Any:
    return await asyncio.to_thread(instance.api, method, path, body)


if __name__ == "__main__":
    sys.exit(main())
