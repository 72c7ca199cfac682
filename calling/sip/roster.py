"""The calls of one agent: by their dialogs, while they ring, and until their 2xx is acknowledged.

Pure tables. What must not live here: sending, and deciding anything.
"""

from __future__ import annotations

from calling.sip.call import Call
from calling.sip.dialog import Dialog
from calling.sip.server_call import ServerCall
from calling.sip.server_transaction import ServerTransaction

Key = tuple[str, str, str]


class Roster:
    """`live` holds every call that is not over."""

    def __init__(self) -> None:
        self.live: set[Call] = set()
        self._calls: dict[Key, Call] = {}
        self._unacked: dict[tuple[str, str, str, int], ServerTransaction] = {}
        self._ringing: dict[int, ServerCall] = {}

    def know(self, dialog: Dialog, call: Call) -> None:
        """Requests inside this dialog are the call's."""
        self._calls[dialog.key] = call
        self.live.add(call)

    def unknow(self, dialog: Dialog) -> None:
        self._calls.pop(dialog.key, None)

    def forget(self, call: Call) -> None:
        """The call is over."""
        if call.dialog is not None:
            self.unknow(call.dialog)
        self.live.discard(call)
        for key in call.awaited:
            self._unacked.pop(key, None)
        if isinstance(call, ServerCall):
            self._ringing.pop(id(call.transaction), None)

    def find(self, call_id: str, local_tag: str, remote_tag: str) -> Call | None:
        """The call of a dialog, for its requests and for Replaces."""
        return self._calls.get((call_id, local_tag, remote_tag))

    def rings(self, call: ServerCall) -> None:
        """A CANCEL of its transaction is the call's."""
        self._ringing[id(call.transaction)] = call

    def ringing(self, transaction: ServerTransaction) -> ServerCall | None:
        return self._ringing.get(id(transaction))

    def await_ack(self, call: Call, transaction: ServerTransaction) -> None:
        """This transaction's 2xx is repeated until its ACK comes."""
        assert call.dialog is not None
        key = (*call.dialog.key, transaction.request.cseq.sequence)
        self._unacked[key] = transaction
        call.awaited.append(key)

    def acknowledged(self, key: Key, sequence: int) -> ServerTransaction | None:
        """The transaction whose 2xx this ACK is for, once."""
        return self._unacked.pop((*key, sequence), None)
