"""What an API key may do: `read`, `call` and `admin` (docs/contract.md#keys). Pure: standard library only.

The scope that a request needs follows from its method and path, so a new path needs `admin` until a line here
says otherwise.
"""

from __future__ import annotations

import re
from typing import Final

READ, CALL, ADMIN = "read", "call", "admin"
SCOPES: Final = (READ, CALL, ADMIN)
EVERYTHING: Final = frozenset({ADMIN})

# Dialling, commands and operations on calls and in rooms, and tokens for devices.
_CALLING: Final = re.compile(
    r"api/calls(/.+)?"
    r"|api/calling/calls"
    r"|api/rooms/[^/]+/.+"
    r"|api/fabric/(subscribers|guests|embeds)/tokens(/refresh)?"
    r"|2010-04-01/Accounts/.+"
)
# Listening to calls of others.
_LISTEN: Final = re.compile(r"api/calls/[^/]+/listen")


def needed(method: str, path: str) -> str:
    """The scope that a request needs. `call` does not include `read`; `admin` includes everything."""
    if method in ("GET", "HEAD", "OPTIONS"):
        return READ
    plain = path.strip("/")
    return CALL if method == "POST" and _CALLING.fullmatch(plain) and not _LISTEN.fullmatch(plain) else ADMIN


def allows(scopes: frozenset[str], wanted: str) -> bool:
    return wanted in scopes or ADMIN in scopes
