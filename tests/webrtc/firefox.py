"""Firefox with a fake microphone and camera, without a window, told what to do by Marionette."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from config.process import end_with_parent
from tests.webrtc.browser_phone import BrowserPhone
from tests.webrtc.https_alone import trust
from tests.webrtc.loudspeaker import Loudspeaker
from tests.webrtc.marionette import Marionette
from tests.webrtc.own_network import Network

START_SECONDS = 60.0
PREFERENCES: dict[str, bool | int | str] = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.autoplay.default": 0,
    "media.gmp-manager.updateEnabled": False,
    "marionette.port": 0,  # any; it is written into the profile
    "app.update.disabledForTesting": True,
    "app.normandy.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.safebrowsing.downloads.remote.enabled": False,
    "browser.startup.homepage_override.mstone": "ignore",
    "datareporting.policy.dataSubmissionEnabled": False,
    "dom.ipc.processPrelaunch.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,none",
    "toolkit.telemetry.server": "data:,none",
}


class Firefox(BrowserPhone):
    """`Firefox(network, speaker, 500)`: a browser of its own whose microphone says 500 Hz; `authority`: one
    that it trusts besides; `more`: preferences of its own."""

    def __init__(
        self,
        network: Network,
        speaker: Loudspeaker | None,
        hertz: int,
        authority: Path | None = None,
        more: dict[str, bool | int | str] | None = None,
    ) -> None:
        self.hertz = hertz
        self._profile = Path(tempfile.mkdtemp(prefix="callwright-firefox-"))
        wanted = {**PREFERENCES, "media.navigator.audio.fake_frequency": hertz, **(more or {})}
        lines = (f"user_pref({name!r}, {_literal(value)});\n" for name, value in wanted.items())
        (self._profile / "user.js").write_text("".join(lines))
        if authority is not None:
            trust(self._profile, authority)
        self._log = (self._profile / "log").open("wb")
        words = ("firefox-esr", "--headless", "--no-remote", "--marionette", "--profile", str(self._profile))
        self.process = subprocess.Popen(
            network.command(*words),
            env={**os.environ, "HOME": str(self._profile), **(speaker.environment if speaker else {})},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=end_with_parent(signal.SIGKILL),
        )
        self.page = Marionette(network.connect(self._port()))

    def _port(self) -> int:
        written = self._profile / "MarionetteActivePort"
        deadline = time.monotonic() + START_SECONDS
        while not (written.exists() and written.read_text().strip()):
            assert self.process.poll() is None and time.monotonic() < deadline, self.words()
            time.sleep(0.1)
        return int(written.read_text())

    def words(self) -> str:
        return (self._profile / "log").read_text(errors="replace")[-3000:]

    def goto(self, url: str) -> None:
        self.page.goto(url)

    def evaluate(self, body: str, *arguments: object) -> object:
        return self.page.evaluate(body, *arguments)

    def signal(self, number: signal.Signals) -> None:
        """To the browser and every process of its own."""
        os.killpg(self.process.pid, number)

    def close(self) -> None:
        self.page.close()
        if self.process.poll() is None:
            self.signal(signal.SIGKILL)
            self.process.wait(5)
        self._log.close()
        shutil.rmtree(self._profile, ignore_errors=True)


def _literal(value: bool | int | str) -> str:
    return repr(value) if isinstance(value, str) else str(value).lower()
