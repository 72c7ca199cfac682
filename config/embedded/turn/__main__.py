"""`python -m config.embedded.turn`: the TURN process of `make run`. Needs neither database nor Django."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys

from config import env as environment
from config import env_network, privacy
from config.embedded import paths
from config.embedded.turn.allocation import Reach
from config.embedded.turn.server import TurnServer
from config.embedded.turn.stream import TurnStream
from config.logs import JsonLine
from config.secret_key import purpose_key, secret_key

REALM = "callwright"


def reach(env: environment.Environment) -> Reach:
    """Whom relays may reach: where the media workers of this machine are."""
    inside = env.media_bind
    if inside in env_network.WILDCARDS:
        inside = env_network.primary_address()
    return Reach(inside, env.media_advertised, env.media_ports)


def _datagrams(address: str, port: int) -> socket.socket:
    """A UDP socket of one IP version."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.setblocking(False)
    sock.bind((address, port))
    return sock


async def _serve(env: environment.Environment) -> None:
    with environment.told_in_one_line():
        secret = purpose_key(secret_key(env.secret_key, env.data_dir), "turn")
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = TurnServer(secret, REALM, reach(env))
    for address in env_network.listening_at(env.bind):
        sock = _datagrams(address, env.turn_port)
        await loop.create_datagram_endpoint(lambda: server, sock=sock)
    over_tcp = await loop.create_server(
        lambda: TurnStream(server), env_network.listening_at(env.bind), env.turn_port
    )
    path = str(paths.turn_socket(env.data_dir))
    behind_https = await loop.create_unix_server(lambda: TurnStream(server, handed_on=True), path)
    await stop.wait()
    for listening in (over_tcp, behind_https):
        listening.close()
    server.close()


def main() -> int:
    privacy.keep_private()
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLine())
    logging.basicConfig(handlers=[handler], level=logging.INFO)
    env = environment.load()
    path = paths.turn_socket(env.data_dir)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    try:
        asyncio.run(_serve(env))
    except OSError as error:
        print(f"callwright: CALLWRIGHT_TURN_PORT: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
