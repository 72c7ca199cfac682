"""What `make run` shows: one line per happening, and one screen when calls can be placed."""

from __future__ import annotations

import contextlib
import ipaddress
import shlex
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from calling.media.loop import build
from config.embedded.certificate import Certificate
from config.env import Environment
from config.env_network import WILDCARDS
from config.supervisor.credentials import FILE as CREDENTIALS
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


def sound(env: Environment) -> str:
    """Where media are, and how to keep them on this machine."""
    shown = ", ".join(advertised for _, advertised in env.media_places)
    local = all(ipaddress.ip_address(advertised).is_loopback for _, advertised in env.media_places)
    return f"{shown}   " + (
        "(this machine alone)" if local else "(CALLWRIGHT_MEDIA_IP=127.0.0.1 keeps it on this machine)"
    )


def forwarding(env: Environment) -> str:
    """What forwards the sound of bridged calls."""
    if env.media_loop == "python" or not env.media_mux:
        return "in Python"
    why_not = build.why_not()
    return "in C" if why_not is None else f"in Python ({why_not})"


def may_tell(output: TextIO, first: bool, environment: Mapping[str, str]) -> bool:
    """Whether secrets go to this output: a terminal's, or once, at the first start, whatever is not a journal
    (systemd sets JOURNAL_STREAM for those whose output it keeps)."""
    return output.isatty() or (first and not environment.get("JOURNAL_STREAM"))


def export(kept: Path) -> str:
    """A shell line that reads the API token out of the file, where it must not be printed."""
    program = 'import json, sys; print(json.load(open(sys.argv[1]))["api_token"])'
    return f"export CALLWRIGHT_API_TOKEN=\"$(python3 -c '{program}' {shlex.quote(str(kept))})\""


def ready(
    env: Environment, who: Credentials, certificate: Certificate | None, seconds: float, secrets: bool = True
) -> str:
    """The screen: URLs, project, token, login, certificate, one command to copy. Without `secrets` it says
    where these are."""
    host = local_address(env)
    host = "localhost" if host == "127.0.0.1" else host
    web = f"http://{host}:{env.http_port}"
    rows = [
        ("dashboard", f"{web}/dashboard/"),
        ("phone", f"{web}/phone"),
        ("REST", f"{web}/api/   (reference: {web}/api/docs)"),
        ("devices", f"ws://{host}:{env.http_port}/ws/phone"),
    ]
    if env.sip_port:
        rows.append(("SIP in browsers", f"ws://{host}:{env.http_port}/ws/sip"))
    if certificate is not None:
        rows.append(("browser SDK", f"wss://fabric.{env.domain}/"))
    rows.append(("media addresses", sound(env)))
    rows.append(("media forwarded", forwarding(env)))
    kept = env.data_dir / CREDENTIALS
    rows.append(("project id", who.project_id))
    if secrets:
        rows += [("API token", who.api_token), ("login", f"{who.admin_user} / {who.admin_password}")]
    else:
        rows += [("API token", f"in {kept}"), ("login", f"{who.admin_user}, password in {kept}")]
    if certificate is not None:
        rows.append(("certificate", f"{certificate.authority} (trust it, or SPKI {certificate.spki})"))
    rows.append(("logs", f"{env.data_dir / 'logs'}"))
    width = max(len(name) for name, _ in rows)
    lines = [f"  {name:<{width}}  {value}" for name, value in rows]
    token = who.api_token if secrets else "$CALLWRIGHT_API_TOKEN"
    curl = (
        ("" if secrets else f"{export(kept)}\n  ")
        + f"curl -u {who.project_id}:{token} {web}/api/fabric/subscribers/tokens \\\n"
        '    -H "content-type: application/json" -d \'{"reference": "alice"}\''
    )
    title = f"Callwright is ready ({seconds:.1f} s). Ctrl-C stops it."
    intro = "An access token for a subscriber alice, for the phone page:"
    return "\n".join(["", title, "", *lines, "", intro, f"  {curl}", ""])
