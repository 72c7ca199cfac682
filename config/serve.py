"""The web process: one ASGI application on the http port and, with a local certificate, on the https port.

`python -m config.serve`. Bounds: WebSocket frames of 256 kB, a queue of 16 frames per socket, no
compression (a 1 kB frame may unpack to 256 kB, and audio signalling is small).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import socket
import sys
from collections.abc import Generator

import uvicorn

from config import env as environment
from config import env_network, privacy
from config.embedded import certificate, paths
from config.web.header_limits import BoundedHead
from config.web.socket_limits import BoundedSocket
from config.web.turn_door import door_to

_DAY = 86400.0


class Server(uvicorn.Server):
    """uvicorn without its signal handlers: two of them share this process."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ending = asyncio.Event()

    def end(self) -> None:
        self.should_exit = True
        self._ending.set()

    async def main_loop(self) -> None:
        """uvicorn looks ten times a second whether to end. This one is told, and wakes for the date."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), 1.0)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def main() -> int:
    privacy.keep_private()
    env = environment.load()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    shared = env.web_processes > 1
    sockets = [_listen(env.bind, env.http_port, "CALLWRIGHT_HTTP_PORT", shared)]
    if env.https_port:
        sockets.append(_listen(env.bind, env.https_port, "CALLWRIGHT_HTTPS_PORT", shared))
    asyncio.run(_serve(env, sockets))
    return 0


async def _serve(env: environment.Environment, sockets: list[list[socket.socket]]) -> None:
    from django.urls import get_resolver

    from calling.runtime import garbage
    from config.asgi import application

    # Routes are loaded now: a broken one ends this process instead of every request.
    _ = get_resolver().url_patterns
    garbage.keep_all()
    names = certificate.names_for(env.domain_host, env.bind)
    servers = [Server(_config(application, env))]
    tasks: list[asyncio.Task[None]] = []
    if env.https_port:
        leaf = certificate.prepare(env.data_dir, names)
        keys = {"ssl_certfile": str(leaf.chain), "ssl_keyfile": str(leaf.key)}
        door = door_to(paths.turn_socket(env.data_dir)) if env.turn_enabled else BoundedHead
        secured = _config(application, env, door, **keys)
        servers.append(Server(secured))
        tasks.append(asyncio.create_task(_renew(env, names, secured)))
    loop = asyncio.get_running_loop()

    def stop() -> None:
        for server in servers:
            server.end()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    pairs = zip(servers, sockets, strict=True)
    await asyncio.gather(*(server.serve(sockets=listening) for server, listening in pairs))
    for task in tasks:
        task.cancel()


def _config(
    application: object, env: environment.Environment, protocol: type[BoundedHead] = BoundedHead, **ssl: str
) -> uvicorn.Config:
    return uvicorn.Config(
        application,  # type: ignore[arg-type]
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        http=protocol,
        ws=BoundedSocket,
        ws_max_size=256 * 1024,
        ws_max_queue=16,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=3,
        proxy_headers=bool(env.trusted_proxies),
        forwarded_allow_ips=list(env.trusted_proxies),
        **ssl,  # type: ignore[arg-type]
    )


async def _renew(env: environment.Environment, names: tuple[str, ...], config: uvicorn.Config) -> None:
    """A process that lives longer than its certificate loads the next one; open connections keep theirs."""
    while True:
        await asyncio.sleep(_DAY)
        leaf = certificate.prepare(env.data_dir, names)
        if config.ssl is not None:
            config.ssl.load_cert_chain(str(leaf.chain), str(leaf.key))


def _listen(bind: str, port: int, variable: str, shared: bool) -> list[socket.socket]:
    return [_bound(address, port, variable, shared) for address in env_network.listening_at(bind)]


def _bound(address: str, port: int, variable: str, shared: bool) -> socket.socket:
    """A bound socket of one IP version; where `shared`, the kernel deals new connections out to all who
    bound the port so."""
    listening = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if ":" in address:
        listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    if shared:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listening.bind((address, port))
    except OSError as error:
        taken = "is taken" if error.errno == errno.EADDRINUSE else error.strerror
        sys.exit(f"callwright: {variable}: port {port} on {address} {taken}")
    listening.set_inheritable(False)
    return listening


if __name__ == "__main__":
    sys.exit(main())
