"""The supervisor's reading of log files."""

from __future__ import annotations

from pathlib import Path

from config.supervisor import logtail
from config.supervisor.logtail import LogTail


def tail(directory: Path) -> tuple[LogTail, list[str]]:
    said: list[str] = []
    return LogTail(directory, said.append), said


def test_errors_are_said_with_their_cause_and_the_rest_is_not(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    log.write_text('{"level": "error", "message": "old"}\n')
    looking, said = tail(tmp_path)
    looking.skip_what_is_there()
    with log.open("a") as output:
        output.write('{"level": "info", "message": "fine"}\nno json\n{"level": "error"')
    looking.look()
    assert said == []
    with log.open("a") as output:
        output.write(', "message": "broke\\ndown", "error": "Traceback\\nValueError: 3"}\n')
    looking.look()
    assert said == ["web: broke down | ValueError: 3"]


def test_the_same_error_is_said_once_a_minute(tmp_path: Path) -> None:
    looking, said = tail(tmp_path)
    lines = [f"2026-11-21 [{pid}] FATAL:  terminating connection\n" for pid in range(5)]
    (tmp_path / "postgres.log").write_text("".join(lines))
    looking.look()
    assert said == ["postgres: FATAL: terminating connection"]


def test_a_large_log_moves_aside_and_its_writer_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "media-1.log"
    with log.open("ab", buffering=0) as output:
        output.write(b"x" * 100 + b"\n")
        looking, _ = tail(tmp_path)
        largest = logtail._LARGEST
        logtail._LARGEST = 50
        try:
            looking.look()
        finally:
            logtail._LARGEST = largest
        output.write(b"after\n")
    assert log.read_bytes() == b"after\n"
    assert (tmp_path / "media-1.log.1").read_bytes() == b"x" * 100 + b"\n"
