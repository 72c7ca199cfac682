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
    places = [f"{host}:{env.turn_port}" for host in turn_hosts(env)]
    secret = purpose_key(secret_key(env.secret_key, env.data_dir), "turn")
    username, password = credentials.issue(secret, identity, expires_at)
    urls = [f"turn:{place}?transport=udp" for place in places]
    behind_https = turn_at_https(env)
    if behind_https is not None:
        urls.append(f"turns:{behind_https}?transport=tcp")
    return [
        {"urls": [f"stun:{place}" for place in places]},
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
    return f"{turn_hosts(env)[0]}:{env.https_port}"


def turn_hosts(env: environment.Environment) -> list[str]:
    """Where a device finds the embedded TURN server: the bind address, or what media is known by, once for
    each IP version that the server listens on."""
    if env.bind in env_network.WILDCARDS:
        spoken = {":" in each for each in env_network.listening_at(env.bind)}
        shown = [each for _, each in env.media_places if (":" in each) in spoken] or [env.media_advertised]
        outside = [each for each in shown if not ipaddress.ip_address(each).is_loopback]
        found: dict[bool, str] = {}
        for each in outside or shown:  # loopback, beside others, is nobody else's
            found.setdefault(":" in each, each)
        hosts = list(found.values())
    else:
        hosts = [env.media_advertised if env.bind == env.media_bind else env.bind]
    return [f"[{host}]" if ":" in host else host for host in hosts]


def _given(server: dict[str, Any], identity: str, expires_at: int) -> dict[str, Any]:
    shown = {name: value for name, value in server.items() if name != "secret"}
    if "secret" in server:
        username, password = credentials.issue(server["secret"], identity, expires_at)
        shown |= {"username": username, "credential": password}
    return shown
