"""What a dialog session, the dispatcher and a registration may use of the user agent that they belong to."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any, Protocol

from sipmessage import Request, Response

from calling.sip.stack.dialog import Dialog
from calling.sip.stack.resolver import Resolver
from calling.sip.stack.transaction import Hop
from calling.sip.stack.transaction_layer import TransactionLayer
from calling.sip.ua.dialog_table import DialogOwner, DialogTable


class UserAgentContext(Protocol):
    """`UserAgent` is the one that runs."""

    exchange: TransactionLayer
    resolver: Resolver
    roster: DialogTable

    def contact(self, hop: Hop, user: str = "callwright") -> str:
        """Our Contact value for this transport."""

    async def transact(self, request: Request, hop: Hop | None) -> Response | None:
        """One request outside a call's state, its final response or None."""

    async def hop_for(self, dialog: Dialog, peer: Hop | None = None) -> Hop | None:
        """Where the dialog's next request goes; `peer` when its name leads nowhere that we may send to."""

    def reach(self, host: str, networks: Sequence[str] = ()) -> list[str]:
        """What a dialog with a peer at `host` may reach besides what everybody may."""

    async def save(self, call: DialogOwner) -> None:
        """Store the call's dialog before the message that follows leaves."""

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run this beside what runs; a failure is logged."""
