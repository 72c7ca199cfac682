"""`callwright init`: the one settings file of an installation, with secrets made here."""

from __future__ import annotations

import argparse
import base64
import ipaddress
import os
import re
import secrets
import socket
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from clients.command.instance import Instance, WrongUsage

NAME = re.compile(r"(?=.{1,253}$)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("init", help="write docker/.env with new secrets, for docker compose")
    parser.add_argument("--domain", default="localhost", help="the name that browsers and SDKs use")
    parser.add_argument(
        "--media-ip", help="address of this machine, or own/public behind NAT; default: its primary address"
    )
    parser.add_argument("--file", type=Path, default=Path("docker/.env"), help="default: docker/.env")
    parser.set_defaults(run=run)


def contents(domain: str, media_ip: str) -> str:
    advertised = media_ip.rpartition("/")[2]
    values = {
        "CALLWRIGHT_DOMAIN": domain,
        "CALLWRIGHT_SECRET_KEY": base64.b64encode(secrets.token_bytes(48)).decode(),
        "POSTGRES_PASSWORD": secrets.token_urlsafe(24),
        "REDIS_PASSWORD": secrets.token_urlsafe(24),
        "TURN_SECRET": secrets.token_urlsafe(24),
        "CALLWRIGHT_PROJECT_ID": str(uuid4()),
        "CALLWRIGHT_API_TOKEN": secrets.token_hex(32),
        "CALLWRIGHT_ADMIN_PASSWORD": secrets.token_urlsafe(18),
        "CALLWRIGHT_MEDIA_IP": media_ip,
        "PUBLIC_IP": advertised,
        "CALLWRIGHT_MEDIA_PORTS": "40000-49999",
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())


def run(given: argparse.Namespace, find: Callable[[], Instance]) -> int:
    if not NAME.fullmatch(given.domain):
        raise WrongUsage(f"{given.domain} is no host name.")
    if given.media_ip is not None and not is_media_ip(given.media_ip):
        raise WrongUsage("--media-ip is the address of this machine, or own/public behind NAT.")
    text = contents(given.domain, given.media_ip or primary_address())
    try:
        given.file.parent.mkdir(parents=True, exist_ok=True)
        # Nobody else may read it, and no file that is there is written over.
        descriptor = os.open(given.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise WrongUsage(f"{given.file} already exists; remove it, or name another with --file.") from None
    except OSError as error:
        raise WrongUsage(f"{given.file} cannot be written: {error.strerror}") from None
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    print(f"Wrote {given.file} (readable by you alone). Now:")
    print(f"  docker compose -f docker/compose.yml --env-file {given.file} up -d --build")
    return 0


def is_media_ip(text: str) -> bool:
    try:
        return bool([ipaddress.ip_address(each) for each in text.split("/", 1)])
    except ValueError:
        return False


def primary_address() -> str:
    """The address this machine would send from; nothing is sent. Loopback where there is no network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])
