"""`manage.py sip`: the SIP edge as a process. Ends within a second of SIGTERM.

PostgreSQL and Redis may go away meanwhile: it answers 503, looks again, and goes on when they are back.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from calling.runtime import garbage
from calling.runtime.stopping import leave_soon, told_to_stop
from calling.sip.edge.edge import SipEdge
from calling.sip.edge.mapping import plain_host
from calling.sip.stack.tls import ServerCertificate, client_context

log = logging.getLogger(__name__)

LEAVE_SECONDS = 0.3
RENEW_SECONDS = 3600.0


class Command(BaseCommand):
    help = "Speak SIP with desk phones and gateways, until told to stop."

    def handle(self, *args: object, **options: object) -> None:
        if not settings.CALLWRIGHT_SIP_PORT:
            raise CommandError("CALLWRIGHT_SIP_PORT is 0: SIP is off.")
        try:
            asyncio.run(run())
        except OSError as error:
            why = os.strerror(error.errno) if error.errno else str(error)
            raise CommandError(f"CALLWRIGHT_SIP_PORT {settings.CALLWRIGHT_SIP_PORT}: {why}") from None


async def listen_secure(edge: SipEdge, bind: str, port: int, certificate: ServerCertificate) -> bool:
    """TLS on the port after the SIP port, where there is a certificate and nothing else wants that port."""
    taken = {settings.CALLWRIGHT_HTTP_PORT, settings.CALLWRIGHT_HTTPS_PORT, settings.CALLWRIGHT_TURN_PORT}
    if port in taken or port > 65535 or not certificate.load():
        return False
    try:
        await edge.agent.transport.listen_secure(bind, port, certificate.context)
    except OSError as error:
        log.warning("SIP over TLS is off", extra={"port": port, "error": str(error)})
        return False
    return True


async def renew(certificate: ServerCertificate) -> None:
    """Take a renewed certificate without a restart."""
    while True:
        await asyncio.sleep(RENEW_SECONDS)
        certificate.load()


async def run() -> None:
    """Serve until SIGTERM or SIGINT."""
    garbage.keep_all()
    stop = told_to_stop()
    bind, port = settings.CALLWRIGHT_BIND, settings.CALLWRIGHT_SIP_PORT
    advertised = settings.CALLWRIGHT_MEDIA_ADVERTISED
    domain = settings.CALLWRIGHT_DOMAIN.partition(":")[0]
    names = {bind, advertised, domain, f"fabric.{domain}", "callwright", "localhost", "127.0.0.1", "::1"}
    places = settings.CALLWRIGHT_MEDIA_PLACES
    if ipaddress.ip_address(bind).is_unspecified:  # phones come to any of this machine's addresses
        names.update(*places)
    more = [shown for _, shown in places if shown != advertised]
    edge = SipEdge(advertised, frozenset(map(plain_host, names)), more)
    certificate = ServerCertificate(Path(settings.DATA_DIR) / "certificates")
    await edge.agent.listen(bind, port, client_context=client_context())
    secure = await listen_secure(edge, bind, port + 1, certificate)
    log.info("SIP edge is listening", extra={"port": port, "tls_port": port + 1 if secure else None})
    running = asyncio.create_task(edge.run())
    renewing = asyncio.create_task(renew(certificate))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([running, stopping], return_when=asyncio.FIRST_COMPLETED)
    leave_soon(LEAVE_SECONDS)
    failed = running.done() and not running.cancelled() and running.exception() is not None
    if failed:
        log.error("The SIP edge failed", exc_info=running.exception())
    running.cancel()
    renewing.cancel()
    await edge.close()
    await asyncio.gather(running, return_exceptions=True)
    if failed:
        raise SystemExit(1)
