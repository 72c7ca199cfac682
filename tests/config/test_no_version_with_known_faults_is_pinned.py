"""Every pinned version is newer than the faults that are known, the installer's own tools among them."""

from __future__ import annotations

import json
import sys

import pytest

from config.env import ROOT
from tests.config.known_faults import LOCKS, audit, faulty, main, pinned

GOOD = {"name": "django", "version": "5.2.19", "vulns": []}
BAD = {"name": "django", "version": "5.2.19", "vulns": [{"id": "PYSEC-1"}, {"id": "PYSEC-2"}]}
UNSEEN = {"name": "h11", "skip_reason": "not found"}


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


def says(*rows: object) -> list[str]:
    """A program that says what pip-audit would."""
    return [sys.executable, "-c", f"print({json.dumps(json.dumps({'dependencies': rows}))})"]


@pytest.mark.parametrize(
    ("auditor", "status", "said"),
    [
        (says(GOOD), 0, "pip-audit: 1 packages looked up, 0 known faults"),
        (says(BAD), 1, "django 5.2.19: PYSEC-2"),
        (says(GOOD, UNSEEN), 0, "(1 of 2 not found, as not found); the kept list judges the others"),
        (says(BAD, UNSEEN), 1, "django 5.2.19: PYSEC-1"),
        ([sys.executable, "-c", "raise SystemExit('no network')"], 0, "(no network); the kept list judges"),
        ([sys.executable, "-c", "print(1)"], 0, "(it said nothing); the kept list judges"),
        (["/nowhere/pip-audit"], 0, "; the kept list judges"),
    ],
)
def test_pip_audit_is_asked_and_the_kept_list_stands_in(
    auditor: list[str], status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(*auditor) == status
    assert said in capsys.readouterr().out


def test_pip_audit_is_not_waited_for_long() -> None:
    asleep = [sys.executable, "-c", "import time; time.sleep(30)"]
    assert audit(*asleep, seconds=0.3) == (0, [], "no answer within 0.3 s")


def test_lint_runs_it() -> None:
    assert "-m tests.config.known_faults\n" in (ROOT / "Makefile").read_text()
    assert "\nmake lint\n" in (ROOT / ".ci/run").read_text()


def test_the_installer_leaves_no_old_tools_of_the_interpreter() -> None:
    """What `config/bootstrap.sh` does to the two that every new environment brings along."""
    script = (ROOT / "config" / "bootstrap.sh").read_text()
    own, ours = script.index("-r requirements-pip.lock"), script.index('-r "$lock"')
    assert own < script.index("uninstall --quiet --yes setuptools") < ours
    assert not {"setuptools", "wheel"} & {name.lower() for lock in LOCKS for name, _ in pinned(lock)}
