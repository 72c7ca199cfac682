"""What `make run` shows: one line per happening, and one screen when calls can be placed."""

from __future__ import annotations

import contextlib
import time

from config.embedded.certificate import Certificate
from config.env import WILDCARDS, Environment
from config.supervisor.credentials import Credentials


def say(line: str) -> None:
    """One line with the time of day; a closed terminal is no reason to end."""
    with contextlib.suppress(OSError, ValueError):
        print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def local_address(env: Environment) -> str:
    """An address of the web that works on this machine."""
    if env.bind in WILDCARDS:
        return "127.0.0.1" if env.bind == "0.0.0.0" else "[::1]"
    return f"[{env.bind}]" if ":" in env.bind else env.bind


def ready(env: Environment, who: Credentials, certificate: Certificate | None, seconds: float) -> str:
    """The screen: URLs, project, token, login, certificate, one command to copy."""
    host = local_address(env)
    host = "localhost" if host == "127.0.0.1" else host
    web = f"http://{host}:{env.http_port}"
    rows = [
        ("dashboard", f"{web}/dashboard/"),
        ("phone", f"{web}/phone"),
        ("REST", f"{web}/api/   (reference: {web}/api/docs)"),
        ("devices", f"ws://{host}:{env.http_port}/ws/phone"),
    ]
    if certificate is not None:
        rows.append(("browser SDK", f"wss://fabric.{env.domain}/"))
    rows += [
        ("project id", who.project_id),
        ("API token", who.api_token),
        ("login", f"{who.admin_user} / {who.admin_password}"),
    ]
    if certificate is not None:
        rows.append(("certificate", f"{certificate.authority} (trust it, or SPKI {certificate.spki})"))
    rows.append(("logs", f"{env.data_dir / 'logs'}"))
    width = max(len(name) for name, _ in rows)
    lines = [f"  {name:<{width}}  {value}" for name, value in rows]
    curl = (
        f"curl -u {who.project_id}:{who.api_token} {web}/api/fabric/subscribers/tokens \\\n"
        '    -H "content-type: application/json" -d \'{"reference": "alice"}\''
    )
    title = f"Callwright is ready ({seconds:.1f} s). Ctrl-C stops it."
    return "\n".join(["", title, "", *lines, "", "A token for a first device:", f"  {curl}", ""])
