"""The calls of one agent: by their dialogs, while they ring, and until their 2xx is acknowledged.

Pure tables. What must not live here: sending, and deciding anything.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Protocol

from sipmessage import Request

from calling.sip.stack.dialog import Dialog
from calling.sip.stack.server_transaction import ServerTransaction

Key = tuple[str, str, str]


class DialogOwner(Protocol):
    """The session that a dialog belongs to, as far as the table and what arrives need it."""

    dialog: Dialog | None
    reference: str | None
    awaited: list[tuple[str, str, str, int]]

    def handle(self, request: Request, transaction: ServerTransaction) -> None: ...
    def on_ack(self, request: Request) -> None: ...
    def on_offer_cancelled(self) -> None: ...
    def spawn(self, work: Coroutine[Any, Any, Any]) -> None: ...
    async def bye(self) -> None: ...


class RingingOwner(DialogOwner, Protocol):
    """A session whose INVITE has no final response yet."""

    transaction: ServerTransaction

    def on_cancel(self, why: str = ...) -> None: ...


class DialogTable:
    """`live` holds every call that is not over."""

    def __init__(self) -> None:
        self.live: set[DialogOwner] = set()
        self._calls: dict[Key, DialogOwner] = {}
        self._unacked: dict[tuple[str, str, str, int], ServerTransaction] = {}
        self._ringing: dict[int, RingingOwner] = {}
        self._judges: dict[int, DialogOwner] = {}

    def add(self, dialog: Dialog, call: DialogOwner) -> None:
        """Requests inside this dialog are the call's."""
        self._calls[dialog.key] = call
        self.live.add(call)

    def remove(self, dialog: Dialog) -> None:
        self._calls.pop(dialog.key, None)

    def forget(self, call: DialogOwner) -> None:
        """The call is over."""
        if call.dialog is not None:
            self.remove(call.dialog)
        self.live.discard(call)
        for key in call.awaited:
            self._unacked.pop(key, None)

    def find(self, call_id: str, local_tag: str, remote_tag: str) -> DialogOwner | None:
        """The call of a dialog, for its requests and for Replaces."""
        return self._calls.get((call_id, local_tag, remote_tag))

    def add_ringing(self, call: RingingOwner) -> None:
        """A CANCEL of its transaction is the call's."""
        self._ringing[id(call.transaction)] = call

    def remove_ringing(self, transaction: ServerTransaction) -> None:
        self._ringing.pop(id(transaction), None)

    def ringing(self, transaction: ServerTransaction) -> RingingOwner | None:
        return self._ringing.get(id(transaction))

    def judges(self, call: DialogOwner, transaction: ServerTransaction) -> None:
        """A CANCEL of this re-INVITE is the call's, until `judged`."""
        self._judges[id(transaction)] = call

    def judged(self, transaction: ServerTransaction) -> None:
        self._judges.pop(id(transaction), None)

    def judge(self, transaction: ServerTransaction) -> DialogOwner | None:
        return self._judges.get(id(transaction))

    def expect_ack(self, call: DialogOwner, transaction: ServerTransaction) -> None:
        """This transaction's 2xx is repeated until its ACK comes."""
        assert call.dialog is not None
        key = (*call.dialog.key, transaction.request.cseq.sequence)
        self._unacked[key] = transaction
        call.awaited.append(key)

    def acknowledged(self, key: Key, sequence: int) -> ServerTransaction | None:
        """The transaction whose 2xx this ACK is for, once."""
        return self._unacked.pop((*key, sequence), None)
