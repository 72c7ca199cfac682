"""Where the embedded engines live below a data directory, and the URLs that reach them.

Pure path arithmetic, so a second process (`manage.py project create`) finds the running engines by the
data directory alone. Starting and stopping is in `postgres.py` and `valkey.py`.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

# sockaddr_un.sun_path holds 108 bytes on Linux and 104 on macOS, the file name and a NUL included.
LONGEST_SOCKET_DIRECTORY = 80
DATABASE = "callwright"
REQUESTS = "callwright_requests"  # the login of requests, which owns nothing
POINTER = "engines.location"
SOCKETS_POINTER = "sockets.location"


def engines_directory(data_dir: Path) -> Path:
    """The directory of the engines' files: inside the data directory, or where its pointer file says.

    The pointer exists where root runs Callwright from a place an unprivileged user cannot reach (such as
    /root): PostgreSQL refuses to run as root, and permissions outside the data directory are not ours.
    """
    pointer = data_dir / POINTER
    try:
        return Path(pointer.read_text().strip())
    except OSError:
        return data_dir / "engines"


def socket_directory(data_dir: Path) -> Path:
    """Where the engines' directories of sockets are; where that path is too long, a pointer says where."""
    beside = engines_directory(data_dir) / "run"
    if len(os.fsencode(beside)) <= LONGEST_SOCKET_DIRECTORY:
        return beside
    try:
        return Path((data_dir / SOCKETS_POINTER).read_text().strip())
    except OSError:
        return beside


def postgres_sockets(data_dir: Path) -> Path:
    return socket_directory(data_dir) / "postgres"


def postgres_url(data_dir: Path, user: str = DATABASE) -> str:
    """DATABASE_URL of the embedded PostgreSQL: a unix socket only its owner (and root) may enter."""
    return f"postgresql://{user}@/{DATABASE}?host={quote(str(postgres_sockets(data_dir)), safe='')}"


def valkey_socket(data_dir: Path) -> Path:
    return socket_directory(data_dir) / "valkey" / "valkey.sock"


def valkey_url(data_dir: Path) -> str:
    """REDIS_URL of the embedded Valkey."""
    return f"unix://{quote(str(valkey_socket(data_dir)))}?db=0"


def speech_sockets(data_dir: Path) -> Path:
    """Where the speech workers of a host listen."""
    beside = data_dir / "speech"
    if len(os.fsencode(beside)) <= LONGEST_SOCKET_DIRECTORY:
        return beside
    return socket_directory(data_dir) / "speech"


def turn_socket(data_dir: Path) -> Path:
    """Where the TURN server takes what came to the https port."""
    beside = data_dir / "turn"
    directory = beside if len(os.fsencode(beside)) <= LONGEST_SOCKET_DIRECTORY else socket_directory(data_dir)
    return directory / "turn.sock"


def beat_schedule(data_dir: Path) -> Path:
    """Celery beat's own memory of what ran when."""
    return data_dir / "beat-schedule"
