"""The player: for the staff of its project, from the recordings directory alone, noted in the audit log."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import pytest
from django.test import Client

from calling import models


@pytest.fixture
def recording(world, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings" / "one.wav").write_bytes(b"RIFF....WAVE")
    (tmp_path / "secret.txt").write_text("not for ears")
    return models.Recording.objects.create(
        project=world.project,
        call_id=world.calls["over"].pk,
        control_id="rec-1",
        state="finished",
        format="wav",
        path="one.wav",
    )


def listen(world, recording, name: str = "vera"):
    client = Client()
    client.force_login(world.people[name])
    return client.get(f"/dashboard/recordings/{recording.pk}")


def test_staff_hear_it_and_that_is_noted(world, recording):
    answer = listen(world, recording)
    assert answer["Content-Type"] == "audio/wav" and b"".join(answer.streaming_content).startswith(b"RIFF")
    assert models.StaffAction.objects.get(action="recording.listen").name == "vera"


def test_others_do_not(world, recording):
    assert listen(world, recording, "mallory").status_code == 404


@pytest.mark.parametrize("path", ["../secret.txt", "/etc/hostname", "gone.wav"])
def test_nothing_outside_the_recordings_is_read(world, recording, path):
    models.Recording.objects.update(path=path)
    recording.refresh_from_db()
    assert Path(recording.path) and listen(world, recording).status_code == 404


def test_the_call_page_offers_the_player(world, recording):
    client = Client()
    client.force_login(world.people["vera"])
    assert (
        f"/dashboard/recordings/{recording.pk}"
        in client.get(f"/dashboard/calls/{recording.call_id}").content.decode()
    )


def test_the_call_page_shows_what_was_said_and_never_as_markup(world, recording):
    said = [
        {"text": "Hello <b>there</b>.", "start_ms": 100, "end_ms": 900, "confidence": 1, "channel": 0},
        {"text": "Good day.", "start_ms": 1500, "end_ms": 2100, "confidence": 1, "channel": 1},
    ]
    models.Recording.objects.update(transcript_state="finished", transcript={"segments": said})
    client = Client()
    client.force_login(world.people["vera"])
    page = client.get(f"/dashboard/calls/{recording.call_id}").content.decode()
    assert "Caller: Hello &lt;b&gt;there&lt;/b&gt;." in page and "Callee: Good day." in page
    client.force_login(world.people["mallory"])
    assert client.get(f"/dashboard/calls/{recording.call_id}").status_code == 404


def silence(seconds: int) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16000 * seconds))
    return file.getvalue()


def test_a_recording_is_played_at_the_speed_that_was_chosen_before_or_meanwhile(desk, recording, tmp_path):
    (tmp_path / "recordings" / "one.wav").write_bytes(silence(20))
    page = desk(f"/dashboard/calls/{recording.call_id}", "vera")
    player = page.locator("audio")
    page.get_by_label("Speed").select_option("2")
    player.evaluate("(one) => one.play()")
    assert player.evaluate("(one) => one.playbackRate") == 2
    before = player.evaluate("(one) => one.currentTime")
    page.wait_for_timeout(1500)
    assert player.evaluate("(one) => one.currentTime") - before > 2
    page.get_by_label("Speed").select_option("0.75")
    assert player.evaluate("(one) => [one.playbackRate, one.paused]") == [0.75, False]
