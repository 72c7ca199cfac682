"""The inbound guide, step by step: a real `signalwire-sdk` client dials a page, which shows an MP4.

The guide's reader issues a token, brings the page online, dials `/private/<name>` with inline SWML that
plays an MP4 with sound and picture, answers, sees and hears it, and is hung up at its end.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.instance import Instance
from tests.media.files.made import media
from tests.signalwire.browser import stage
from tests.signalwire.browser.stage import Page

signalwire = pytest.importorskip("signalwire.rest", reason="signalwire-sdk is a development dependency")
HERTZ, SECONDS = 700.0, 6.0

# What the page's remote <video> plays now: its loudest frequency, and how bright its parts are.
MEASURE = """async (milliseconds) => {
  const video = [...document.querySelectorAll('video')].at(-1);
  const sound = video.srcObject.getAudioTracks();
  if (!sound.length || !video.videoWidth) return null;
  const context = new AudioContext();
  await context.resume();
  const analyser = context.createAnalyser();
  analyser.fftSize = 8192;
  context.createMediaStreamSource(new MediaStream(sound)).connect(analyser);
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  const paper = canvas.getContext('2d', { willReadFrequently: true });
  const bars = [];
  for (const end = performance.now() + milliseconds; performance.now() < end;) {
    paper.drawImage(video, 0, 0);
    const line = paper.getImageData(0, canvas.height >> 1, canvas.width, 1).data;
    let light = 0, weight = 0;
    for (let x = 0; x < canvas.width; x++) { light += line[4 * x]; weight += x * line[4 * x]; }
    bars.push([light / canvas.width, weight / Math.max(1, light)]);
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
  const levels = new Float32Array(analyser.frequencyBinCount);
  analyser.getFloatFrequencyData(levels);
  const top = levels.indexOf(Math.max(...levels));
  const found = { hertz: top * context.sampleRate / analyser.fftSize, level: levels[top], bars,
                  width: video.videoWidth, height: video.videoHeight,
                  frames: video.getVideoPlaybackQuality().totalVideoFrames };
  await context.close();
  return found;
}"""


def is_the_film(seen: Any) -> bool:
    """The MP4 is a tone, and a white bar of an eighth of the width that walks over black."""
    if not seen or abs(seen["hertz"] - HERTZ) > 15 or seen["level"] < -60:
        return False
    bright = [light for light, _ in seen["bars"]]
    places = {round(place / 8) for _, place in seen["bars"]}
    return seen["frames"] > 20 and 15 < sum(bright) / len(bright) < 60 and len(places) > 5


def test_a_page_answers_a_back_ends_dial_and_shows_its_mp4(
    tab: Callable[..., Page], instance: Instance, tmp_path: Path
) -> None:
    (tmp_path / "film.mp4").write_bytes(media("mp4", SECONDS, hertz=HERTZ))
    films = stage.serve(tmp_path)
    url = f"http://127.0.0.1:{films.server_port}/film.mp4"
    host = f"127.0.0.1:{instance.port}"
    back_end = signalwire.RestClient(project=instance.project_id, token=instance.api_token, host=host)
    token = back_end.fabric.tokens.create_subscriber_token(reference="john.doe@example.com")["token"]
    john = tab("john.doe@example.com", given=token)

    document = {"version": "1.0.0", "sections": {"main": [{"play": {"url": url}}, "hangup"]}}
    call = back_end.calling.dial(from_="+15551234567", to="/private/john-doe", swml=document)
    rung = john.rings()
    john.run("answer", rung, {"audio": True, "video": True})
    john.reaches(rung, "connected")
    last: list[Any] = []

    def watched() -> Any:
        last[:] = [john.page.evaluate(MEASURE, 500)]
        return last[0] if is_the_film(last[0]) else None

    try:
        seen = john.until(watched, "the film")
    except AssertionError as problem:
        raise AssertionError(f"what was seen and heard: {last}") from problem
    assert (seen["width"], seen["height"]) == (320, 240)

    statuses = john.reaches(rung, "destroyed", SECONDS + 6)
    ended = instance.api("GET", f"/api/calls/{call['id']}")
    assert (ended["end_reason"], ended["end_cause"], ended["ended_by"]) == ("hangup", "normal", "platform")
    assert statuses[-2:] == ["disconnected", "destroyed"], (statuses, john.run("errors"))
    films.shutdown()
