"""REGISTER as a client against a registrar of ours: kept, refused, moved to the next place, left."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import clock
from calling.sip.stack.digest import Credentials
from calling.sip.stack.messages import make_response
from calling.sip.stack.registrar import Binding, Change
from calling.sip.stack.transaction import Hop
from calling.sip.ua.registration import Registration
from tests.sip.conftest import REALM, MakeAgent, port_of
from tests.sip.raw import Raw
from tests.sip.secure import contexts


class Registrar:
    """Keeps one account's bindings as they were last asked for."""

    def __init__(self) -> None:
        self.bindings: dict[str, Binding] = {}

    async def update(self, account: str, change: Change) -> list[Binding]:
        for contact in change.drop:
            self.bindings.pop(contact, None)
        self.bindings |= {binding.contact: binding for binding in change.keep}
        return list(self.bindings.values())


def registration(agent: Any, port: int, said: list[int], password: str = "alice-secret", tail: str = "",
                 realm: str = REALM) -> Registration:  # fmt: skip
    credentials = Credentials("alice", password, realm=realm, domain="127.0.0.1")
    return Registration(agent, f"sip:127.0.0.1:{port}{tail}", "sip:alice@127.0.0.1", credentials,
                        said=said.append)  # fmt: skip


@pytest.mark.parametrize("way", ["UDP", "TCP", "TLS"])
async def test_it_is_registered_and_leaves(agent: MakeAgent, way: str, tmp_path: Any) -> None:
    registrar, said = Registrar(), []
    tls = contexts(tmp_path)
    there = await agent(update=registrar.update, sockets={**tls, "tls_port": 0})
    us = await agent(sockets=tls)
    tail = "" if way == "UDP" else f";transport={way.lower()}"
    one = registration(us, port_of(there, way), said, tail=tail)
    one.start()
    async with asyncio.timeout(5):
        while not said:
            await asyncio.sleep(0.02)
    assert said == [200] and one.registered and one.places == {"127.0.0.1"}
    (binding,) = registrar.bindings.values()
    assert binding.contact.startswith("sip:alice@127.0.0.1:") and binding.hop.transport == way
    await one.stop()
    assert registrar.bindings == {}


async def test_a_wrong_password_and_a_foreign_realm_are_told(agent: MakeAgent) -> None:
    there, us = await agent(update=Registrar().update), await agent()
    for password, realm in (("wrong", REALM), ("alice-secret", "elsewhere.test")):
        code, _ = await registration(us, port_of(there), [], password, realm=realm).once(60)
        assert code == 401


@pytest.mark.parametrize(
    ("headers", "granted"),
    [
        (["Contact: {own};expires=60"], 60),
        (["Contact: <sip:alice@127.0.0.1:{port};transport=udp;ob>;q=1;expires=60"], 60),  # written anew
        (["Contact: {own}", "Expires: 60"], 60),
        (["Expires: 60"], 60),
        (["Contact: <sip:alice@127.0.0.1:9>;expires=60", "Contact: {own};expires=90"], 90),  # another phone's
        (["Contact: <sip:alice@127.0.0.1:9>;expires=60"], 600),
        (["Contact: {own};expires=soon", "Expires: later"], 600),
    ],
)
async def test_it_comes_again_when_its_registrar_says(
    agent: MakeAgent, headers: list[str], granted: int
) -> None:
    """One that comes too late is not called meanwhile: carriers shorten what is asked for."""
    us = await agent()
    async with Raw(port_of(us)) as registrar:
        asked = asyncio.create_task(registration(us, registrar.own, []).once(600))
        request = await registrar.asked("REGISTER")
        words = [each.format(own=request.headers["Contact"], port=port_of(us)) for each in headers]
        pairs = [tuple(each.split(": ", 1)) for each in words]
        accepted = make_response(request, 200, to_tag="r", extra=pairs)  # type: ignore[arg-type]
        registrar._link.sendto(bytes(accepted), ("127.0.0.1", registrar.port))  # type: ignore[attr-defined]
        assert await asked == (200, granted)


async def test_silence_leads_to_the_next_place(agent: MakeAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    there, us = await agent(update=Registrar().update), await agent()
    one = registration(us, port_of(there), [])

    async def hops(uri: Any, networks: Any = ()) -> list[Hop]:
        return [Hop("TCP", "127.0.0.1", 9), Hop("UDP", "127.0.0.1", port_of(there))]

    monkeypatch.setattr(us.resolver, "hops", hops)
    code, granted = await one.once(120)
    assert (code, granted) == (200, 120)


async def test_an_address_is_known_for_as_long_as_it_is_registered_there(
    agent: MakeAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registrar moves; who has its old address later is not the trunk."""
    there, us = await agent(update=Registrar().update), await agent()
    one = registration(us, port_of(there), [])
    assert await one.once(120) == (200, 120)
    began = clock.monotonic()
    monkeypatch.setattr(clock, "monotonic", lambda: began + 125)
    assert one.places == {"127.0.0.1"}, "it may be renewing"
    monkeypatch.setattr(clock, "monotonic", lambda: began + 160)
    assert one.places == set()
