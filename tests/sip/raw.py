"""A SIP peer made of a socket: it sends what it is told, octet by octet, and keeps what comes."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any

from sipmessage import Request, Response

from calling.sip.stack.parser import parse
from calling.sip.stack.stream_parser import StreamFramer
from tests.sip.conftest import SDP


class Raw:
    """`async with Raw(port) as peer` over UDP; `transport="TCP"` for a connection of its own."""

    def __init__(self, port: int, transport: str = "UDP") -> None:
        self.port, self.transport = port, transport
        self.heard: list[Request | Response] = []
        self._news = asyncio.Event()
        self._frames = StreamFramer()

    async def __aenter__(self) -> Raw:
        loop = asyncio.get_running_loop()
        if self.transport == "TCP":
            self._link, _ = await loop.create_connection(lambda: self, "127.0.0.1", self.port)  # type: ignore[arg-type, type-var]
        else:
            self._link, _ = await loop.create_datagram_endpoint(lambda: self, ("127.0.0.1", 0))  # type: ignore[arg-type, type-var, assignment]
        self.own = self._link.get_extra_info("sockname")[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._link.close()

    # --- asyncio's protocol, both kinds

    def connection_made(self, transport: Any) -> None: ...

    def connection_lost(self, error: Exception | None) -> None: ...

    def error_received(self, error: Exception) -> None: ...

    def datagram_received(self, data: bytes, address: Any) -> None:
        self.heard.append(parse(data))
        self._news.set()

    def data_received(self, data: bytes) -> None:
        for each in self._frames.feed(data):
            self.datagram_received(each, None)

    # --- speaking

    def say(
        self, method: str, *, call_id: str = "c1", branch: str = "b1", sequence: int = 1, to: str = "bob",
        tag: str = "", headers: tuple[str, ...] = (), body: str | bytes | None = None,
        kind: str = "application/sdp", uri: str = "", from_: str = "<sip:alice@callwright.test>;tag=a1",
    ) -> None:  # fmt: skip
        """One request; `tag` puts it into a dialog. An INVITE has SDP unless told otherwise."""
        if body is None:
            body = SDP if method == "INVITE" else ""
        data = body.encode() if isinstance(body, str) else body
        lines = [
            f"{method} {uri or f'sip:{to}@callwright.test'} SIP/2.0",
            f"Via: SIP/2.0/{self.transport} 127.0.0.1:{self.own};rport;branch=z9hG4bK{branch}",
            "Max-Forwards: 70",
            f"From: {from_}",
            f"To: <sip:{to}@callwright.test>" + (f";tag={tag}" if tag else ""),
            f"Call-ID: {call_id}",
            f"CSeq: {sequence} {method}",
            f"Contact: <sip:alice@127.0.0.1:{self.own}>",
            *headers,
            *([f"Content-Type: {kind}"] if data else []),
            f"Content-Length: {len(data)}",
        ]
        octets = "\r\n".join([*lines, "", ""]).encode() + data
        if self.transport == "TCP":
            self._link.write(octets)  # type: ignore[attr-defined]
        else:
            self._link.sendto(octets, ("127.0.0.1", self.port))  # type: ignore[attr-defined]

    def codes(self, branch: str, method: str) -> list[int]:
        """The statuses that this request was answered with, repetitions left out."""
        found: list[int] = []
        for each in self.heard:
            if not isinstance(each, Response) or each.headers["CSeq"].split()[1] != method:
                continue
            if f"branch=z9hG4bK{branch}" in each.headers["Via"].split(";") and each.code not in found:
                found.append(each.code)
        return found

    async def answered(self, branch: str, method: str, seconds: float = 5.0, final: bool = True) -> Response:
        """The (final) answer to a request."""
        async with asyncio.timeout(seconds):
            while True:
                self._news.clear()
                for each in self.heard:
                    if (
                        isinstance(each, Response)
                        and each.headers["CSeq"].split()[1] == method
                        and f"branch=z9hG4bK{branch}" in each.headers["Via"].split(";")
                        and (each.code >= 200 or not final)
                    ):
                        return each
                await self._news.wait()

    async def asked(self, method: str, seconds: float = 5.0, count: int = 1) -> Request:
        """The `count`th different request of that method."""
        async with asyncio.timeout(seconds):
            while True:
                self._news.clear()
                found: dict[str, Request] = {}
                for each in self.heard:
                    if isinstance(each, Request) and each.method == method:
                        found.setdefault(each.headers["CSeq"], each)
                if len(found) >= count:
                    return list(found.values())[count - 1]
                await self._news.wait()
