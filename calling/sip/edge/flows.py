"""Browsers that speak SIP over WebSocket: how a web process proves one, and what the end of its flow means.

A flow that ends takes its registration along (RFC 5626). Its calls have the time of a lost socket to come
back over another one, by a request in the dialog or by a registration of the same contact; where the browser
said that the page was left they end at once. What must not live here: sockets and frames (stack.websocket).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine

from django.conf import settings
from django.core import signing

from calling import models, presence
from calling.machine import inputs
from calling.machine.reasons import Cause
from calling.runtime import db_threads
from calling.sip.edge import rows as edge_rows
from calling.sip.edge.sip_leg import EdgeContext, SipLeg, retry_db
from calling.sip.stack.headers import parse_uri
from calling.sip.stack.registrar import Change
from calling.sip.stack.transaction import Hop
from calling.sip.stack.websocket import GONE

SALT = "callwright.sip.flow"
PROOF_SECONDS = 30  # from writing the preface to reading it, with the clocks of two hosts


def proof_of(host: str, port: int, *, secure: bool) -> str:
    """Where a browser is, signed with the instance's key; `host` is an IP address."""
    return signing.dumps(["WSS" if secure else "WS", host, port, secrets.token_hex(12)], salt=SALT)


def hop_of(proof: str) -> Hop | None:
    """The flow that a proof is for; None for a wrong or old one."""
    try:
        transport, host, port, name = signing.loads(proof, salt=SALT, max_age=PROOF_SECONDS)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return Hop(str(transport), str(host), int(port), str(name))


class BrowserFlows:
    """The flows of one edge and the calls on them."""

    def __init__(self, edge: EdgeContext, spawn: Callable[[Coroutine[None, None, None]], None]) -> None:
        self._edge, self._spawn = edge, spawn
        edge.agent.transport.accept_flows(hop_of, self.lost)

    def lost(self, hop: Hop, code: int) -> None:
        self._spawn(self._lost(hop, code == GONE))

    async def _lost(self, hop: Hop, gone: bool) -> None:
        await retry_db(flow_lost, hop.name)
        if not gone:
            await asyncio.sleep(settings.CALLWRIGHT_GRACE_SECONDS)
        for line in list(self._edge.lines.values()):
            if line.carries and flow_of(line) == hop:
                await line.apply(inputs.Hangup(line.leg_id, cause=Cause.DEVICE_LOST))

    async def registered(self, username: str, change: Change) -> None:
        """Who registers the contact of a call over a new flow has that call there from now on."""
        for binding in change.keep:
            if not binding.hop.websocket:
                continue
            place = place_of(binding.contact)
            lines = [
                line
                for line in self._edge.lines.values()
                if (flow := flow_of(line)) is not None and flow != binding.hop and target_of(line) == place
            ]
            owner = await db_threads.run(edge_rows.holder_of, username) if lines else None
            for line in lines:
                whose = line.holder.subscriber_id if line.holder is not None else None
                if owner is not None and owner[0].subscriber_id == whose and line.call.dialog is not None:
                    hop = binding.hop
                    line.call.dialog.flow = (hop.transport, hop.host, hop.port, hop.name)


def flow_of(line: SipLeg) -> Hop | None:
    """The browser's flow that a line's dialog is on, if it is on one."""
    dialog = line.call.dialog
    hop = Hop(*dialog.flow) if dialog is not None and dialog.flow is not None else None
    return hop if hop is not None and hop.websocket else None


def target_of(line: SipLeg) -> tuple[str | None, str]:
    assert line.call.dialog is not None
    return place_of(line.call.dialog.remote_target)


def place_of(contact: str) -> tuple[str | None, str]:
    """User and host of a Contact: `ob` and other parameters come and go (RFC 5626 4.3)."""
    uri = parse_uri(contact)
    return uri.user, uri.host.lower()


def flow_lost(name: str) -> None:
    """Who is registered over that flow is offline."""
    for device in models.Device.objects.filter(kind="sip", contact__hop__3=name):
        presence.device_offline(device.id)
