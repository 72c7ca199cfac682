"""No other user of the machine reads what an instance keeps: whatever umask it was started under."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from calling.media.recording.formats import open_writer
from config import privacy
from config.env import ROOT

STRANGER = 54321
LOOK = """
import os, sys
os.setgroups([])  # in here: the stranger may not reach the interpreter itself
os.setresgid(*3 * [int(sys.argv[1])])
os.setresuid(*3 * [int(sys.argv[1])])
directory, guessed = sys.argv[2], sys.argv[3:]
found = []
for top, directories, files in os.walk(directory):
    for name in directories + files:
        path = os.path.join(top, name)
        if os.access(path, os.R_OK) or os.access(path, os.W_OK):
            found.append(path)
if os.access(directory, os.R_OK) or os.access(directory, os.W_OK):
    found.append(directory)
for path in guessed:
    try:
        open(path, "rb").close()
        found.append(path)
    except OSError:
        pass
print("\\n".join(found))
"""


def open_to_a_stranger(directory: Path, *guessed: Path) -> list[str]:
    """What another user can list, read or write there; `guessed` are paths it knows by name.

    Where we are root another user looks; else the modes are read.
    """
    if os.geteuid() == 0:
        done = subprocess.run(
            [sys.executable, "-I", "-c", LOOK, str(STRANGER), str(directory), *map(str, guessed)],
            capture_output=True, text=True, cwd="/", check=True, timeout=60, env={},
        )  # fmt: skip
        return done.stdout.split()
    everything = [directory, *directory.rglob("*")]
    return [str(path) for path in everything if not path.is_symlink() and path.stat().st_mode & 0o077]


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="callwright-private-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        yield directory


ENTRIES = {
    "the supervisor": "from config.supervisor.__main__ import main; main([])",
    "the web": "from config.serve import main; main()",
    "the application of another server": "import config.asgi",
    "a worker, or beat": "import config.celery",
    "a command of manage.py": (
        "import runpy; sys.argv = ['manage.py', 'help']; runpy.run_path('manage.py', run_name='__main__')"
    ),
    "TURN": "from config.embedded.turn.__main__ import main; main()",
}


@pytest.mark.sample(2)
@pytest.mark.parametrize("entry", ENTRIES)
def test_every_entry_makes_private_files(entry: str, data_dir: Path) -> None:
    with socket.socket() as taken, socket.socket(type=socket.SOCK_DGRAM) as taken_too:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        taken_too.bind(("127.0.0.1", 0))
        code = (
            f"import os, sys\nos.umask(0o022)\ntry:\n    {ENTRIES[entry]}\nexcept SystemExit:\n    pass\n"
            "print('umask', oct(os.umask(0)))"
        )
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CALLWRIGHT_")}
        said = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120,
            env={
                **kept,
                "DJANGO_SETTINGS_MODULE": "config.settings",
                "CALLWRIGHT_DATA_DIR": str(data_dir / "data"),
                "CALLWRIGHT_BIND": "127.0.0.1",
                # Taken, so that whoever would serve ends instead.
                "CALLWRIGHT_HTTP_PORT": str(taken.getsockname()[1]),
                "CALLWRIGHT_TURN_PORT": str(taken_too.getsockname()[1]),
                "CALLWRIGHT_SIP_PORT": "0",
            },
        )  # fmt: skip
    assert "umask 0o77" in said.stdout, said.stderr
    made = [path for path in (data_dir / "data").rglob("*") if path.stat().st_mode & 0o077]
    assert not made


def test_the_container_s_processes_make_private_files() -> None:
    lines = (ROOT / "docker" / "entrypoint.sh").read_text().splitlines()
    assert "umask 077" in lines[: next(i for i, line in enumerate(lines) if "exec" in line)]


@pytest.mark.parametrize("format", ["wav", "ogg", "mp3"])
def test_a_recording_is_its_owner_s_alone(format: str, data_dir: Path) -> None:
    path = data_dir / "recordings" / "23" / f"a.{format}"
    open_writer(path, format, 1).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (
        stat.S_IMODE(path.parent.stat().st_mode) == stat.S_IMODE(path.parent.parent.stat().st_mode) == 0o700
    )
    privacy.tighten(data_dir)
    assert open_to_a_stranger(data_dir, path) == []


def test_what_was_left_open_is_closed_at_the_start(data_dir: Path) -> None:
    elsewhere = data_dir.with_name(data_dir.name + "-other")
    elsewhere.write_text("not ours")
    elsewhere.chmod(0o644)
    kept = [
        data_dir / name
        for name in ("recordings/23/a.wav", "logs/web.log", "beat-schedule", "media/b.cwp", "deep/er/and/c")
    ]
    for path in kept:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("secret")
        path.chmod(0o666)
        for parent in path.parents:
            if parent != data_dir and parent.is_relative_to(data_dir):
                parent.chmod(0o777)
    (data_dir / "link").symlink_to(elsewhere)
    engines = data_dir / "engines"
    engines.mkdir()
    engines.chmod(0o711)
    try:
        assert privacy.tighten(data_dir) >= len(kept)
        assert open_to_a_stranger(data_dir, *kept) in ([], [str(data_dir / "link")])
        assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}
        assert stat.S_IMODE(engines.stat().st_mode) == 0o711, "the engines' users pass through"
        assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o644, "a link leads nowhere"
        assert privacy.tighten(data_dir) == 0
    finally:
        elsewhere.unlink()
