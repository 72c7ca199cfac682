"""The one HTTP client for every URL that somebody outside wrote: webhooks, scripts, media.

`fetch` judges the URL's text, resolves the host once per connection, connects to a vetted address with the
original Host and SNI, bounds everything (redirects, size after decompression, total time) and keeps
connections alive per event loop. Proxies and other environment settings are ignored.

Nothing else in the project may open a connection to a URL from outside; WebSockets (`web_socket`) take theirs
from `open_socket`. What must not live here: retries, signing, schedules (`webhooks`), files
(`calling.media.files`).
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import socket
import ssl
import weakref
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import urljoin

import certifi
from django.conf import settings

import clock
from calling.outbound_http.connection import Broken, ConnectFailed, Connection, Pool
from calling.outbound_http.decompress import DecompressedTooLarge, Inflater, UnknownEncoding
from calling.outbound_http.url_guard import resolve
from calling.outbound_http.url_text import Target, parse_url

Purpose = Literal["webhook", "script", "media"]
MAX_REDIRECTS: Final[Mapping[str, int]] = {"webhook": 0, "script": 3, "media": 3}
MAX_BYTES: Final[Mapping[str, int]] = {"webhook": 64 * 1024, "script": 256 * 1024, "media": 20 * 1024 * 1024}
CONNECT_SECONDS: Final = 5.0
AGENT: Final = b"Callwright/1"
FRAMING: Final = (
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "accept-encoding",
    "upgrade",
    "te",
)
"""Headers that are the client's own business; a caller's are dropped."""

Failure = Literal["timeout", "connect", "protocol", "too_large", "redirect"]


class FetchFailed(Exception):
    """The other side gave no usable answer. `kind` is for logs and the delivery log; the text is generic."""

    def __init__(self, kind: Failure, message: str) -> None:
        super().__init__(message)
        self.kind: Failure = kind


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Header names are lower case; `body` is decompressed; `truncated` only for webhooks,
    whose answers are cut at the limit instead of refused. `duration_ms` covers redirects too."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    duration_ms: int
    url: str = ""
    truncated: bool = False


async def open_socket(host: str, port: int, *, allow_private: bool) -> socket.socket:
    """A TCP connection to a vetted address of `host`: the first that accepts, of all that resolve.

    Raises UnsafeUrl (judged) or OSError/TimeoutError (network).
    """
    async with asyncio.timeout(CONNECT_SECONDS):
        addresses = await resolve(host, port, allow_private=allow_private)
        loop = asyncio.get_running_loop()
        error: OSError = ConnectionError("no address")
        for address in addresses[:4]:
            sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
            try:
                sock.setblocking(False)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                async with asyncio.timeout(CONNECT_SECONDS / min(len(addresses), 4)):
                    await loop.sock_connect(sock, (address, port))
                return sock
            except (OSError, TimeoutError) as problem:
                sock.close()
                error = problem if isinstance(problem, OSError) else ConnectionError("timed out")
            except BaseException:
                sock.close()
                raise
        raise error


def signalwire_signature(signing_key: str, url: str, body: bytes) -> str:
    """`X-SignalWire-Signature`: hex HMAC-SHA1 over the URL and the raw body."""
    return hmac.new(signing_key.encode(), url.encode() + body, hashlib.sha1).hexdigest()


def trusted_context() -> ssl.SSLContext:
    """Certificates: certifi's and the machine's. SSLKEYLOGFILE and the like are not honoured."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.load_default_certs()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


@dataclass
class Client:
    """One pool of kept-alive connections on one event loop. `fetch` finds the loop's own."""

    allow_private: bool
    context: ssl.SSLContext = field(default_factory=trusted_context)

    def __post_init__(self) -> None:
        self._pool = Pool(self._dial, self.context)

    async def _dial(self, host: str, port: int) -> socket.socket:
        """The last gate: whatever name is to be reached, a vetted address of it is, or nothing."""
        try:
            return await open_socket(host, port, allow_private=self.allow_private)
        except (OSError, TimeoutError):
            raise ConnectFailed from None

    async def aclose(self) -> None:
        self._pool.close()

    async def fetch(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        purpose: Purpose = "webhook",
        max_bytes: int | None = None,
        total_timeout: float = 10.0,
        sink: Callable[[bytes], Awaitable[None]] | None = None,
        redirects: int | None = None,
        connect_timeout: float | None = None,
    ) -> Answer:
        """One exchange with a URL from outside.

        Redirects: none for webhooks (a 3xx comes back as it is), at most 3 judged anew for scripts and media;
        `redirects`: how many at most, where fewer than its purpose has. `max_bytes` counts after
        decompression (defaults 64 kB, 256 kB, 20 MB); `total_timeout` is the whole exchange, seconds, and
        `connect_timeout` a connection alone, where that is less. With `sink` the body of a 2xx goes there
        piece by piece and `Answer.body` stays empty. Raises UnsafeUrl (the URL or where it leads is not
        allowed) or FetchFailed (the network or the answer).
        """
        started = clock.monotonic()
        limit = MAX_BYTES[purpose] if max_bytes is None else max_bytes
        most = MAX_REDIRECTS[purpose] if redirects is None else redirects
        exchange = _Exchange(self._pool, purpose, limit, sink, connect_timeout)
        try:
            async with asyncio.timeout(total_timeout):
                target = parse_url(url, allow_private=self.allow_private)
                request = _Request(method.upper(), dict(headers or {}), content)
                for _ in range(most + 1):
                    answer = await exchange.once(target, request)
                    location = answer.headers.get("location")
                    if purpose == "webhook" or answer.status not in (301, 302, 303, 307, 308) or not location:
                        break
                    following = parse_url(urljoin(target.url, location), allow_private=self.allow_private)
                    request = request.redirected(answer.status, same_origin=following.origin == target.origin)
                    target = following
                else:
                    raise FetchFailed("redirect", "too many redirects")
        except TimeoutError:
            raise FetchFailed("timeout", "no answer in time") from None
        except ConnectFailed:
            raise FetchFailed("connect", "the connection failed") from None
        except (Broken, UnknownEncoding, UnicodeEncodeError):
            raise FetchFailed("protocol", "the answer was cut off or was not HTTP") from None
        except DecompressedTooLarge:
            raise FetchFailed("too_large", f"the answer is larger than {limit} bytes") from None
        elapsed = int((clock.monotonic() - started) * 1000)
        return Answer(answer.status, answer.headers, answer.body, elapsed, target.url, answer.truncated)


@dataclass(frozen=True)
class _Request:
    method: str
    headers: dict[str, str]
    content: bytes

    def redirected(self, status: int, *, same_origin: bool) -> _Request:
        """The request after a redirect (RFC 9110 15.4), without the body or credentials where they end."""
        headers = dict(self.headers)
        if not same_origin:
            private = ("authorization", "cookie", "x-signalwire-signature", "x-twilio-signature")
            headers = {name: value for name, value in headers.items() if name.lower() not in private}
        if status in (307, 308) or self.method in ("GET", "HEAD"):
            return _Request(self.method, headers, self.content)
        headers = {name: value for name, value in headers.items() if not name.lower().startswith("content-")}
        return _Request("GET", headers, b"")


@dataclass(frozen=True)
class _Exchange:
    pool: Pool
    purpose: Purpose
    limit: int
    sink: Callable[[bytes], Awaitable[None]] | None
    connect_timeout: float | None = None

    async def once(self, target: Target, request: _Request) -> Answer:
        """One request and its answer. A kept-alive connection may have been closed by the other side just as
        it was taken: then, where a second try does no harm, it goes once more over a new one."""
        again = request.method in ("GET", "HEAD") or self.purpose == "webhook"
        place = (target.scheme, target.host, target.port)
        try:
            async with asyncio.timeout(self.connect_timeout):
                connection, used = await self.pool.take(*place)
        except TimeoutError:
            raise ConnectFailed from None
        try:
            try:
                answer = await self._over(connection, target, request)
            except Broken as problem:
                if not (used and again and problem.silent):
                    raise
                connection.close()
                connection, _ = await self.pool.take(*place, fresh=True)
                answer = await self._over(connection, target, request)
        except BaseException:
            connection.close()
            raise
        self.pool.give_back(*place, connection)
        return answer

    async def _over(self, connection: Connection, target: Target, request: _Request) -> Answer:
        method, path = request.method.encode("ascii"), target.path.encode("ascii")
        await connection.send(method, path, _headers(target, request), request.content)
        response = await connection.response()
        status = response.status_code
        names = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in response.headers}
        followed = self.purpose != "webhook" and 300 <= status < 400
        bare = request.method == "HEAD" or status in (204, 304)
        inflater = Inflater(
            "" if bare else names.get("content-encoding", ""), 8192 if followed else self.limit
        )
        sink = self.sink if 200 <= status < 300 else None
        keep = bytearray()
        try:
            async for chunk in connection.body():
                for piece in inflater.feed(chunk):
                    if sink is None:
                        keep += piece
                    else:
                        await sink(piece)
            inflater.finish()
        except DecompressedTooLarge:
            if self.purpose != "webhook" and not followed:
                raise
            return Answer(status, names, bytes(keep), 0, truncated=True)
        return Answer(status, names, bytes(keep), 0)


def _headers(target: Target, request: _Request) -> list[tuple[bytes, bytes]]:
    default = {"https": 443, "http": 80}[target.scheme]
    host = f"[{target.host}]" if ":" in target.host else target.host
    authority = host if target.port == default else f"{host}:{target.port}"
    found: dict[str, tuple[bytes, bytes]] = {}
    for name, value in request.headers.items():
        found[name.lower()] = (name.encode("ascii"), value.encode("utf-8"))
    for name in FRAMING:
        found.pop(name, None)
    found.setdefault("user-agent", (b"User-Agent", AGENT))
    found.setdefault("accept", (b"Accept", b"*/*"))
    out = [(b"Host", authority.encode("ascii")), (b"Accept-Encoding", b"identity"), *found.values()]
    if request.content or request.method in ("POST", "PUT", "PATCH"):
        out.append((b"Content-Length", str(len(request.content)).encode("ascii")))
    return out


_PerLoop = weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[bool, Client]]
_clients: _PerLoop = weakref.WeakKeyDictionary()


def private_allowed() -> bool:
    """CALLWRIGHT_ALLOW_PRIVATE_URLS: http and private addresses, on only in the embedded default."""
    return bool(settings.CALLWRIGHT_ALLOW_PRIVATE_URLS)


def client(allow_private: bool | None = None) -> Client:
    """The running loop's client."""
    allowed = private_allowed() if allow_private is None else allow_private
    mine = _clients.setdefault(asyncio.get_running_loop(), {})
    if allowed not in mine:
        mine[allowed] = Client(allowed)
    return mine[allowed]
