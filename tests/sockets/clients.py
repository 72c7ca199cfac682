"""A SignalWire client by hand: JSON-RPC on the socket at `/`, in the blocking style of `phones`."""

from __future__ import annotations

import itertools
import json
import time
from typing import Any

from websockets.sync.client import connect

from tests.sockets import phones
from tests.sockets.phones import Phone
from tests.support.fake_worker import SDP
from tests.support.people import Person

_numbers = itertools.count(1)


class Client(Phone):
    """One socket of the fabric edge. Events are acknowledged as they are read, unless told otherwise."""

    def __init__(self, port: int, token: str | None = None, **former: str) -> None:
        self.port = port
        self.socket = connect(f"ws://127.0.0.1:{port}/", open_timeout=10, close_timeout=0.3)
        self.heard: list[dict[str, Any]] = []
        self.device_id: str | None = None
        self.acks = True
        self.state = ""
        phones.OPEN.append(self)
        if token is not None:
            answer = self.come_in(token, **former)
            self.protocol = answer["result"]["protocol"]
            self.device_id = self.protocol.removeprefix("signalwire_")
            self.state = self.event("signalwire.authorization.state")["authorization_state"]

    def come_in(self, token: Any, **former: str) -> dict[str, Any]:
        params = {"version": {"major": 4, "minor": 0, "revision": 0}, "authentication": {"jwt_token": token}}
        return self.ask("signalwire.connect", **params, **former)

    def ask(self, method: str, /, **params: Any) -> dict[str, Any]:
        """The answer to one request; events before it are kept in `heard`."""
        number = f"r{next(_numbers)}"
        request = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        self.socket.send(json.dumps(request))
        while True:
            message = self.next()
            if message.get("id") == number and "method" not in message:
                return message

    def next(self, seconds: float = 8.0) -> dict[str, Any]:
        message = super().next(seconds)
        if self.acks and "method" in message:
            self.socket.send(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": {}}))
        return message

    def event(self, kind: str, seconds: float = 8.0) -> dict[str, Any]:
        """The parameters of the next event of that type; those of a verto message by `verto.x`."""
        end = time.monotonic() + seconds
        while True:
            params = self.next(max(0.01, end - time.monotonic())).get("params", {})
            inner = params.get("params", {})
            if params.get("event_type") == kind:
                return dict(inner)
            if params.get("event_type") == "webrtc.message" and inner.get("method") == kind:
                return dict(inner["params"])

    def verto(self, method: str, call_id: str, **fields: Any) -> dict[str, Any]:
        """The inner result of a verto request, or the whole answer where it is an error."""
        fields = {"dialogParams": {"callID": call_id}, **fields}
        message = {"jsonrpc": "2.0", "id": "inner", "method": method, "params": fields}
        answer = self.ask("webrtc.verto", callID=call_id, node_id="", message=message)
        if "error" in answer:
            return answer
        assert answer["result"]["code"] == "200" and answer["result"]["node_id"]
        inner: dict[str, Any] = answer["result"]["result"]
        assert inner["id"] == "inner"
        return dict(inner["result"])

    def invite(self, call_id: str, to: str, sdp: Any = SDP) -> dict[str, Any]:
        dialog = {"callID": call_id, "destination_number": to, "userVariables": {}}
        return self.verto("verto.invite", call_id, dialogParams=dialog, sdp=sdp)

    def events(self) -> list[str]:
        """What has been heard so far: event types, verto methods and `result`."""
        found = []
        for message in self.heard:
            params = message.get("params", {})
            kind = params.get("event_type", "result" if "result" in message else "other")
            found.append(params["params"]["method"] if kind == "webrtc.message" else kind)
        return found


def online(port: int, person: Person) -> Client:
    client = Client(port, person.token)
    assert client.ask("subscriber.online")["result"]["code"] == "200"
    return client
