"""`speech install`: what is here is shown, files come from an address, and another hash is refused."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from calling.speech import install, installed, weights
from config.env import ROOT

FILES = {"model.bin": b"weights" * 40_000, "config.json": b"{}", "vocabulary.txt": b"a\nb\n"}
PUBLISHED_AS = {"pipecat": "pipecat_ai"}  # where a package has another name than its module


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """(address, directory) of a local server of files."""
    root = tmp_path / "served"
    (root / "whisper-tiny.en").mkdir(parents=True)
    for name, data in FILES.items():
        (root / "whisper-tiny.en" / name).write_bytes(data)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(root))  # type: ignore[arg-type]

        def log_message(self, *args: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", root / "whisper-tiny.en"
    server.shutdown()
    server.server_close()


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> weights.Weights:
    """The quick model, as if it were these small files."""
    beside = {name: sha256(data) for name, data in FILES.items() if name != "model.bin"}
    small = replace(
        weights.KNOWN["quick"],
        sha256=sha256(FILES["model.bin"]),
        beside=beside,
        parts=(("no_such_package", "model.bin"),),
    )
    monkeypatch.setitem(weights.KNOWN, "quick", small)
    return small


def test_files_come_from_an_address_with_progress(
    served: tuple[str, Path], known: weights.Weights, tmp_path: Path
) -> None:
    told: list[tuple[str, int, int]] = []
    install.fetch("quick", tmp_path / "own", f"{served[0]}/{known.name}/", lambda *each: told.append(each))
    placed = tmp_path / "own" / known.name
    assert {each.name: each.read_bytes() for each in placed.iterdir()} == FILES
    size = len(FILES["model.bin"])
    assert ("model.bin", size, size) in told
    assert weights.place_of("quick", tmp_path / "own") == "directory"
    assert weights.directory("quick", tmp_path / "own") == placed


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_file_with_another_hash_is_refused_and_leaves_nothing(
    served: tuple[str, Path], known: weights.Weights, tmp_path: Path, name: str
) -> None:
    (served[1] / name).write_bytes(b"another")
    with pytest.raises(install.InstallFailed, match="another hash"):
        install.fetch("quick", tmp_path / "own", f"{served[0]}/{known.name}", lambda *_: None)
    assert list((tmp_path / "own").iterdir()) == []


def test_what_is_there_already_stays_where_the_new_one_is_refused(
    served: tuple[str, Path], known: weights.Weights, tmp_path: Path
) -> None:
    address = f"{served[0]}/{known.name}"
    install.fetch("quick", tmp_path, address, lambda *_: None)
    (served[1] / "model.bin").write_bytes(b"another")
    with pytest.raises(install.InstallFailed, match="another hash"):
        install.fetch("quick", tmp_path, address, lambda *_: None)
    assert weights.place_of("quick", tmp_path) == "directory"


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://127.0.0.1:9", "cannot be reached"),
        ("http://model.invalid/x", "cannot be reached"),
        ("ftp://127.0.0.1/x", "must begin with"),
        ("file:///etc", "must begin with"),
        ("", "no address"),
    ],
)
def test_an_address_that_gives_nothing_says_why(
    known: weights.Weights, tmp_path: Path, address: str, words: str
) -> None:
    with pytest.raises(install.InstallFailed, match=words):
        install.fetch("quick", tmp_path, address, lambda *_: None)


def test_a_file_that_is_not_there_is_named(
    served: tuple[str, Path], known: weights.Weights, tmp_path: Path
) -> None:
    with pytest.raises(install.InstallFailed, match="answers 404"):
        install.fetch("quick", tmp_path, f"{served[0]}/nowhere", lambda *_: None)


def test_a_file_without_an_end_is_given_up(
    served: tuple[str, Path], known: weights.Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install, "MOST_BYTES", 1000)
    with pytest.raises(install.InstallFailed, match="longer than"):
        install.fetch("quick", tmp_path, f"{served[0]}/{known.name}", lambda *_: None)
    assert list(tmp_path.glob("whisper*")) == []


def test_a_directory_counts_as_installed_where_the_engine_is(
    served: tuple[str, Path], known: weights.Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install.fetch("quick", tmp_path, f"{served[0]}/{known.name}", lambda *_: None)
    monkeypatch.setattr(installed, "engine", lambda: True)
    assert "quick" in installed.recognisers(tmp_path) and installed.anything(tmp_path)  # others by package
    assert install.look(tmp_path, "stt", "quick").usable
    monkeypatch.setattr(installed, "engine", lambda: False)
    assert installed.recognisers(tmp_path) == ()
    assert "engine" in install.look(tmp_path, "stt", "quick").fault


def test_every_lock_pins_what_the_models_come_in() -> None:
    for extra in install.EXTRAS.values():
        pinned = (ROOT / extra.lock).read_text().lower().replace("-", "_")
        for model in extra.models:
            for package, _ in weights.KNOWN[model].parts:
                name = PUBLISHED_AS.get(package, package)
                assert f"{name}==" in pinned and "__hash=sha256:" in pinned


def command(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "CALLWRIGHT_DATA_DIR": str(tmp_path), "CALLWRIGHT_SECRET_KEY": "x" * 50}
    environment["PYTHONPATH"] = ""
    line = [sys.executable, "-m", "clients.command", "speech", "install", *arguments]
    return subprocess.run(
        line, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False
    )


@pytest.mark.processes
def test_the_command_refuses_a_planted_library_and_reports_it_as_json(
    served: tuple[str, Path], tmp_path: Path
) -> None:
    planted = served[1].parent / "rnnoise"
    planted.mkdir()
    (planted / "librnnoise.so").write_bytes(b"another")
    (tmp_path / "speech-models" / "rnnoise").mkdir(parents=True)
    (tmp_path / "speech-models" / "rnnoise" / "librnnoise.so").write_bytes(b"another")
    ran = command(tmp_path, "denoise", "--from", served[0], "--json")
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    assert ran.returncode == 1, ran.stderr
    assert [each["state"] for each in lines[:-1]][-1] == "failed" and "another hash" in lines[-2]["reason"]
    assert lines[-1]["model"] == "denoise" and lines[-1]["usable"] is False
    assert "another hash" in lines[-1]["fault"]
