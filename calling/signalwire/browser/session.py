"""One SignalWire client on one socket: its calls under its own ids, and events it has not acknowledged.

Events go into the socket's outbound queue; what a lost socket may have swallowed is said again on the next.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import clock
from calling.models import TextMessage
from calling.signalwire import messages
from calling.signalwire.browser import rpc, translate, version_3
from calling.signalwire.browser.translate import ClientView
from calling.sockets.call_updates import CallUpdate, DeviceLeg
from calling.sockets.device_session import DeviceSession
from calling.sockets.send_queue import SendQueue
from tokens.subjects import TokenHolder

MAX_UNACKED = 100
MAX_READ = 2000
CLOCKS_APART = timedelta(seconds=2)
PING_SECONDS, DEAD_SECONDS = 15.0, 50.0


class BrowserSession(DeviceSession[ClientView]):
    """The conversation of a client that speaks SignalWire's JSON-RPC."""

    def __init__(self, device_id: str, holder: TokenHolder, out: SendQueue) -> None:
        super().__init__(device_id, holder, out)
        self.names: dict[str, str] = {}  # leg id → the callID that the client gave it
        self.unacked: OrderedDict[rpc.Id, dict[str, Any]] = OrderedDict()
        self.updates: dict[tuple[str, int], asyncio.Future[str]] = {}  # (leg id, serial) → platform's answer
        self.left: str | None = None  # the leg that its client is hanging up
        self.version_3 = False  # of the SDK
        self.rooms = 0  # how many of its calls are in rooms
        self.read: OrderedDict[UUID, None] = OrderedDict()  # messages that it was told
        self.since = clock.now() - CLOCKS_APART
        self.pinged_at = clock.time()
        self.on_parts_left: Callable[[list[ClientView]], None] | None = None  # to be hung up

    # --- news -------------------------------------------------------------------------------------

    def hear(self, found: list[DeviceLeg], news: dict[str, CallUpdate]) -> bool:
        """Say what is new; True where a call moved and the one it moved to must be read."""
        for each in found:
            self.discover(each, news.get(each.call_id))
        again = False
        self.rooms = sum(1 for told in self.told.values() if (at := news.get(told.call_id)) and at.room)
        for leg_id in list(self.told):
            told = self.told[leg_id]
            about = news.get(told.call_id)
            if about is None:
                continue
            subscriber = self.holder.subscriber_id is not None
            after, messages = translate.messages_for(told, about, self.device_id, subscriber)
            for message in messages:
                self.tell(version_3.fitted(message) if self.version_3 else message)
            whole = self.told.get(after.part_of or "")
            if self.version_3 and whole is not None and after.answered and not told.answered:
                self.tell(version_3.part_joined(after, whole))
            again |= after.call_id != told.call_id
            self.settle(about, leg_id)
            if after.ended:
                self.forget(leg_id)
            else:
                self.told[leg_id] = after
        self.drop_parts()
        return again

    def drop_parts(self) -> None:
        """End the shared screens and further cameras whose party's own leg is over."""
        left = [each for each in self.told.values() if each.part_of and each.part_of not in self.told]
        for each in left:
            self.forget(each.leg_id)
        if left and self.on_parts_left is not None:
            self.on_parts_left(left)

    def discover(self, found: DeviceLeg, about: CallUpdate | None) -> None:
        if (
            found.leg_id in self.told
            or found.leg_id == self.left
            or about is None
            or (self.expired and not found.carried)
        ):
            return
        told = translate.initial_view(found.leg_id, about, self.device_id, self.names.get(found.leg_id))
        if told is not None:
            self.told[found.leg_id] = told

    def settle(self, about: CallUpdate, leg_id: str) -> None:
        """Give the answer to a waiting re-offer."""
        leg = about.call.leg(leg_id)
        if leg is None or leg.answer is None or leg.offered:
            return
        waiting = self.updates.pop((leg_id, leg.serial), None)
        if waiting is not None and not waiting.done():
            waiting.set_result(leg.answer)

    def forget(self, leg_id: str) -> None:
        self.told.pop(leg_id, None)
        self.names.pop(leg_id, None)

    @property
    def reads_messages(self) -> bool:
        return True

    def hear_messages(self, found: Iterable[TextMessage]) -> None:
        for each in found:
            if each.pk in self.read or each.created_at < self.since:
                continue
            self.read[each.pk] = None
            if len(self.read) > MAX_READ:
                self.read.popitem(last=False)
            self.tell(rpc.event("conversation.message", messages.payload(each)))

    # --- speaking ---------------------------------------------------------------------------------

    def tell(self, message: dict[str, Any]) -> None:
        """An event: kept until the client says that it has it."""
        self.unacked[message["id"]] = message
        while len(self.unacked) > MAX_UNACKED:
            self.unacked.popitem(last=False)
        self.out.push(message)

    # --- calls ------------------------------------------------------------------------------------

    def named(self, client_id: str) -> ClientView | None:
        return next((told for told in self.told.values() if told.client_id == client_id), None)

    def made(self, call_id: str, leg_id: str, client_id: str, part_of: str | None = None) -> None:
        self.names[leg_id] = client_id
        self.told[leg_id] = ClientView(call_id, leg_id, client_id, part_of=part_of)

    def answered(self, leg_id: str) -> None:
        told = self.told.get(leg_id)
        if told is not None:
            self.told[leg_id] = replace(told, answered=True)

    @contextlib.contextmanager
    def leaving(self, told: ClientView) -> Iterator[None]:
        """Tell nothing of a call that its client hangs up; it is told again where that fails."""
        names = dict(self.names)
        self.forget(told.leg_id)
        self.left = told.leg_id
        try:
            yield
        except Exception:
            self.names, self.told[told.leg_id] = names, told
            raise
        finally:
            self.left = None

    def over(self, told: ClientView, reason: str) -> None:
        """Say goodbye at once, to a whole call, not to a part; nothing where the call is forgotten."""
        if self.told.get(told.leg_id) is not None:
            self.forget(told.leg_id)
            for message in translate.over(told, reason, None)[1]:
                self.tell(message)
        self.drop_parts()

    @property
    def in_room(self) -> bool:
        """Whether one of its calls is in company that may change without the call."""
        return self.rooms > 0

    def has_calls(self) -> bool:
        return bool(self.told)

    def inherit(self, before: BrowserSession) -> None:
        """Go on where the client's former socket stopped."""
        self.told, self.names = dict(before.told), dict(before.names)
        self.unacked, self.updates = before.unacked.copy(), before.updates
        self.read, self.since = before.read.copy(), before.since

    def repeat(self) -> None:
        for message in self.unacked.values():
            self.out.push(message)

    # --- the clock --------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        if now - self.pinged_at >= PING_SECONDS:
            self.pinged_at = now
            self.say(rpc.ping())
        if self.on_expiry is None:
            return
        if self.holder.expires_at.timestamp() <= now:
            self.on_expiry("expired")
        elif now - self.heard_at > DEAD_SECONDS:
            self.on_expiry("dead")
