"""The ICE servers a device is told: those of CALLWRIGHT_ICE_SERVERS, or the embedded TURN server.

Apps reach this through `settings.CALLWRIGHT_ICE_SERVERS_FOR`: they may not import `config`.
"""

from __future__ import annotations

import ipaddress
from typing import Any

import clock
from config import env as environment
from config import env_network
from config.embedded.turn import credentials
from config.secret_key import purpose_key, secret_key

# How long a device may begin new calls with one answer; each connection of its socket gets a new one.
CREDENTIAL_SECONDS = 12 * 3600


def ice_servers(identity: str) -> list[dict[str, Any]]:
    """RTCIceServer objects for one device. `identity` is whose TURN quota it counts against."""
    env = environment.load()
    expires_at = int(clock.time()) + CREDENTIAL_SECONDS
    if env.ice_servers is not None:
        return [_given(server, identity, expires_at) for server in env.ice_servers]
    if not env.turn_enabled:
        return []
    host = turn_host(env)
    secret = purpose_key(secret_key(env.secret_key, env.data_dir), "turn")
    username, password = credentials.issue(secret, identity, expires_at)
    urls = [f"turn:{host}:{env.turn_port}?transport=udp"]
    behind_https = turn_at_https(env)
    if behind_https is not None:
        urls.append(f"turns:{behind_https}?transport=tcp")
    return [
        {"urls": [f"stun:{host}:{env.turn_port}"]},
        {"urls": urls, "username": username, "credential": password},
    ]


def turn_at_https(env: environment.Environment) -> str | None:
    """host:port of TURN over TLS on the https port, for networks that let nothing else out; None where
    nobody needs it (on loopback) or TLS ends elsewhere (a proxy in front, a name that no certificate has)."""
    if not (env.turn_enabled and env.https_port):
        return None
    host, _, port = env.domain.partition(":")
    if host != "localhost":
        return f"{host}:{env.https_port}" if int(port or 443) == env.https_port else None
    address = ipaddress.ip_address(env.bind)
    if address.is_loopback or address.is_unspecified:
        return None
    return f"{turn_host(env)}:{env.https_port}"


def turn_host(env: environment.Environment) -> str:
    """Where a device finds the embedded TURN server: the bind address, or what media is known by."""
    same = env.bind in env_network.WILDCARDS or env.bind == env.media_bind
    host = env.media_advertised if same else env.bind
    return f"[{host}]" if ":" in host else host


def _given(server: dict[str, Any], identity: str, expires_at: int) -> dict[str, Any]:
    shown = {name: value for name, value in server.items() if name != "secret"}
    if "secret" in server:
        username, password = credentials.issue(server["secret"], identity, expires_at)
        shown |= {"username": username, "credential": password}
    return shown
