"""Every pinned version is newer than the faults that are known, the installer's own tools among them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from config.env import ROOT

KEPT = Path(__file__).with_name("known_faults.txt")
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-pip.lock", "requirements-speech.lock")


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", re.split(r"[^0-9.]", version, maxsplit=1)[0]))


def floors() -> dict[str, str]:
    lines = [line.split() for line in KEPT.read_text().splitlines() if line and not line.startswith("#")]
    return {words[0]: words[1] for words in lines}


def pinned(lock: str) -> list[tuple[str, str]]:
    return re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", (ROOT / lock).read_text(), re.MULTILINE)


def faulty(found: list[tuple[str, str]]) -> list[str]:
    known = floors()
    return [
        f"{name} {version}"
        for name, version in found
        if numbers(version) < numbers(known.get(name.lower().replace("_", "-"), "0"))
    ]


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_pins_one(lock: str) -> None:
    found = pinned(lock)
    assert found and faulty(found) == []
    text = (ROOT / lock).read_text()
    assert text.count("--hash=sha256:") >= len(found), "every package is pinned with its hashes"


def test_the_check_itself_finds_old_ones() -> None:
    assert faulty([("pip", "23.2.1"), ("setuptools", "65.5.0"), ("Django", "5.2.7"), ("PyJWT", "2.9.0")]) == [
        "pip 23.2.1",
        "setuptools 65.5.0",
        "Django 5.2.7",
        "PyJWT 2.9.0",
    ]
    assert faulty([("django", "5.2.19"), ("unheard-of", "0.1")]) == []


def test_the_installer_leaves_no_old_tools_of_the_interpreter() -> None:
    """What `config/bootstrap.sh` does to the two that every new environment brings along."""
    script = (ROOT / "config" / "bootstrap.sh").read_text()
    own, ours = script.index("-r requirements-pip.lock"), script.index('-r "$lock"')
    assert own < script.index("uninstall --quiet --yes setuptools") < ours
    assert not {"setuptools", "wheel"} & {name.lower() for lock in LOCKS for name, _ in pinned(lock)}
