"""TLS for peers that have none (Debian's sipp): the test's certificate, and a relay that wraps their TCP."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from pathlib import Path
from types import TracebackType

from config.embedded.certificate import Certificate, prepare


def certificate(directory: Path) -> Certificate:
    """A certificate for 127.0.0.1 and localhost, with its authority."""
    return prepare(directory, ("localhost", "127.0.0.1"))


def contexts(directory: Path) -> dict[str, ssl.SSLContext]:
    """`server_context` and `client_context` of an agent that trusts the test's own authority."""
    made = certificate(directory)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(made.chain, made.key)
    client = ssl.create_default_context(cafile=str(made.authority))
    return {"server_context": server, "client_context": client}


class Relay:
    """`async with Relay(target_port, listen=None|context, dial=None|context) as port`.

    Listens on `port`, with TLS if `listen` is given, and connects each client to the target, with TLS if
    `dial` is given. The target's host is 127.0.0.1, whose certificate is checked.
    """

    def __init__(
        self, target: int, *, listen: ssl.SSLContext | None = None, dial: ssl.SSLContext | None = None
    ) -> None:
        self._target, self._listen, self._dial = target, listen, dial
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> int:
        self._server = await asyncio.start_server(self._joined, "127.0.0.1", 0, ssl=self._listen)
        return int(self._server.sockets[0].getsockname()[1])

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name = "127.0.0.1" if self._dial else None
        far_reader, far_writer = await asyncio.open_connection(
            "127.0.0.1", self._target, ssl=self._dial, server_hostname=name
        )
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(copy(source, sink))
            self._tasks.add(task)


async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, ssl.SSLError):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    with contextlib.suppress(OSError, ssl.SSLError):
        sink.close()
