"""The screen of `make run` names the addresses of media, and how to keep them on this machine."""

from __future__ import annotations

from config import env
from config.supervisor import console


def test_every_address_is_named_with_the_way_to_stay_local() -> None:
    found = env.read({"CALLWRIGHT_MEDIA_IP": "127.0.0.1,10.0.0.5/203.0.113.9"})
    assert console.sound(found).startswith("127.0.0.1, 203.0.113.9 ")
    assert "CALLWRIGHT_MEDIA_IP=127.0.0.1" in console.sound(found)


def test_media_that_stay_here_are_said_to() -> None:
    assert console.sound(env.read({"CALLWRIGHT_MEDIA_IP": "127.0.0.1"})) == "127.0.0.1   (this machine alone)"
