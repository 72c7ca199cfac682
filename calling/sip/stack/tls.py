"""TLS of the SIP edge: the instance's own certificate towards phones, verified names towards trunks.

What must not live here: making certificates, and sockets.
"""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

log = logging.getLogger(__name__)


class ServerCertificate:
    """The chain and key in a directory, loaded again when they were renewed."""

    def __init__(self, directory: Path) -> None:
        self._chain, self._key = directory / "leaf.pem", directory / "leaf.key"
        self._loaded = 0.0
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2

    def load(self) -> bool:
        """Take the files if they are new; whether there is a certificate at all. Never raises."""
        try:
            changed = self._chain.stat().st_mtime
            if changed != self._loaded:
                self.context.load_cert_chain(self._chain, self._key)
                self._loaded = changed
        except (OSError, ssl.SSLError) as error:
            log.info("No certificate for SIP over TLS", extra={"error": str(error)})
        return self._loaded > 0.0


def client_context() -> ssl.SSLContext:
    """Trusts what the system trusts (`SSL_CERT_FILE` and `SSL_CERT_DIR` count) and checks the name."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
