"""What `manage.py prepare` leaves for the screen: the first project's id and token, the admin's login."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = "credentials.json"


@dataclass(frozen=True)
class Credentials:
    """The one place where an API token is kept in clear: a file of mode 600 in the data directory."""

    project_id: str
    api_token: str
    signing_key: str
    admin_user: str
    admin_password: str


def read(data_dir: Path) -> Credentials | None:
    """None where there is no file, or not a usable one."""
    try:
        return Credentials(**json.loads((data_dir / FILE).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def write(data_dir: Path, credentials: Credentials) -> None:
    data_dir.mkdir(parents=True, exist_ok=True)
    fresh = data_dir / f"{FILE}.new"
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(asdict(credentials), indent=1) + "\n")
    fresh.replace(data_dir / FILE)
