"""What a fact means: every judgement of the doctor as a pure function from facts to one finding.

Must not live here: sockets, files, the database.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

Level = Literal["good", "note", "bad"]
FEW_PORTS = 200  # where each leg has its own
PER_WORKER = 2  # of a port that all legs share: one for a worker that drains, one for the next
SKEW_SECONDS = 2.0
FEW_FILES = 4096
FREE_BYTES = 1 << 30
RENEW = timedelta(days=14)
LATE_EVENTS_SECONDS = 5.0
LATE_DAYS = 1.5


@dataclass(frozen=True)
class Finding:
    """One line of the report. `advice` says what to do and is empty where nothing is to be done.

    `level`: `good`, `note` (works, but somebody may not be able to call) or `bad` (something fails now).
    """

    level: Level
    about: str
    fact: str
    advice: str = ""

    def as_json(self) -> dict[str, str]:
        return {"level": self.level, "about": self.about, "fact": self.fact, "advice": self.advice}


def media_address(bind: str, advertised: str, local: frozenset[str]) -> Finding:
    """Whether devices elsewhere can send sound to the address they are told (ICE candidates, SIP `c=`)."""
    address = ipaddress.ip_address(advertised)
    told = f"devices are told {advertised}, sockets bind {bind}"
    if address.is_loopback:
        why = "Only devices on this machine have sound. For others, and for Firefox: "
        return Finding("note", "media address", told, why + "CALLWRIGHT_MEDIA_IP=<address they reach>.")
    if address.is_unspecified:
        return Finding("bad", "media address", told, "Name one address: CALLWRIGHT_MEDIA_IP=bind/advertised.")
    if advertised not in local:
        forward = "It is on no interface here: forward the UDP ports of CALLWRIGHT_MEDIA_PORTS to this host."
        return Finding("note", "media address", told, forward)
    if address.is_private or address.is_link_local:
        advice = "Devices outside this network need TURN, or CALLWRIGHT_MEDIA_IP=bind/<public address>."
        return Finding("note", "media address", f"{told} (private)", advice)
    return Finding("good", "media address", told)


def media_ports(first: int, last: int, refused: str | None, sharing: int = 0) -> Finding:
    """Whether the range can be bound and how many legs it holds: audio and video of a WebRTC leg have one
    port, plain RTP takes two. sharing: media workers here with one port for all WebRTC legs; 0: none."""
    count = last - first + 1
    if sharing:
        room = max(0, count - PER_WORKER * sharing) // 2
        fact = f"UDP {first}-{last}, one for all browser legs of a media worker, room for {room} SIP legs"
    else:
        fact = f"UDP {first}-{last}, room for {count} browser or {count // 2} SIP legs"
    if refused is not None:
        return Finding("bad", "media ports", f"{fact}; a port of it cannot be bound: {refused}",
                       "Check CALLWRIGHT_MEDIA_IP and that the range is not reserved.")  # fmt: skip
    if count < (PER_WORKER * sharing or FEW_PORTS):
        return Finding("note", "media ports", fact, "Widen CALLWRIGHT_MEDIA_PORTS and open it in firewalls.")
    return Finding("good", "media ports", fact)


def forwarding(wanted: str, mux: bool, why_not: str | None) -> Finding:
    """Who forwards the sound of bridged calls: C, which is not held up by Python and costs a third of it.

    wanted: CALLWRIGHT_MEDIA_LOOP; mux: CALLWRIGHT_MEDIA_MUX. why_not: None where C can be had.
    """
    if wanted == "python" or not mux:
        return Finding(
            "good", "forwarding", "in Python, as CALLWRIGHT_MEDIA_LOOP and CALLWRIGHT_MEDIA_MUX say"
        )
    if why_not is None:
        return Finding("good", "forwarding", "in C, beside Python")
    return Finding(
        "bad" if wanted == "c" else "note", "forwarding", f"in Python, with more CPU: {why_not}",
        "Install gcc and libc6-dev, run `python -m calling.media.loop.build`, restart the media workers.",
    )  # fmt: skip


def decoder(why_not: str | None) -> Finding:
    """Whether media files from outside can be decoded by a process that can do nothing else."""
    if why_not is None:
        return Finding("good", "media files", "their decoder can do nothing but decode")
    advice = "Files from outside are refused; built-in sounds and speech play. It takes Linux with seccomp."
    return Finding("note", "media files", f"a decoder cannot be confined: {why_not}", advice)


def unwritable(about: str, why: str) -> Finding:
    """A Redis that answers and takes nothing: it is full, or a replica."""
    advice = "Every dial is refused with 503. Give it memory (maxmemory), or name the primary in REDIS_URL."
    return Finding("bad", about, f"takes no writes: {why[:160]}", advice)


def answers(about: str, address: str, milliseconds: float | None, advice: str) -> Finding:
    """A service that was asked something: its answer took `milliseconds`, or None came."""
    if milliseconds is None:
        return Finding("bad", about, f"{address} does not answer", advice)
    return Finding("good", about, f"{address} answered in {milliseconds:.0f} ms")


def name(host: str, addresses: tuple[str, ...], needed_by: str) -> Finding:
    """Whether a host name leads anywhere."""
    if addresses:
        return Finding("good", "name", f"{host} is {', '.join(addresses[:4])}")
    advice = f"Make a DNS entry: {needed_by} look for it."
    return Finding("bad", "name", f"{host} leads to no address", advice)


def certificate(host: str, names: tuple[str, ...], until: datetime, now: datetime, local: bool) -> Finding:
    """Whether the certificate served for `host` is for it, lasts, and is trusted outside."""
    fact = f"{host}: valid until {until:%Y-%m-%d}"
    if until <= now:
        return Finding("bad", "TLS", fact, "It has expired; renew it, browsers refuse to connect.")
    if not any(_covers(each, host) for each in names):
        advice = f"It is not for {host}; browsers refuse it. Set CALLWRIGHT_DOMAIN or the proxy's names."
        return Finding("bad", "TLS", f"{fact}, for {', '.join(names[:6])}", advice)
    if until - now < RENEW:
        return Finding("note", "TLS", fact, "It ends within two weeks; renew it.")
    if local:
        advice = "Made here: browsers must trust certificates/ca.pem of the data directory, or use a proxy."
        return Finding("note", "TLS", fact, advice)
    return Finding("good", "TLS", fact)


def _covers(pattern: str, host: str) -> bool:
    if pattern.startswith("*."):
        return host.partition(".")[2].lower() == pattern[2:].lower() and "." in host
    return pattern.lower() == host.lower()


def clock(skew_seconds: float) -> Finding:
    """This machine against PostgreSQL: leases, tokens and deadlines compare the two."""
    fact = f"this machine and PostgreSQL differ by {abs(skew_seconds) * 1000:.0f} ms"
    if abs(skew_seconds) > SKEW_SECONDS:
        return Finding("bad", "clock", fact, "Run NTP on both: leases and tokens end too early or late.")
    return Finding("good", "clock", fact)


def workers(alive: int, draining: int, legs: int, budget: int, lag_ms: float) -> Finding:
    """The media workers that can carry calls; `lag_ms` is the worst p99 of their loops."""
    if not alive:
        advice = "Every dial is refused with 503. Start one: celery -A config.celery worker -Q media."
        return Finding("bad", "media workers", f"0 take calls ({draining} drain)", advice)
    fact = f"{alive} take calls, {draining} drain, {legs} of {budget} legs in use, loop lag {lag_ms:.0f} ms"
    if legs >= 0.8 * budget:
        return Finding("note", "media workers", fact, "Nearly full: start more workers.")
    if lag_ms > 25:
        return Finding("note", "media workers", fact, "Sound is late: give them a core each, or start more.")
    return Finding("good", "media workers", fact)


def log_lag(waiting: int, oldest_seconds: float) -> Finding:
    """Events committed and not yet in the log: the sweep's work."""
    if waiting and oldest_seconds > LATE_EVENTS_SECONDS:
        return Finding("bad", "event log", f"{waiting} events wait, the oldest for {oldest_seconds:.0f} s",
                       "Nothing publishes: start `manage.py sweep`.")  # fmt: skip
    return Finding("good", "event log", f"{waiting} events wait to be published")


def retention(events: int, calls: int, day_old: float | None) -> Finding:
    """For how many days events and calls are kept (0: for ever), and how many days ago the newest partition
    of events began (None: none has yet)."""
    fact = f"events {events} days, calls {calls} days" if calls else f"events {events} days, calls for ever"
    if day_old is not None and day_old > LATE_DAYS:
        return Finding("bad", "retention", f"{fact}; no day of events has begun for {day_old:.0f} days",
                       "Start `manage.py sweep`; if it runs, see its log.")  # fmt: skip
    if 0 < calls < events:
        return Finding("note", "retention", f"{fact}: events go with their calls",
                       "Set CALLWRIGHT_CALL_RETENTION_DAYS to at least CALLWRIGHT_RETENTION_DAYS, "
                       "unless that is meant.")  # fmt: skip
    return Finding("good", "retention", fact)


def deliveries(late: int, failing: int, parked: int, disabled: int) -> Finding:
    """Webhooks: tries nobody makes, endpoints that fail, parked deliveries, endpoints switched off."""
    fact = f"{late} tries overdue, {failing} endpoints failing, {parked} parked, {disabled} disabled"
    if late:
        return Finding("bad", "webhooks", fact, "Nothing delivers: start `manage.py sweep`.")
    if failing or parked or disabled:
        return Finding("note", "webhooks", fact, "See the dashboard's webhooks page; replay later.")
    return Finding("good", "webhooks", fact)


def relay(urls: tuple[str, ...]) -> Finding:
    """The STUN and TURN servers devices are told."""
    if not urls:
        return Finding("note", "ICE servers", "none are told to devices",
                       "Behind strict firewalls there is no sound; set CALLWRIGHT_ICE_SERVERS.")  # fmt: skip
    fact = ", ".join(urls[:6])
    if not any(url.startswith(("turn:", "turns:")) for url in urls):
        return Finding("note", "ICE servers", fact, "None relays (turn:): some networks will have no sound.")
    return Finding("good", "ICE servers", fact)


def allocation(address: str, relayed: str | None, why: str) -> Finding:
    """A TURN allocation made with the credentials a device would get."""
    if relayed is None:
        advice = "Check the shared secret, and that its port is reached (for turns: the certificate too)."
        return Finding("bad", "TURN", f"{address} gave no relay address: {why}", advice)
    return Finding("good", "TURN", f"{address} relays from {relayed}")


def sip(contact: str, milliseconds: float | None, loopback: bool) -> Finding:
    """The SIP edge: what phones and trunks are told, and whether an OPTIONS comes back."""
    if milliseconds is None:
        return Finding("bad", "SIP", f"{contact} does not answer OPTIONS", "Start `manage.py sip`.")
    fact = f"phones are told {contact}; OPTIONS answered in {milliseconds:.0f} ms"
    if loopback:
        return Finding("note", "SIP", fact, "Only phones on this machine reach it; set CALLWRIGHT_BIND.")
    return Finding("good", "SIP", fact)


def version(about: str, found: str, oldest: tuple[int, ...], newest_known: str) -> Finding:
    """An engine's version against the oldest that is supported."""
    try:
        parts = tuple(int(part) for part in found.split()[0].split(".")[:2])
    except ValueError:
        return Finding("note", about, f"version {found} is not understood")
    if parts < oldest:
        advice = f"Use {'.'.join(map(str, oldest))} or newer (tested with {newest_known})."
        return Finding("bad", about, f"version {found}", advice)
    return Finding("good", about, f"version {found}")


def migrations(waiting: tuple[str, ...]) -> Finding:
    """Changes of the schema that this code needs and the database has not."""
    if waiting:
        return Finding("bad", "schema", f"not applied: {', '.join(waiting[:5])}", "Run `manage.py prepare`.")
    return Finding("good", "schema", "all migrations are applied")


def two_logins(faults: tuple[str, ...], user: str) -> Finding:
    """Whether the login of requests is one that row-level security holds."""
    if faults:
        fact = f"requests log in as {user}, which {', '.join(faults)}"
        return Finding("bad", "projects", fact, "Give it a login of its own and run `manage.py prepare`.")
    return Finding("good", "projects", "requests have a login that sees one project's rows alone")


def one_login(usable: bool, user: str) -> Finding:
    """Whether requests of a project at least take the role that sees its rows alone."""
    if usable:
        fact = "kept apart by row-level security, but in one login: a statement that is injected can leave it"
        return Finding("note", "projects", fact, "Set CALLWRIGHT_REQUESTS_DATABASE_URL.")
    advice = f"As a superuser: ALTER ROLE {user} CREATEROLE; then run `manage.py prepare` and restart."
    return Finding("note", "projects", "row-level security is not in use", advice)


def owner_login(user: str, superuser: bool) -> Finding:
    """Whether a fault in a statement would be a fault in the whole server."""
    if superuser:
        fact = f"the product logs in as {user}, a superuser: it could read files and start programs there"
        return Finding("bad", "database login", fact, "Move to an owner: docs/operations.md#no-superuser.")
    return Finding("good", "database login", f"{user} is no superuser")


def shown_statements(ways: tuple[str, ...]) -> Finding:
    """Whether PostgreSQL keeps statements where others read them: they hold hashes, names and numbers."""
    if ways:
        return Finding(
            "note", "statements", f"shown by {', '.join(ways)}", "See docs/operations.md#two-logins."
        )
    return Finding("good", "statements", "are neither logged nor shown to other sessions")


def connections(used: int, most: int) -> Finding:
    """PostgreSQL connections in use of `max_connections`."""
    fact = f"{used} of {most} connections in use"
    if used > 0.8 * most:
        return Finding("note", "PostgreSQL", fact, "Raise max_connections or lower CALLWRIGHT_DATABASE_POOL.")
    return Finding("good", "PostgreSQL", fact)


def replica(where: str, standby: bool, late: float | None, bound: int) -> Finding:
    """Whether a read replica is good enough to answer, and how many seconds it is behind."""
    if not standby:
        fact = f"{where} is no standby: it was promoted, or is another database. The primary answers"
        return Finding("bad", "read replica", fact, "Name a standby of DATABASE_URL in DATABASE_REPLICA_URL.")
    if late is None or late > bound:
        behind = "has replayed nothing yet" if late is None else f"is {late:.0f} s behind"
        fact = f"{where} {behind}, more than {bound} s: the primary answers"
        return Finding("note", "read replica", fact, "See docs/operations.md#read-replicas.")
    return Finding("good", "read replica", f"{where} is {late:.1f} s behind")


def replica_away(where: str, why: str) -> Finding:
    fact = f"{where} does not answer, the primary does: {why}"
    return Finding("bad", "read replica", fact, "Start it, or check DATABASE_REPLICA_URL.")


def files(soft: int) -> Finding:
    """How many files and sockets one process may hold."""
    if soft < FEW_FILES:
        return Finding("note", "open files", f"limit {soft}", f"Raise it (ulimit -n) to {FEW_FILES} or more.")
    return Finding("good", "open files", f"limit {soft}")


def disk(path: str, free: int) -> Finding:
    """Room for recordings and logs."""
    fact = f"{free / (1 << 30):.1f} GB free at {path}"
    if free < FREE_BYTES:
        return Finding("bad", "disk", fact, "Recordings stop when it is full: make room.")
    return Finding("good", "disk", fact)
