"""Bounded decompression of HTTP bodies: a bomb is refused while it grows, not after it has filled the memory.

Pure: standard library only.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

_PIECE: Final = 64 * 1024


class DecompressedTooLarge(Exception):
    """More bytes than the caller allows, counted after decompression."""


class UnknownEncoding(Exception):
    """A content coding nobody asked for, or bytes that are not in the coding they claim."""


class Inflater:
    """Feeds compressed chunks in, yields pieces of at most 64 kB, never more than `limit` bytes in all.

    Content codings (RFC 9110 8.4.1): identity, gzip, deflate (zlib or raw); one at a time.
    """

    def __init__(self, coding: str, limit: int) -> None:
        self._left = limit
        self._coding = coding.strip().lower()
        self._fresh = True
        if self._coding in ("", "identity"):
            self._zlib = None
        elif self._coding in ("gzip", "x-gzip"):
            self._zlib = zlib.decompressobj(zlib.MAX_WBITS | 16)
        elif self._coding == "deflate":
            self._zlib = zlib.decompressobj()
        else:
            raise UnknownEncoding(self._coding[:40])

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yields what the chunk holds up to the limit, then raises DecompressedTooLarge where there was
        more."""
        if self._zlib is None:
            yield from self._count(chunk)
            return
        while chunk and not self._zlib.eof:
            try:
                piece = self._zlib.decompress(chunk, _PIECE)
            except zlib.error as problem:
                if not (self._coding == "deflate" and self._fresh):
                    raise UnknownEncoding("corrupt") from problem
                self._zlib = zlib.decompressobj(-zlib.MAX_WBITS)  # "deflate" without the zlib wrapper
                self._fresh = False
                continue
            self._fresh = False
            chunk = self._zlib.unconsumed_tail
            if piece:
                yield from self._count(piece)

    def finish(self) -> None:
        """Refuse a body that ended in the middle of its coding."""
        if self._zlib is not None and not self._fresh and not self._zlib.eof:
            raise UnknownEncoding("truncated")

    def _count(self, piece: bytes) -> Iterator[bytes]:
        kept = piece[: self._left]
        self._left -= len(kept)
        if kept:
            yield kept
        if len(kept) < len(piece):
            raise DecompressedTooLarge
