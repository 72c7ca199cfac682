"""Where the loop cannot be built or loaded, installation goes on, and so do calls."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from calling.media.loop import build, forwarder, native


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where the library is to be; it was not built."""
    target = tmp_path / "lib" / "loop.so"
    monkeypatch.setattr(build, "place", lambda: target)
    native.library.cache_clear()
    return target


@pytest.fixture(autouse=True)
def loaded_again() -> Iterator[None]:
    yield
    native.library.cache_clear()


@pytest.mark.parametrize("command", [None, ["false"], ["/nowhere/cc"], ["true"]])
def test_no_compiler_and_a_broken_one_leave_python(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    place: Path,
    command: list[str] | None,
) -> None:
    monkeypatch.setattr(build, "compiler", lambda: command)
    assert build.main() == 0
    said = "".join(capfd.readouterr())
    assert "Media are forwarded in Python" in said and said.count("\n") == 1
    assert not place.exists() and build.why_not() is not None
    assert native.library() is None and forwarder.opened("auto") is None


def test_a_library_that_is_broken_is_not_used(place: Path) -> None:
    place.parent.mkdir()
    place.write_bytes(b"\x7fELF and nothing more")
    assert build.why_not() is not None
    assert native.library() is None and forwarder.opened("c") is None


def test_python_is_used_where_it_was_chosen() -> None:
    assert forwarder.opened("python") is None


def test_a_compiler_that_is_named_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "ccache gcc")
    assert build.compiler() == ["ccache", "gcc"]


def test_other_sources_are_another_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = build.place()
    for source in build.sources():
        (tmp_path / source.name).write_bytes(source.read_bytes())
    monkeypatch.setattr(build, "SOURCES", tmp_path)
    assert build.place() == before
    (tmp_path / "flow.c").write_text("int nothing;\n")
    assert build.place() != before
