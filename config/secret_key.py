"""The instance's secret key: CALLWRIGHT_SECRET_KEY, or one made once and kept in the data directory.

Older keys still open what they closed; nothing new is signed or sealed with them.
"""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path

FILE = "secret.key"


def secret_key(given: str | None, data_dir: Path) -> str:
    """The key to sign with; creates `<data_dir>/secret.key` (mode 600) the first time it is needed."""
    if given:
        return given
    path = data_dir / FILE
    data_dir.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{FILE}.{os.getpid()}.new")
    if not path.exists():
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(48))
        try:
            # link, not rename: of two processes starting at once the first one's key stays.
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return _lines(path)[0]


def older_keys(given: tuple[str, ...], data_dir: Path) -> list[str]:
    """Keys that were in use before: CALLWRIGHT_OLD_SECRET_KEYS, and further lines of `secret.key`."""
    path = data_dir / FILE
    return [*given, *(_lines(path)[1:] if path.exists() else [])]


def _lines(path: Path) -> list[str]:
    return [line.strip() for line in path.read_text().splitlines() if line.strip()]


def purpose_key(key: str, purpose: str) -> str:
    """A key of its own for one purpose, so that a leaked one opens nothing else."""
    return hmac.new(key.encode(), f"callwright {purpose}".encode(), "sha256").hexdigest()
