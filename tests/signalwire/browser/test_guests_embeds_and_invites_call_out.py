"""The SDK with tokens that only call out: guests, invites, and `embeddableCall` with an embed token."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from typing import Any

from bench.instance import Instance
from tests.signalwire.browser.stage import WHOLE, Page

Tab = Callable[..., Page]


def address_id(instance: Instance, name: str) -> str:
    return str(instance.api("GET", f"/api/fabric/addresses?name={name}")["data"][0]["id"])


def talks_to_bob_and_to_nobody_else(caller: Page, bob: Page) -> None:
    call = caller.dial("/private/bob", audio=True)
    rung = bob.rings()
    bob.run("answer", rung, {"audio": True})
    caller.reaches(call, "connected")
    assert caller.hears(call) > 0.01
    assert bob.hears(rung) > 0.01
    caller.run("hangup", call)
    assert caller.reaches(call, "destroyed") == WHOLE
    refused = caller.run("dial", "/private/carol", {"audio": True})
    assert refused["error"] == "CallCreateError" and refused["seconds"] < 3


def is_never_called(tab: Tab, instance: Instance, address: str) -> None:
    """Not even by the project's own subscribers: the address of such a token cannot be dialled."""
    dora = tab("dora")
    refused = dora.run("dial", address, {"audio": True})
    assert refused["error"] == "CallCreateError" and refused["seconds"] < 3


def test_a_guest_calls_who_its_token_names(tab: Tab, token: Callable[[str], str], instance: Instance) -> None:
    token("carol")
    bob = tab("bob")
    given = instance.api(
        "POST", "/api/fabric/guests/tokens", {"allowed_addresses": [address_id(instance, "/private/bob")]}
    )["token"]
    gus = tab("gus", given=given)
    assert gus.run("register") is False
    talks_to_bob_and_to_nobody_else(gus, bob)
    calls = instance.api("GET", "/api/calls?to=/private/bob&page_size=1")["data"]
    assert calls[0]["from"].startswith("/guest/")
    is_never_called(tab, instance, calls[0]["from"])


def test_an_invited_person_calls_the_address_of_its_invitation(
    tab: Tab, token: Callable[[str], str], instance: Instance
) -> None:
    token("carol")
    bob = tab("bob")
    request = urllib.request.Request(
        f"{instance.url}/api/fabric/subscriber/invites",
        json.dumps({"address_id": address_id(instance, "/private/bob")}).encode(),
        {"Authorization": f"Bearer {token('bob')}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=15) as answer:
        given = json.load(answer)["token"]
    talks_to_bob_and_to_nobody_else(tab("invited", given=given), bob)


def test_an_embedded_call_needs_nothing_but_the_embed_token(
    tab: Tab, token: Callable[[str], str], instance: Instance
) -> None:
    bob = tab("bob")
    made = instance.api("POST", "/api/fabric/embeds", {"address": "/private/bob", "name": "Shop"})
    host = f"fabric.localhost:{instance.environment['CALLWRIGHT_HTTPS_PORT']}"
    visitor = tab("visitor", start=False)

    def embed(to: str) -> Any:
        return visitor.run("embed", {"to": to, "embedToken": made["token"], "host": host})

    done = embed("/private/bob")
    assert "call" in done, (done, visitor.logged[-10:])
    rung = bob.rings()
    bob.run("answer", rung, {"audio": True})
    visitor.reaches(done["call"], "connected")
    assert visitor.hears(done["call"]) > 0.01
    bob.run("hangup", rung)
    assert visitor.reaches(done["call"], "destroyed")[-2:] == ["disconnected", "destroyed"]
    assert embed("/private/somebody-else")["error"] == "CallCreateError"
