"""The screen of `make run` names the addresses of media, how to keep them on this machine, and what forwards
sound."""

from __future__ import annotations

import pytest

from calling.media.loop import build
from config import env
from config.supervisor import console


def test_every_address_is_named_with_the_way_to_stay_local() -> None:
    found = env.read({"CALLWRIGHT_MEDIA_IP": "127.0.0.1,10.0.0.5/203.0.113.9"})
    assert console.sound(found).startswith("127.0.0.1, 203.0.113.9 ")
    assert "CALLWRIGHT_MEDIA_IP=127.0.0.1" in console.sound(found)


def test_media_that_stay_here_are_said_to() -> None:
    assert console.sound(env.read({"CALLWRIGHT_MEDIA_IP": "127.0.0.1"})) == "127.0.0.1   (this machine alone)"


@pytest.mark.parametrize(
    ("wanted", "mux", "why_not", "shown"),
    [
        ("auto", "1", None, "in C"),
        ("c", "1", "it was not built", "in Python (it was not built)"),
        ("python", "1", None, "in Python"),
        ("auto", "0", None, "in Python"),
    ],
)
def test_what_forwards_sound_is_shown(
    monkeypatch: pytest.MonkeyPatch, wanted: str, mux: str, why_not: str | None, shown: str
) -> None:
    monkeypatch.setattr(build, "why_not", lambda: why_not)
    found = env.read({"CALLWRIGHT_MEDIA_LOOP": wanted, "CALLWRIGHT_MEDIA_MUX": mux})
    assert console.forwarding(found) == shown
