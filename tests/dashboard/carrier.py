"""A telephone carrier on loopback, in a thread: a registrar whose numbers answer, are busy or fail."""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType
from typing import Any

from bench.sip_load import Party
from calling.sip.stack.digest import Ha1Pair, ha1
from calling.sip.stack.registrar import Binding, Change
from calling.sip.ua.server_session import DialogServerSession
from calling.sip.ua.user_agent import UserAgent

REALM, USER, PASSWORD = "carrier.example", "acme", "acme-secret"
REFUSED = {"+12025550186": 486, "+12025550103": 503}


async def by_name(username: str) -> Ha1Pair | None:
    if username != USER:
        return None
    return Ha1Pair(*(ha1(kind, USER, REALM, PASSWORD) for kind in ("SHA-256", "MD5")))


async def own_customer(request: Any, hop: Any) -> str | None:
    return USER if request.method == "INVITE" else None


class Carrier:
    """`with Carrier() as one:` listens on `one.port`; numbers in REFUSED get that code, others answer."""

    def __init__(self) -> None:
        self._bindings: dict[str, Binding] = {}
        self._parties: list[Party] = []
        self._loop = asyncio.new_event_loop()

    async def _update(self, account: str, change: Change) -> list[Binding]:
        for contact in change.drop:
            self._bindings.pop(contact, None)
        self._bindings |= {binding.contact: binding for binding in change.keep}
        return list(self._bindings.values())

    async def _invited(self, call: DialogServerSession) -> None:
        number = str(call.request.uri).split(":")[1].split("@")[0]
        if code := REFUSED.get(number):
            await call.reject(code)
            return
        party = Party("pcmu", 1)
        self._parties.append(party)
        await call.answer(party.sdp)

    async def _open(self) -> None:
        self._agent = UserAgent(
            realm=REALM,
            authenticate=by_name,
            trunk=own_customer,
            on_invite=self._invited,
            update=self._update,
        )
        await self._agent.listen("127.0.0.1", 0)
        self.port = int(self._agent.transport.local["UDP"][1])

    def __enter__(self) -> Carrier:
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(10)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        asyncio.run_coroutine_threadsafe(self._agent.close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        for party in self._parties:
            party.sock.close()
