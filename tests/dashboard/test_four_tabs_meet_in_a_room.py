"""Four browser phones in one room: each sees the three others, one line follows the speaker, all hear all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from tests.dashboard.platform import WebProcess
from tests.dashboard.test_phone_pages_call_each_other import card, dial, web  # noqa: F401
from tests.e2e.conftest import start_worker, worker  # noqa: F401 the same workers as other whole calls
from tests.support.people import Cast, make_cast, subscriber

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]

PEOPLE = {  # tone in Hz, colour of the picture
    "alice": (428, [210, 40, 40]),
    "bob": (605, [40, 200, 40]),
    "carol": (811, [50, 50, 220]),
    "gus": (1130, [220, 210, 40]),
}
SECONDS = 90_000

# A microphone that plays a tone and a camera that shows a colour; `alone` drops what asks for more lines.
SCENE = """({ hertz, colour, alone }) => {
  navigator.mediaDevices.getUserMedia = async ({ audio, video }) => {
    const stream = new MediaStream();
    if (audio) {
      const context = new AudioContext();
      const [tone, gain, out] = [context.createOscillator(), context.createGain(),
        context.createMediaStreamDestination()];
      tone.frequency.value = hertz;
      gain.gain.value = 0.3;
      tone.connect(gain).connect(out);
      tone.start();
      window.loud = (on) => (gain.gain.value = on ? 0.3 : 0);
      stream.addTrack(out.stream.getAudioTracks()[0]);
    }
    if (video) {
      const canvas = Object.assign(document.createElement('canvas'), { width: 160, height: 120 });
      const pen = canvas.getContext('2d');
      let step = 0;
      setInterval(() => {
        pen.fillStyle = `rgb(${colour})`;
        pen.fillRect(0, 0, 160, 120);
        pen.fillStyle = 'white';
        pen.fillRect((step = (step + 4) % 150), 110, 8, 8);
      }, 100);
      stream.addTrack(canvas.captureStream(10).getVideoTracks()[0]);
    }
    return stream;
  };
  if (alone) {
    const Native = window.WebSocket;
    window.WebSocket = class extends Native {
      set onmessage(take) {
        super.onmessage = (event) => event.data.includes('new_tracks') || take(event);
      }
    };
  }
  // The colours on the page's tiles, own picture left out, and the tones that can be heard.
  window.colours = () => [...document.querySelectorAll('.stage video:not(.own)')]
    .filter((tile) => !tile.hidden && tile.videoWidth > 0).map((tile) => {
      const canvas = Object.assign(document.createElement('canvas'), { width: 8, height: 8 });
      const pen = canvas.getContext('2d');
      pen.drawImage(tile, 0, 0, 8, 8);
      return [...pen.getImageData(3, 2, 1, 1).data].slice(0, 3);
    });
  let ear;
  window.freshEars = () => (ear = undefined); // another call than before is heard
  window.tones = (wanted) => {
    const heard = phone.activeCalls[0]?.remoteStream.getAudioTracks() ?? [];
    if (!heard.length) return [];
    if (!ear) {
      const context = new AudioContext();
      ear = Object.assign(context.createAnalyser(), { fftSize: 8192, smoothingTimeConstant: 0.2 });
      context.createMediaStreamSource(new MediaStream(heard)).connect(ear);
    }
    const bins = new Float32Array(ear.frequencyBinCount);
    ear.getFloatFrequencyData(bins);
    const strength = (hertz) => bins[Math.round(hertz * ear.fftSize / ear.context.sampleRate)];
    return wanted.filter((hertz) => strength(hertz) > -55);
  };
}"""

ANSWER = "phone.activeCalls[0].peerConnection.remoteDescription.sdp"


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    made = make_cast()
    made.people["gus"] = subscriber(made.project, "gustav")
    return made


@pytest.fixture
def tab(browser, web: WebProcess, worker, cast: Cast) -> Iterator[Callable]:  # noqa: F811
    contexts = []

    def open_tab(name: str, alone: bool = False):
        hertz, colour = PEOPLE[name]
        context = browser.new_context(permissions=["microphone", "camera"])
        context.set_default_timeout(90_000)
        contexts.append(context)
        page = context.new_page()
        facts = json.dumps({"hertz": hertz, "colour": colour, "alone": alone})
        page.add_init_script(f"({SCENE})({facts})")
        page.goto(f"{web.url}/phone#token={getattr(cast, name).token}")
        page.get_by_text("Online", exact=True).wait_for()
        return page

    yield open_tab
    for context in contexts:
        context.close()


def shows(page, *names: str) -> None:
    """Waits until the page's tiles show exactly these people's colours."""
    page.wait_for_function(
        """([all, wanted]) => {
          const near = (one) => Object.entries(all).map(([name, [, colour]]) =>
            [colour.reduce((sum, value, at) => sum + Math.abs(value - one[at]), 0), name])
            .sort((a, b) => a[0] - b[0])[0];
          const seen = colours().map(near);
          return seen.every(([off]) => off < 120)
            && String(seen.map(([, name]) => name).sort()) === String(wanted);
        }""",
        arg=[PEOPLE, sorted(names)],
        timeout=SECONDS,
    )


def hears(page, *names: str) -> None:
    """Waits until exactly these people's tones are heard."""
    every = [hertz for hertz, _ in PEOPLE.values()]
    wanted = [PEOPLE[name][0] for name in PEOPLE if name in names]
    test = "([every, wanted]) => String(tones(every)) === String(wanted)"
    page.wait_for_function(test, arg=[every, wanted], timeout=SECONDS)


def test_each_of_four_tabs_sees_three_pictures_and_one_line_follows_the_speaker(tab, cast):
    from subscribers import provisioning

    provisioning.create_room(cast.project.id, {"name": "standup"})
    pages = {name: tab(name, alone=name == "gus") for name in PEOPLE}
    for page in pages.values():
        dial(page, "/public/standup", video=True)
        card(page, "/public/standup").get_by_text("Connected").wait_for()
    for page in pages.values():
        assert "a=simulcast:recv f;h;q" in page.evaluate(ANSWER)
    for name, page in pages.items():
        others = [other for other in PEOPLE if other != name]
        hears(page, *others)
        if name != "gus":
            shows(page, *others)
    for speaker in ("carol", "alice"):
        for name, page in pages.items():
            page.evaluate(f"loud({json.dumps(name == speaker)})")
        shows(pages["gus"], speaker)
        hears(pages["gus"], speaker)
    card(pages["bob"], "/public/standup").get_by_role("button", name="Hang up").click()
    shows(pages["alice"], "carol", "gus")
