"""A part of a file, as players ask for it when somebody goes to another place (RFC 9110 section 14)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import BinaryIO

from django.http import HttpResponse, StreamingHttpResponse

PIECE = 65_536
_ONE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})\Z")


def answer(file: BinaryIO, wanted: str, content_type: str) -> HttpResponse:
    """The file, or the one range of it that `wanted` (the header Range) names. Closes the file in the end."""
    size = file.seek(0, os.SEEK_END)
    first, last = 0, size - 1
    asked = _ONE.match(wanted)  # several ranges, or another unit: the whole file, as it may be
    if asked is not None and (asked[1] or asked[2]):
        if asked[1]:
            first, last = int(asked[1]), min(int(asked[2] or last), last)
        else:
            first = max(0, size - int(asked[2]))
        if first > last:
            file.close()
            return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    else:
        asked = None
    found = StreamingHttpResponse(pieces(file, first, last + 1 - first), content_type=content_type)
    found["Accept-Ranges"], found["Content-Length"] = "bytes", str(last + 1 - first)
    if asked is not None:
        found.status_code = 206
        found["Content-Range"] = f"bytes {first}-{last}/{size}"
    return found  # type: ignore[return-value]


def pieces(file: BinaryIO, first: int, left: int) -> Iterator[bytes]:
    with file:
        file.seek(first)
        while left > 0 and (piece := file.read(min(PIECE, left))):
            left -= len(piece)
            yield piece
