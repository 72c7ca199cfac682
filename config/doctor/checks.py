"""The whole examination, in the order a person would look: engines, processes, names, media, SIP, room."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

import redis
from django.db import Error as DatabaseError

import clock
from calling.media.loop import build
from config import command_line, ice
from config import env as environment
from config.doctor import findings, probes, rows
from config.doctor.findings import Finding
from config.embedded import certificate


def examine() -> Iterator[Finding]:
    """Every finding, one by one as it is made. Takes 15 s at most, some ms where all answers."""
    env = environment.load()
    yield from _database()
    yield from _redis()
    yield from _web(env)
    yield from _media(env)
    yield from _relays(env)
    if env.sip_port:
        here = _reach(env.bind)
        contact = f"sip:{env.media_advertised}:{env.sip_port}"
        loopback = ipaddress.ip_address(env.media_advertised).is_loopback
        yield findings.sip(contact, probes.sip_options(here, env.sip_port), loopback)
    yield findings.decoder(probes.confinement())
    yield findings.files(probes.file_limit())
    yield findings.disk(str(env.data_dir), probes.free_bytes(env.data_dir))


def _database() -> Iterator[Finding]:
    try:
        yield from rows.examine_database()
        yield from rows.examine_switchboard()
        yield from rows.examine_replicas()
    except DatabaseError as error:
        why = (command_line.reason() or str(error).splitlines()[0])[:160]
        advice = "Start it, or check DATABASE_URL. Embedded: it runs while `make run` does."
        yield Finding("bad", "PostgreSQL", f"does not answer: {why}", advice)


def _redis() -> Iterator[Finding]:
    try:
        yield from rows.examine_redis()
    except redis.RedisError as error:
        advice = "Calls go on, new ones start up to 2 s late. Start it, or check REDIS_URL."
        yield Finding("bad", "Redis", f"does not answer: {str(error)[:160]}", advice)


def _web(env: environment.Environment) -> Iterator[Finding]:
    here = _reach(env.bind)
    took = probes.http(here, env.http_port, "/healthz")
    yield findings.answers("web", f"http://{here}:{env.http_port}", took, "Start `python -m config.serve`.")
    host = env.domain_host
    for each, who in ((host, "token clients"), (f"fabric.{host}", "SignalWire's browser clients")):
        if not _is_address(host) and not each.endswith("localhost"):
            yield findings.name(each, probes.resolve(each), who)
    if env.https_port:
        served = probes.tls(here, env.https_port, f"fabric.{host}")
        if served is None:
            yield findings.answers("TLS", f"{here}:{env.https_port}", None, "Start `python -m config.serve`.")
        else:
            local = "Callwright" in served.issuer
            now = clock.now()
            shown = host if _is_address(host) else f"fabric.{host}"
            yield findings.certificate(shown, served.names, served.until, now, local)


def _media(env: environment.Environment) -> Iterator[Finding]:
    local = probes.local_addresses()
    # Loopback beside others serves this machine alone, and needs no word.
    outer = [each for each in env.media_places if not ipaddress.ip_address(each[1]).is_loopback]
    for bind, advertised in outer or env.media_places:
        yield findings.media_address(bind, advertised, local)
    first, last = env.media_ports
    refused = (probes.can_bind(bind, first, last) for bind, _ in env.media_places)
    why = next((why for why in refused if why is not None), None)
    yield findings.media_ports(first, last, why, env.media_workers if env.media_mux else 0)
    yield findings.forwarding(env.media_loop, env.media_mux, build.why_not())


def _relays(env: environment.Environment) -> Iterator[Finding]:
    servers = ice.ice_servers("doctor")
    urls = tuple(str(url) for server in servers for url in _listed(server["urls"]))
    yield findings.relay(urls)
    for server in servers:
        for url in _listed(server["urls"]):
            scheme, host, port = _parts(str(url))
            address = next(iter(probes.resolve(host)), host)
            if scheme == "stun":
                took = probes.stun_binding(address, port)
                yield findings.answers("STUN", f"{host}:{port}", took, "Open UDP to it, or take it out.")
            elif scheme in ("turn", "turns"):
                who, secret = str(server.get("username", "")), str(server.get("credential", ""))
                if scheme == "turns":
                    authority = certificate.authority(env.data_dir)
                    relayed, why = probes.turn_allocation(host, port, who, secret, trusts=authority)
                else:
                    tcp = "transport=tcp" in str(url)
                    relayed, why = probes.turn_allocation(address, port, who, secret, tcp=tcp)
                shown = f"turns:{host}:{port}" if scheme == "turns" else f"{host}:{port}"
                yield findings.allocation(shown, relayed, why)


def _listed(urls: object) -> list[object]:
    return list(urls) if isinstance(urls, list | tuple) else [urls]


def _parts(url: str) -> tuple[str, str, int]:
    """(scheme, host, port) of a `stun:` or `turn:` URL (RFC 7064, 7065)."""
    scheme, _, rest = url.partition(":")
    rest = rest.partition("?")[0]
    default = 5349 if scheme.endswith("s") else 3478
    if rest.startswith("["):
        host, _, port = rest[1:].partition("]")
        port = port.removeprefix(":")
    else:
        host, _, port = rest.partition(":")
    return scheme, host, int(port) if port.isdecimal() else default


def _reach(bind: str) -> str:
    """Where a process on this machine finds what listens on `bind`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bind, bind)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
