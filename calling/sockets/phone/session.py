"""One device on one socket: what it has been told, what it is about to make, when its token ends.

Puts the messages of docs/contract.md#device-socket into the socket's outbound queue; the hub brings what is
new.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

from calling.machine.states import Role
from calling.sockets.call_updates import CallUpdate, DeviceLeg
from calling.sockets.device_session import DeviceSession
from calling.sockets.phone import translate
from calling.sockets.phone.translate import ClientView
from calling.sockets.send_queue import SendQueue
from tokens.subjects import TokenHolder

WARNING_SECONDS = 60
MAX_REQ_IDS = 1000
OVER = ""  # in the place of a call id: there is no such call any more


class PhoneSession(DeviceSession[ClientView]):
    """The conversation of a device on `/ws/phone`."""

    def __init__(self, device_id: str, holder: TokenHolder, out: SendQueue) -> None:
        super().__init__(device_id, holder, out)
        self.making: set[object] = set()  # calls being created: nothing is said of them before call.trying
        self.gathering: set[str] = set()  # call ids whose device may still send candidates
        self.created: OrderedDict[str | int, str] = OrderedDict()  # req_id → call id, or OVER
        self.gathered_in_vain = False  # what gathered last is over, and candidates may be on their way
        self.aliases: dict[str, str] = {}  # the former id of a call that moved → its new one
        self.warned_for: object = None
        self.dropped: set[str] = set()  # legs of screens that are being hung up
        self.on_parts_left: Callable[[list[ClientView]], None] | None = None  # to be hung up

    # --- news -------------------------------------------------------------------------------------

    def hear(self, found: list[DeviceLeg], news: dict[str, CallUpdate]) -> bool:
        """Say what is new; True where a call moved and the one it moved to must be read."""
        for each in found:
            self.discover(each, news.get(each.call_id))
        again = False
        for leg_id in list(self.told):
            told = self.told[leg_id]
            about = news.get(told.call_id)
            if about is None:
                continue
            told, messages = translate.messages_for(told, about, self.device_id)
            for message in messages:
                self.say(message)
            if told.call_id != about.call.id:
                self.aliases[about.call.id] = told.call_id
                again = True
            if told.ended:
                del self.told[leg_id]
                if told.call_id in self.gathering:
                    self.gathering.discard(told.call_id)
                    self.gathered_in_vain = True
            else:
                self.told[leg_id] = told
        self.drop_parts()
        return again

    def drop_parts(self) -> None:
        """End the shared screens of calls that this device is in no more."""
        left = [each for each in self.told.values() if each.part_of and each.part_of not in self.told]
        left = [each for each in left if each.leg_id not in self.dropped]
        self.dropped |= {each.leg_id for each in left}
        if left and self.on_parts_left is not None:
            self.on_parts_left(left)

    def discover(self, found: DeviceLeg, about: CallUpdate | None) -> None:
        if found.leg_id in self.told or about is None:
            return
        leg = about.call.leg(found.leg_id)
        if leg is None or not leg.live:
            return
        if leg.role is Role.CALLER and self.making:
            return  # its call.trying comes first
        if not found.carried and self.expired:
            return  # a token that is over rings no more
        self.told[found.leg_id] = translate.initial_view(found.leg_id, about, self.device_id)

    # --- calls this device makes and answers ------------------------------------------------------

    def made(
        self, req_id: str | int | None, call_id: str, leg_id: str, gathers: bool, shares: str | None = None
    ) -> None:
        """`shares`: the call whose media this one uses too; its answer is not told a second time. Of a shared
        screen the next look says whose it is."""
        known = [told.serial for told in self.told.values() if told.call_id == shares]
        self.told[leg_id] = ClientView(call_id, leg_id, serial=max(known, default=0))
        if gathers:
            self.gathers(call_id)
        self.remember(req_id, call_id)

    def remember(self, req_id: str | int | None, call_id: str) -> None:
        if req_id is not None:
            self.created[req_id] = call_id
            while len(self.created) > MAX_REQ_IDS:
                self.created.popitem(last=False)

    def gathers(self, call_id: str) -> None:
        """Expect candidates for this call."""
        self.gathering.add(call_id)
        self.gathered_in_vain = False

    def refused(self, req_id: str | int | None) -> None:
        """An offer was refused whose candidates may be on their way."""
        self.remember(req_id, OVER)
        self.gathered_in_vain = True

    def follow_members(self, call_id: str) -> bool:
        """Tell from now on who is in the room of a call; False where there is no such call here."""
        call_id = self.aliases.get(call_id, call_id)
        found = {leg: told for leg, told in self.told.items() if told.call_id == call_id}
        self.told |= {leg: replace(told, follows=True, members=(None, 0, ())) for leg, told in found.items()}
        return bool(found)

    def call_of_candidate(self, call_id: str | None, req_id: str | int | None) -> str | None:
        """Which call a candidate is for: named, by the create's req_id, or the only one that gathers. OVER
        where it was on its way for one that has ended or was refused; None where nobody can tell."""
        if call_id is not None:
            return call_id
        if req_id is not None and req_id in self.created:
            return self.created[req_id]
        if len(self.gathering) == 1:
            return next(iter(self.gathering))
        return OVER if self.gathered_in_vain and not self.gathering else None

    def has_calls(self) -> bool:
        return any(told.answered or not told.ended for told in self.told.values())

    # --- carrying on after a lost socket ----------------------------------------------------------

    def inherit(self, before: PhoneSession) -> None:
        """Go on where the device's former socket stopped: no message twice, none left out."""
        # A client begins a new socket with no call recorded, as after a restart of the platform.
        self.told = {leg: replace(told, recorded=False) for leg, told in before.told.items()}
        self.gathering = set(before.gathering)
        self.created = before.created.copy()
        self.gathered_in_vain = before.gathered_in_vain
        self.making = before.making  # the same: what the lost socket began is told here
        self.aliases = dict(before.aliases)

    # --- the clock --------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        left = self.holder.expires_at.timestamp() - now
        if left <= WARNING_SECONDS and self.warned_for != self.holder.jti and left > 0:
            self.warned_for = self.holder.jti
            self.say({"type": "token.expiring", "expires_in": max(0, int(left))})
        if self.on_expiry is not None:
            if left <= 0:
                self.on_expiry("expired")
            elif now - self.heard_at > self.idle_seconds:
                self.on_expiry("idle")

    idle_seconds = 3600.0
