"""`python -m tests.run all|quick|soak`: what `make test`, `make quick` and `make soak` do.

Installs the Debian packages of the test groups where it may, says which groups are skipped and why, and
runs pytest with a printed seed. A failure is repeated with `make test SEED=<seed>`. However a run ends, no
process of it stays behind (`tests.watchdog`).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from config.supervisor.parent_death import Parent
from tests import watchdog

PYTEST_FAILED = 1
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Group:
    """Tests that need a program from outside: who, which package has it."""

    name: str
    programs: tuple[str, ...]
    packages: tuple[str, ...]


GROUPS = (
    Group("browser tests", ("chromium",), ("chromium",)),
    Group("tests with Firefox", ("firefox-esr", "pulseaudio"), ("firefox-esr", "pulseaudio")),
    Group(
        "tests with GStreamer's webrtcbin",
        ("gst-inspect-1.0",),
        (
            "gstreamer1.0-tools",
            "gstreamer1.0-plugins-good",
            "gstreamer1.0-plugins-bad",
            "gstreamer1.0-nice",
            "python3-gi",
            "gir1.2-gst-plugins-base-1.0",
            "gir1.2-gst-plugins-bad-1.0",
        ),
    ),
    Group("SIP tests with sipp", ("sipp",), ("sip-tester",)),
    Group("SIP tests with baresip", ("baresip",), ("baresip",)),
    Group("SIP tests with Linphone", ("linphonec",), ("linphone-cli",)),
    Group("SIP traces as Wireshark reads them", ("tshark",), ("tshark",)),
    Group("SIP tests through a proxy", ("kamailio",), ("kamailio",)),
    Group("TURN tests with coturn", ("turnserver",), ("coturn",)),
    Group("tests of browsers that trust an authority", ("certutil",), ("libnss3-tools",)),
    Group("tests through PgBouncer", ("pgbouncer",), ("pgbouncer",)),
    Group("tests of cells behind a proxy", ("haproxy",), ("haproxy",)),
    Group("speech tests", ("espeak-ng",), ("espeak-ng",)),
    Group("tests with openapi-generator", ("java",), ("default-jre-headless",)),
    Group("tests that read media files", ("ffmpeg",), ("ffmpeg",)),
)


def main(arguments: Sequence[str]) -> int:
    """Runs the suite; pytest's exit status."""
    parser = argparse.ArgumentParser(prog="tests.run")
    parser.add_argument("suite", choices=["all", "quick", "soak"])
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--no-install", action="store_true", help="install no Debian package")
    parser.add_argument("--with-parent", action="store_true", help="end when the parent, make, does")
    parser.add_argument("rest", nargs="*", help="handed on to pytest")
    chosen = parser.parse_args(arguments)
    seed = chosen.seed if chosen.seed is not None else random.SystemRandom().randrange(1, 2**31)
    parent = Parent() if chosen.with_parent else None
    if chosen.suite != "quick" and not chosen.no_install:
        install_programs()
    print(f"seed {seed} (again with: make {_target(chosen.suite)} SEED={seed})", flush=True)
    command = [sys.executable, "-m", "pytest", f"--seed={seed}", f"--hypothesis-seed={seed}", "-q"]
    if chosen.suite == "quick":
        command += ["--quick", "--timeout=20"]
    elif chosen.suite == "soak":
        command += ["--soak", "-m", "family or sample or soak_only", "-s", "--timeout=0"]
    try:
        return run_suite([*command, *chosen.rest], again=chosen.suite == "all", parent=parent)
    except watchdog.Ended as ended:
        print(f"\nended by {ended}", flush=True)
        return ended.status


def in_company() -> list[str]:
    """pytest's words for two processes at once, where there are two cores; each file stays in one."""
    return ["-n", "2", "--dist", "loadfile"] if (os.cpu_count() or 1) > 1 else []


def run_suite(command: list[str], again: bool, parent: Parent | None = None) -> int:
    """pytest's exit status. With `again`, what failed is tried once more by itself.

    A test that passes only then is printed as flaky, and fails the run unless it is marked `timing`: it holds
    a wall-clock deadline, for a good reason, that a busy machine misses now and then.
    """
    if not again:
        return watchdog.run(command, parent)
    with tempfile.TemporaryDirectory() as directory:
        first, second = Path(directory) / "first", Path(directory) / "second"
        status = watchdog.run([*command, *in_company(), *noting(first)], parent)
        failed, seconds = outcomes(first)
        print_seconds(seconds)
        if status != PYTEST_FAILED:
            return status
        print("\nThe failures above are tried once more by themselves:", flush=True)
        status = watchdog.run([*command, "--last-failed", *noting(second)], parent)
        if status not in (0, PYTEST_FAILED):  # it did not run them: nothing is known to be flaky
            return status
        flaky = {test: timing for test, timing in failed.items() if test not in outcomes(second)[0]}
    for test, timing in sorted(flaky.items()):
        print(f"flaky: {test}{' (timing)' if timing else ''}", flush=True)
    return status or (0 if all(flaky.values()) else PYTEST_FAILED)


def noting(path: Path) -> list[str]:
    """pytest's words for writing its outcomes there."""
    return ["-p", "tests.outcomes", f"--outcomes={path}"]


def outcomes(path: Path) -> tuple[dict[str, bool], dict[str, float]]:
    """(failed tests and whether each is marked `timing`, seconds by directory)."""
    try:
        found = json.loads(path.read_text())
    except OSError:  # pytest did not come so far
        return {}, {}
    return found["failed"], found["seconds"]


def print_seconds(seconds: dict[str, float]) -> None:
    """Seconds of test time by directory, the longest first; two processes spend them at once."""
    for directory, spent in sorted(seconds.items(), key=lambda each: -each[1]):
        print(f"{spent:8.1f} s  {directory}", flush=True)


def install_programs() -> None:
    """Installs what is missing as root on Debian or Ubuntu; else names each group that is skipped."""
    missing = [group for group in GROUPS if not _present(group)]
    if not missing:
        return
    obstacle = _obstacle()
    if obstacle is None:
        packages = sorted({package for group in missing for package in group.packages})
        print(f"installing {' '.join(packages)} ...", flush=True)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-qq"], env=environment, check=False, **quiet)
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends"]
        result = subprocess.run([*install, *packages], env=environment, check=False, **quiet)
        if result.returncode != 0:  # one unknown package must not cost the others
            for package in packages:
                subprocess.run([*install, package], env=environment, check=False, **quiet)
        obstacle = "its Debian package could not be installed"
    for group in missing:
        if not _present(group):
            needed = ", ".join(p for p in group.programs if find_program(p) is None)
            print(f"skipped: {group.name} (no {needed}: {obstacle})", flush=True)


def _present(group: Group) -> bool:
    return all(find_program(program) for program in group.programs)


def find_program(name: str) -> str | None:
    """Where a program is; servers are in sbin, which only root has on PATH."""
    return shutil.which(name) or shutil.which(name, path="/usr/local/sbin:/usr/sbin:/sbin")


def _obstacle() -> str | None:
    if shutil.which("apt-get") is None or not Path("/etc/debian_version").exists():
        return "this is not Debian or Ubuntu, install it by hand"
    if os.geteuid() != 0:
        return "not running as root, install it by hand"
    return None


def _target(suite: str) -> str:
    return {"all": "test"}.get(suite, suite)


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main(sys.argv[1:]))
