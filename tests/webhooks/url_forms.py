"""Hundreds of ways to write an inside address, and a listener that must never be touched."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

INSIDE = [
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.0.9",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "168.63.129.16",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "198.18.0.1",
    "192.0.0.192",
    "100.100.100.200",
]


def spellings(address: str) -> Iterator[str]:
    """Every way inet_aton, nameprep and IPv6 know to write one IPv4 address."""
    a, b, c, d = (int(part) for part in address.split("."))
    number = a << 24 | b << 16 | c << 8 | d
    yield address
    yield address + "."
    yield str(number)
    yield hex(number)
    yield hex(number).upper().replace("X", "x")
    yield "0" + oct(number)[2:]
    yield f"0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}"
    yield f"0{a:o}.0{b:o}.0{c:o}.0{d:o}"
    yield f"{a}.{b}.{c << 8 | d}"
    yield f"{a}.{b << 16 | c << 8 | d}"
    yield f"000{a:o}.{b}.{c}.{d}"
    yield "".join(chr(ord(digit) + 0xFEE0) if digit.isdigit() else digit for digit in address)
    yield address.replace(".", "\u3002")
    yield address.replace(".", "\uff0e")
    yield address.replace(".", "\uff61")
    yield "".join("⓪①②③④⑤⑥⑦⑧⑨"[int(digit)] if digit.isdigit() else digit for digit in address)
    high, low = number >> 16, number & 0xFFFF
    yield f"[::ffff:{address}]"
    yield f"[::ffff:{high:x}:{low:x}]"
    yield f"[0:0:0:0:0:FFFF:{high:X}:{low:X}]"
    yield f"[::{high:x}:{low:x}]"
    yield f"[::ffff:0:{high:x}:{low:x}]"
    yield f"[64:ff9b::{high:x}:{low:x}]"
    yield f"[64:ff9b:1::{high:x}:{low:x}]"
    yield f"[64:ff9b:1:{high:x}:{low >> 8:x}:{(low & 255) << 8:x}::]"
    yield f"[2002:{high:x}:{low:x}::1]"
    yield f"[2001:0:4136:e378:8000:63bf:{high ^ 0xFFFF:x}:{low ^ 0xFFFF:x}]"
    yield f"[2001:0:{high:x}:{low:x}::]"
    yield f"[2a00:1450::5efe:{high:x}:{low:x}]"
    yield f"[2a00:1450::200:5efe:{high:x}:{low:x}]"


OTHERS = [
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[fe80::1]",
    "[fe80::1%25lo]",
    "[fe80::1%lo]",
    "[fec0::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[ff02::1]",
    "[5f00::1]",
    "[3fff::1]",
    "[2001:db8::1]",
    "[100::1]",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "ip6-localhost",
    "lOcAlHoSt",
    "ｌｏｃａｌｈｏｓｔ",
    "user@127.0.0.1",
    "user:pw@127.0.0.1",
    "example.com@127.0.0.1",
    "127.0.0.1#@example.com",
    "127.0.0.1?@example.com",
    "example.com\\@127.0.0.1",
    "127.0.0.1\\.example.com",
    "127.0.0.1%2f.example.com",
    "%31%32%37.0.0.1",
    "[127.0.0.1]",
    "[::1",
    "::1",
    "127.0.0.1\t",
    "127.0.0.1\r\nHost: x",
    " 127.0.0.1",
    "127.0.0.1\x00.example.com",
    "0",
    "0x0",
    "127.1",
    "1",
    "[[::1]]",
    "[::1]]",
    "0x7f000001.",
    "127.0.0.1:80@example.com",
    "",
    ".",
    "..",
    "a" * 300,
]


def hosts() -> list[str]:
    found = list(itertools.chain.from_iterable(spellings(address) for address in INSIDE))
    return list(dict.fromkeys(found + OTHERS))


@asynccontextmanager
async def canary() -> AsyncIterator[tuple[int, list[str]]]:
    """A listener on every local address of one port; whoever connects is written down."""
    touched: list[str] = []

    def touch(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        touched.append(str(writer.get_extra_info("sockname")))
        writer.close()

    first = await asyncio.start_server(touch, "0.0.0.0", 0)
    port = first.sockets[0].getsockname()[1]
    servers = [first]
    if socket.has_ipv6:
        with suppress(OSError):
            servers.append(await asyncio.start_server(touch, "::", port))
    try:
        yield port, touched
    finally:
        for server in servers:
            server.close()


def urls(port: int) -> list[str]:
    plain = [f"https://{host}:{port}/x" for host in hosts()]
    odd = [
        f"{scheme}://127.0.0.1:{port}/"
        for scheme in ("http", "ftp", "file", "gopher", "ws", "HTTPS ", "javascript")
    ]
    odd += [
        f"https:/127.0.0.1:{port}/",
        f"//127.0.0.1:{port}/",
        f"https:127.0.0.1:{port}",
        f"https:///127.0.0.1:{port}",
        "https://127.0.0.1:22/",
        "https://127.0.0.1:0/",
        "https://127.0.0.1:99999/",
        "https://127.0.0.1:-1/",
        f"https://127.0.0.1:{port}\n/",
        f"https://127.0.0.1:0{port}/",
        "file:///etc/passwd",
        "data:,x",
    ]
    return plain + odd
