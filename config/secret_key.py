"""The instance's secret key: CALLWRIGHT_SECRET_KEY, or one made once and kept in the data directory.

Older keys still open what they closed; nothing new is signed or sealed with them.
"""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path

from config.env_reader import WrongVariable

FILE = "secret.key"


def secret_key(given: str | None, data_dir: Path) -> str:
    """The key to sign with; creates `<data_dir>/secret.key` (mode 600) the first time it is needed.

    Raises WrongVariable where the file cannot be made or read, or says nothing. Never is a new key made then:
    whatever the old one signed and sealed would be lost without a word.
    """
    if given:
        return given
    path = data_dir / FILE
    try:
        if not path.exists():
            _make(path)
    except OSError as error:
        raise _unusable(path, f"cannot be made: {error.strerror}") from None
    lines = _lines(path)
    if not lines:
        raise _unusable(path, "is empty: restore it from a backup")
    return lines[0]


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{FILE}.{os.getpid()}.new")
    try:
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(48))
        # link, not rename: of two processes starting at once the first one's key stays.
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink(missing_ok=True)


def _unusable(path: Path, why: str) -> WrongVariable:
    return WrongVariable("CALLWRIGHT_SECRET_KEY", f"is not set, and {path} {why}")


def older_keys(given: tuple[str, ...], data_dir: Path) -> list[str]:
    """Keys that were in use before: CALLWRIGHT_OLD_SECRET_KEYS, and further lines of `secret.key`."""
    path = data_dir / FILE
    return [*given, *(_lines(path)[1:] if path.exists() else [])]


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text()
    except OSError as error:
        raise _unusable(path, f"cannot be read: {error.strerror}") from None
    except ValueError:
        raise _unusable(path, "is no text: restore it from a backup") from None
    return [line.strip() for line in text.splitlines() if line.strip()]


def purpose_key(key: str, purpose: str) -> str:
    """A key of its own for one purpose, so that a leaked one opens nothing else."""
    return hmac.new(key.encode(), f"callwright {purpose}".encode(), "sha256").hexdigest()
