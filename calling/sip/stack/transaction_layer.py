"""The table of live transactions: matches messages, runs timers, carries out actions.

It knows the loop's clock and one `SipTransport`. What must not live here: dialogs, authentication.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sipmessage import Request, Response

from calling.sip.stack.client_transaction import ClientTransaction
from calling.sip.stack.headers import parse_via
from calling.sip.stack.messages import make_response, new_branch, tag_of_loosely, via_line
from calling.sip.stack.server_transaction import ServerTransaction, server_key
from calling.sip.stack.transaction import T1, Action, Deliver, Ended, Hop, Send, TransactionFailed
from calling.sip.stack.transport import SipTransport

log = logging.getLogger(__name__)

MAX_TRANSACTIONS = 20_000
MERGE_SECONDS = 4 * T1  # how long after its end a request is still known to its copies on other paths
MAX_RECENT = 5_000
OnResponse = Callable[[Response], None]
OnFailure = Callable[[str], None]


@dataclass
class _Entry:
    transaction: ClientTransaction | ServerTransaction
    on_response: OnResponse | None
    on_failure: OnFailure | None


class TransactionLayer:
    """All transactions of one agent. `advertised`: our hosts; Via and Contact name the first that the other
    end can reach by its IP version."""

    def __init__(self, transport: SipTransport, advertised: Sequence[str] = ()) -> None:
        self.transport, self._advertised = transport, advertised
        self._clients: dict[tuple[str, str], _Entry] = {}
        self._servers: dict[tuple[str, ...], _Entry] = {}
        # Requests outside any dialog, by what a fork leaves unchanged: the transaction each came in.
        self._ongoing: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._recent: OrderedDict[tuple[str, ...], tuple[tuple[str, ...], float]] = OrderedDict()
        self._heap: list[tuple[float, int, _Entry]] = []
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._connecting: set[asyncio.Task[None]] = set()

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def sent_by(self, hop: Hop) -> tuple[str, int]:
        # Where we do not listen on that transport, the far end speaks over the connection we opened.
        local = self.transport.local
        host, port = local.get(hop.transport) or local.get("UDP", ("0.0.0.0", 5060))
        fitting = [each for each in self._advertised if (":" in each) is (":" in hop.host)]
        return (fitting or [*self._advertised, host])[0], port

    @property
    def live(self) -> int:
        return len(self._clients) + len(self._servers)

    def request(
        self, request: Request, hop: Hop, on_response: OnResponse, on_failure: OnFailure
    ) -> ClientTransaction:
        """Start a client transaction; `request` gets its Via. heard and broke are called later."""
        branch = new_branch()
        request.headers.setlist("Via", [via_line(hop, self.sent_by(hop), branch)])
        _via_first(request)
        transaction = ClientTransaction(request, hop, branch)
        entry = _Entry(transaction, on_response, on_failure)
        self._clients[transaction.key] = entry
        self._carry_out(entry, transaction.start(self.now()))
        return transaction

    def cancel(
        self,
        invite: ClientTransaction,
        on_response: OnResponse,
        on_failure: OnFailure,
        extra: Sequence[tuple[str, str]] = (),
    ) -> None:
        """CANCEL a pending INVITE (RFC 3261 9.1): same branch, Request-URI, Route and CSeq number."""
        if (pending := self._clients.get(invite.key)) is not None:
            invite.given_up(self.now())
            self._schedule(pending)
        cancel = Request("CANCEL", invite.request.uri)
        for name in ("Via", "Route", "Max-Forwards", "From", "To", "Call-ID"):
            for value in invite.request.headers.getlist(name):
                cancel.headers.add(name, value)
        cancel.headers.set("CSeq", f"{invite.request.cseq.sequence} CANCEL")
        for name, value in extra:
            cancel.headers.add(name, value)
        cancel.headers.set("Content-Length", "0")
        transaction = ClientTransaction(cancel, invite.hop, invite.branch)
        entry = _Entry(transaction, on_response, on_failure)
        self._clients[transaction.key] = entry
        self._carry_out(entry, transaction.start(self.now()))

    def send(self, request: Request, hop: Hop | None) -> None:
        """Send a request outside any transaction: the ACK of a 2xx. Without a hop it is lost."""
        if hop is None:
            return
        if not request.headers.getlist("Via"):
            request.headers.setlist("Via", [via_line(hop, self.sent_by(hop), new_branch())])
            _via_first(request)
        self._put(bytes(request), hop, None)

    def receive_response(self, response: Response) -> bool:
        """A response from the wire; False if no transaction wants it."""
        try:
            via = parse_via(response.headers["Via"])
            method = response.headers["CSeq"].split()[1]
        except (ValueError, KeyError):
            return False
        entry = self._clients.get((via.parameters.get("branch") or "", method))
        if entry is None or len(response.headers.getlist("Via")) != 1:
            return entry is not None
        assert isinstance(entry.transaction, ClientTransaction)
        self._carry_out(entry, entry.transaction.receive(response, self.now()))
        return True

    def match_request(self, request: Request) -> bool:
        """True if this is a retransmission, or the ACK of a failure, that a transaction takes care of."""
        entry = self._servers.get(server_key(request))
        if entry is None or request.method == "CANCEL":
            return False
        assert isinstance(entry.transaction, ServerTransaction)
        if request.method == "ACK" and entry.transaction.state == "accepted":
            return False
        self._carry_out(entry, entry.transaction.receive(request, self.now()))
        return True

    def server_transaction(
        self, request: Request, hop: Hop, on_failure: OnFailure | None = None
    ) -> ServerTransaction | None:
        """A server transaction for a new request, None when the table is full."""
        if len(self._servers) >= MAX_TRANSACTIONS:
            return None
        transaction = ServerTransaction(request, hop)
        self._servers[server_key(request)] = _Entry(transaction, None, on_failure)
        if (same := merge_key(request)) is not None:
            self._ongoing[same] = server_key(request)
        return transaction

    def merged(self, request: Request) -> bool:
        """Whether this came before on another path, on whatever transport (RFC 3261 8.2.2.2)."""
        same = merge_key(request)
        if same is None:
            return False
        known = self._ongoing.get(same)
        if known is None and same in self._recent:
            known, until = self._recent[same]
            known = known if until > self.now() else None
        return known is not None and known != server_key(request)

    def _remember(self, request: Request) -> None:
        if (same := merge_key(request)) is not None:
            self._recent[same] = (server_key(request), self.now() + MERGE_SECONDS)
            self._recent.move_to_end(same)
            while len(self._recent) > MAX_RECENT:
                self._recent.popitem(last=False)

    def cancelled(self, cancel: Request) -> ServerTransaction | None:
        """The INVITE transaction that a CANCEL names."""
        entry = self._servers.get(server_key(cancel))
        if entry is None or not isinstance(entry.transaction, ServerTransaction):
            return None
        return entry.transaction if entry.transaction.invite else None

    def respond(self, transaction: ServerTransaction, response: Response) -> None:
        """Send a response within its transaction."""
        entry = self._servers.get(server_key(transaction.request))
        if entry is not None:
            self._carry_out(entry, transaction.respond(response, self.now()))

    def respond_stateless(
        self,
        request: Request,
        hop: Hop,
        code: int,
        extra: Sequence[tuple[str, str]] = (),
        reason: str | None = None,
        to_tag: str = "none",
    ) -> None:
        """Answer without keeping a transaction."""
        # A challenge is no answer: who is asked again may use the same CSeq, however wrong that is.
        if code not in (401, 407, 482, 503):
            self._remember(request)
        self._put(bytes(make_response(request, code, reason, to_tag=to_tag, extra=extra)), hop, None)

    def acknowledged(self, transaction: ServerTransaction) -> None:
        entry = self._servers.get(server_key(transaction.request))
        if entry is not None:
            self._carry_out(entry, transaction.acknowledged(self.now()))

    def _carry_out(self, entry: _Entry, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Send):
                self._put(action.data, action.hop, entry)
            elif isinstance(action, Deliver):
                if entry.on_response is not None and isinstance(action.message, Response):
                    entry.on_response(action.message)
            elif isinstance(action, TransactionFailed):
                if entry.on_failure is not None:
                    entry.on_failure(action.why)
            elif isinstance(action, Ended):
                self._forget(entry)
        self._schedule(entry)

    def _forget(self, entry: _Entry) -> None:
        if isinstance(entry.transaction, ClientTransaction):
            self._clients.pop(entry.transaction.key, None)
        else:
            request = entry.transaction.request
            self._servers.pop(server_key(request), None)
            if (same := merge_key(request)) is not None and self._ongoing.pop(same, None) is not None:
                self._remember(request)

    def _put(self, data: bytes, hop: Hop, entry: _Entry | None) -> None:
        if self.transport.send(data, hop) or hop.transport == "UDP":
            return
        task = asyncio.get_running_loop().create_task(self._connect_and_put(data, hop, entry))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connect_and_put(self, data: bytes, hop: Hop, entry: _Entry | None) -> None:
        try:
            await self.transport.connect(hop)
            if self.transport.send(data, hop):
                return
        except OSError as error:
            log.info("%s to %s:%s failed: %s", hop.transport, hop.host, hop.port, error)
        if entry is not None:
            self._carry_out(entry, entry.transaction.transport_failed())

    def _schedule(self, entry: _Entry) -> None:
        due = entry.transaction.timers.next()
        if due is not None:
            heapq.heappush(self._heap, (due, next(self._order), entry))
        self._arm()

    def _arm(self) -> None:
        if not self._heap:
            return
        due = self._heap[0][0]
        if self._timer is not None:
            if self._timer.when() <= due + 0.001 and not self._timer.cancelled():
                return
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(due, self._tick)

    def _tick(self) -> None:
        self._timer = None
        now = self.now()
        while self._heap and self._heap[0][0] <= now + 0.001:
            _, _, entry = heapq.heappop(self._heap)
            due = entry.transaction.timers.next()
            if due is not None and due <= now + 0.001:
                self._carry_out(entry, entry.transaction.tick(now + 0.001))
        self._arm()

    def close(self) -> None:
        """Stop every timer; nothing is sent any more."""
        if self._timer is not None:
            self._timer.cancel()
        for task in self._connecting:
            task.cancel()
        self._heap.clear()


def merge_key(request: Request) -> tuple[str, ...] | None:
    """What the copies of one request share that come over several paths; None inside dialogs."""
    if request.method in ("ACK", "CANCEL") or tag_of_loosely(request.headers["To"]) is not None:
        return None
    return request.call_id, tag_of_loosely(request.headers["From"]) or "", request.headers["CSeq"]


def _via_first(request: Request) -> None:
    """Via leads the header list: proxies and people expect it there."""
    headers = request.headers
    names = [name for name in headers.keys() if name != "Via"]  # noqa: SIM118 (not a dict)
    values = [(name, list(headers.getlist(name))) for name in names]
    via = list(headers.getlist("Via"))
    for name in ["Via", *names]:
        headers.remove(name)
    headers.setlist("Via", via)
    for name, items in values:
        headers.setlist(name, items)
