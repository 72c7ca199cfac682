"""The waveform on a call's page: loaded when asked for, a slider by mouse and keyboard; parts of a file."""

from __future__ import annotations

import io
import wave
from datetime import timedelta

import numpy as np
import pytest
from django.test import Client
from django.utils import timezone

from calling import models
from tests.dashboard.test_pages_are_accessible import axe, serious  # noqa: F401
from tests.dashboard.test_staff_pages_open import signed_in

SECONDS = 40


@pytest.fixture
def recording(world, settings, tmp_path) -> models.Recording:
    settings.DATA_DIR = tmp_path
    (tmp_path / "recordings").mkdir()
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(np.zeros(2 * 8000 * SECONDS, np.int16).tobytes())
    (tmp_path / "recordings" / "one.wav").write_bytes(sound.getvalue())
    peaks = np.zeros((300, 2), np.uint8)
    peaks[:150, 0], peaks[150:, 1] = 120, 255
    return models.Recording.objects.create(
        project=world.project, call_id=world.calls["over"].pk, control_id="rec-1", state="finished",
        format="wav", path="one.wav", channels=2, duration_ms=SECONDS * 1000, waveform=peaks.tobytes(),
    )  # fmt: skip


def test_its_peaks_are_given_per_channel_to_the_staff_of_its_project(world, recording):
    path = f"/dashboard/recordings/{recording.pk}/waveform"
    left, right = signed_in(world, "vera").get(path).json()["channels"]
    assert (left[0], left[-1], right[0], right[-1], len(left)) == (120, 0, 0, 255, 300)
    assert signed_in(world, "mallory").get(path).status_code == 404
    assert Client().get(path).status_code == 302
    models.Recording.objects.update(waveform=None)
    assert signed_in(world, "vera").get(path).status_code == 404
    page = signed_in(world, "vera").get(f"/dashboard/calls/{recording.call_id}").content.decode()
    assert "<audio" in page and "data-wave" not in page


@pytest.mark.parametrize(
    ("asked", "status", "told"),
    [
        ("bytes=0-9", 206, "bytes 0-9/{size}"),
        ("bytes=10-", 206, "bytes 10-{last}/{size}"),
        ("bytes=-5", 206, "bytes {tail}-{last}/{size}"),
        ("bytes=5-99999999", 206, "bytes 5-{last}/{size}"),
        ("bytes=99999999-", 416, "bytes */{size}"),
        ("bytes=9-5", 416, "bytes */{size}"),
        ("bytes=-", 200, None),
        ("bytes=0-1,5-6", 200, None),
        ("words=0-1", 200, None),
    ],
)
def test_a_player_gets_the_part_that_it_asks_for(world, recording, tmp_path, asked, status, told):
    whole = (tmp_path / "recordings" / "one.wav").read_bytes()
    size = len(whole)
    answer = signed_in(world, "vera").get(f"/dashboard/recordings/{recording.pk}", HTTP_RANGE=asked)
    assert answer.status_code == status
    words = told.format(size=size, last=size - 1, tail=size - 5) if told else None
    assert answer.get("Content-Range") == words
    if status == 416:
        return
    got = b"".join(answer.streaming_content)
    assert int(answer["Content-Length"]) == len(got) and answer["Accept-Ranges"] == "bytes"
    first = int(words.split()[1].partition("-")[0]) if words else 0
    assert got == whole[first : first + len(got)] and (words or got == whole)


def test_going_to_another_place_is_no_other_listening(world, recording):
    noted = models.StaffAction.objects.filter(action="recording.listen")
    path = f"/dashboard/recordings/{recording.pk}"
    for asked in ("bytes=4000-", "bytes=4000-", "bytes=8000-8999"):
        signed_in(world, "vera").get(path, HTTP_RANGE=asked)
    assert noted.count() == 1, "and it is noted wherever it begins"
    signed_in(world, "vera").get(path, HTTP_RANGE="bytes=0-")
    signed_in(world, "otto").get(path, HTTP_RANGE="bytes=1-")
    assert [row.name for row in noted.order_by("id")] == ["vera", "vera", "otto"]
    noted.update(at=timezone.now() - timedelta(hours=2))
    signed_in(world, "otto").get(path, HTTP_RANGE="bytes=1-")
    assert noted.count() == 4


def test_it_is_loaded_when_asked_for_and_moves_the_player(desk, recording, axe):  # noqa: F811
    page = desk(f"/dashboard/calls/{recording.call_id}")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    assert page.get_by_role("slider").count() == 0
    page.get_by_role("button", name="Show the waveform").press("Enter")
    slider = page.get_by_role("slider", name="Place in the recording")
    slider.wait_for()
    assert any(url.endswith("waveform.js") for url in asked) and any(
        url.endswith("/waveform") for url in asked
    )
    assert page.evaluate("document.activeElement.getAttribute('role')") == "slider"

    def at(seconds: float, slack: float = 0.5) -> None:
        page.wait_for_function(
            "([wanted, slack]) => Math.abs(document.querySelector('audio').currentTime - wanted) <= slack",
            arg=[seconds, slack],
        )
        shown = float(slider.get_attribute("aria-valuenow"))
        assert abs(shown - seconds) <= slack

    slider.press("ArrowRight")
    at(5)
    slider.press("ArrowRight")
    at(10)
    slider.press("ArrowLeft")
    at(5)
    slider.press("PageUp")
    at(9)
    slider.press("End")
    at(SECONDS)
    slider.press("Home")
    at(0)
    box = slider.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + box["height"] / 2)
    at(30)
    assert slider.get_attribute("aria-valuetext") == "0:30 / 0:40"
    played = float(page.locator("#main svg clipPath rect").get_attribute("width"))
    assert abs(played - 450) < 8
    assert serious(page, axe) == []
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")


def test_a_page_that_refreshes_itself_keeps_it(desk, world, recording):
    live = world.calls["live"]
    models.Recording.objects.update(call_id=live.pk)
    page = desk(f"/dashboard/calls/{live.pk}")
    page.get_by_role("button", name="Show the waveform").click()
    page.get_by_role("slider", name="Place in the recording").wait_for()
    fresh = page.locator("#call").get_attribute("data-fresh")
    page.wait_for_function("(was) => document.getElementById('call').dataset.fresh !== was", arg=fresh)
    assert page.get_by_role("slider", name="Place in the recording").is_visible()


def test_without_scripts_there_is_the_player(browser, live_server, desk, recording):
    cookies = desk(f"/dashboard/calls/{recording.call_id}").context.cookies()
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies(cookies)
    page = context.new_page()
    page.goto(f"{live_server.url}/dashboard/calls/{recording.call_id}")
    assert page.locator("audio").is_visible()
    assert not page.get_by_role("button", name="Show the waveform").is_visible()
    context.close()
