"""The one WebSocket client for URLs that somebody outside wrote: media streams and conversation relays.

`dial` judges the URL, connects to a vetted address and follows no redirect; `signed` is the header by which
the other side knows us. Must not live here: what is said, and whether a broken connection is made again.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ssl
from collections.abc import Mapping
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from calling.outbound_http.client import open_socket, private_allowed, trusted_context
from calling.outbound_http.url_text import parse_url

OPEN_SECONDS: Final = 8.0
IN_ORDER: Final = (1000, 1001)  # close codes of a side that has finished (RFC 6455, 7.4.1)
BROKEN: Final = (
    OSError,
    TimeoutError,
    InvalidHandshake,
    InvalidURI,
    ConnectionClosed,
    ssl.SSLError,
    EOFError,
)
"""What a connection that cannot be made, or breaks, raises; UnsafeUrl is none of them."""


class _Connect(connect):
    """No redirects: where the URL leads was judged, not where it leads on to."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def dial(
    url: str,
    *,
    headers: Mapping[str, str],
    max_size: int,
    allow_private: bool | None = None,
    pings: float = 20,
) -> ClientConnection:
    """An open connection; its frames are at most `max_size` bytes, and a side that answers no ping within
    `pings` seconds is lost. Raises UnsafeUrl or one of `BROKEN`."""
    allowed = private_allowed() if allow_private is None else allow_private
    target = parse_url(url, allow_private=allowed, schemes=("wss", "ws"))
    sock = await open_socket(target.host, target.port, allow_private=allowed)
    secure: dict[str, Any] = {"ssl": trusted_context(), "server_hostname": target.host}
    try:
        return await _Connect(
            target.url, sock=sock, proxy=None, compression=None, max_size=max_size, max_queue=32,
            open_timeout=OPEN_SECONDS, close_timeout=2, user_agent_header="Callwright/1", ping_interval=pings,
            ping_timeout=pings, additional_headers=headers, **(secure if target.scheme == "wss" else {}),
        )  # fmt: skip
    except BaseException:
        sock.close()
        raise


def signed(url: str, signing_key: str) -> dict[str, str]:
    """`X-Twilio-Signature`: base64 of HMAC-SHA1 over the URL as it was given. Empty without a key."""
    if not signing_key:
        return {}
    made = hmac.new(signing_key.encode(), url.encode(), hashlib.sha1).digest()
    return {"X-Twilio-Signature": base64.b64encode(made).decode("ascii")}


def in_order(closed: BaseException) -> bool:
    """Whether the other side closed because it had finished."""
    return isinstance(closed, ConnectionClosed) and closed.rcvd is not None and closed.rcvd.code in IN_ORDER
